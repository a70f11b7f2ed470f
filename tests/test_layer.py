"""What a layer says of its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ternary_engine.layer import Layer


def make(codes: Any, **changes: Any) -> Layer:
    weights = np.array(codes, np.int8)
    fields: dict[str, Any] = {
        "name": "fc", "op": "Gemm", "kind": "linear", "placement": "crossbar", "input": "ternary",
        "reason": "", "shape": weights.shape, "output_axis": 0,
        "scales": np.ones(1, np.float32), "pairs": Layer.pack(weights), "levels": 3,
    }  # fmt: skip
    return Layer(**(fields | changes))


DIGITAL = {"placement": "digital", "pairs": None, "scales": np.zeros(0, np.float32)}


def test_ternary() -> None:
    layer = make([[1, 0, -1], [0, 0, 1]])
    assert layer.weights is not None
    assert layer.weights.tolist() == [[1, 0, -1], [0, 0, 1]]
    assert layer.weights.dtype == np.int8
    assert (layer.planes, layer.cells, layer.outputs) == (1, 6, 2)
    assert layer.zero_fraction == 0.5


def test_several_planes() -> None:
    codes = [[13, -5, 0, 1]]
    layer = make(codes)
    assert layer.weights is not None
    assert layer.weights.tolist() == codes
    assert layer.trits.shape == (3, 1, 4)
    assert (layer.planes, layer.cells) == (3, 12)
    zeros = np.mean(layer.trits == 0)
    assert layer.zero_fraction == pytest.approx(zeros)


def test_outputs_are_counted_along_their_axis() -> None:
    assert make(np.zeros((4, 7)), output_axis=1).outputs == 7


@pytest.mark.parametrize("axis", [0, 1])
def test_real_weights_with_one_scale_for_each_output(axis: int) -> None:
    codes = np.array([[1, -1, 0], [0, 1, 1]], np.int8)
    scales = np.arange(1, codes.shape[axis] + 1).astype(np.float32)
    real = make(codes, output_axis=axis, scales=scales).real_weights()
    assert real.dtype == np.float32
    expected = codes * (scales[:, None] if axis == 0 else scales[None, :])
    np.testing.assert_array_equal(real, expected)


@pytest.mark.parametrize("outputs", [1, 2])
def test_real_weights_with_scales_by_sign(outputs: int) -> None:
    codes = np.array([[1, -1, 0], [-1, 0, 1]], np.int8)
    scales = np.array([[0.5, 2.0], [3.0, 4.0]], np.float32)[:outputs]
    real = make(codes, scales=scales).real_weights()
    second = [-4.0, 0.0, 3.0] if outputs == 2 else [-2.0, 0.0, 0.5]
    assert real.tolist() == [[0.5, -2.0, 0.0], second]


def test_digital() -> None:
    layer = make([[1, 2]], **DIGITAL)
    assert layer.weights is None
    assert (layer.planes, layer.cells, layer.zero_fraction) == (0, 0, 0.0)
    with pytest.raises(ValueError, match="'fc' is digital and stores no trits"):
        _ = layer.trits
    with pytest.raises(ValueError, match="'fc' is digital"):
        layer.real_weights()


def test_a_layer_without_weights_has_no_zeros() -> None:
    assert make(np.zeros((0, 3))).zero_fraction == 0.0
