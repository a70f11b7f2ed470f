"""Whole networks, by batch and threads."""

from __future__ import annotations

import pytest

from bench import networks


@pytest.mark.parametrize(("batch", "threads"), networks.SETTINGS)
@pytest.mark.parametrize("filters", networks.FILTERS)
def bench_vgg(filters, batch, threads, compare):
    row = compare(networks.case(filters, batch, threads))
    assert row["ratios"]["onnxruntime float32"] > 0
