"""Ternary convolutions with fused thresholds, one thread."""

from __future__ import annotations

import pytest

from bench import convolutions


@pytest.mark.parametrize(("size", "channels"), convolutions.SHAPES)
def bench_convolution(size, channels, compare):
    row = compare(convolutions.case(size, channels))
    assert row["ratios"]["onnxruntime float32"] > 1
