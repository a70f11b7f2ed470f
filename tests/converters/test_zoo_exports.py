"""The networks that ship: real exports of PyTorch, every code as in the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.conftest import ROOT
from tests.converters.agreement import compare, normal
from tests.networks import Builder

FILES = sorted((ROOT / "ternary_engine" / "zoo").glob("*.onnx"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_code(path: Path) -> None:
    model = onnx.load(path)
    (port,) = model.graph.input
    tensor = port.type.tensor_type
    sizes = [dim.dim_value or 20 for dim in tensor.shape.dim]
    dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
    random = np.random.default_rng(1)
    x = random.integers(0, 256, sizes) if dtype == np.uint8 else random.uniform(0, 16, sizes)
    found = compare(model, {port.name: x.astype(dtype)})
    assert found.codes > 0
    assert found.different == 0
    assert found.output_error < 1e-5
    assert {layer.placement for layer in found.network.layers} == {"crossbar"}
    scaled = found.network.layers[0].input == "real"  # pixels are scaled before it
    assert "Digital" not in found.kinds[scaled:]
    assert found.network.batching == "free"


def test_something_ships() -> None:
    assert len(FILES) >= 3


def test_limits_cast_like_a_tensor_and_sizes_read_from_one() -> None:
    b = Builder(0)
    low, high = (b.node("CastLike", b.real(v), "x") for v in (-1, 1))
    x = b.node("Round", b.node("Clip", "x", low, high))
    x = b.node("Conv", x, b.weights((8, 3, 3, 3), "ternary", "w"))
    channels = b.node("Gather", b.node("Shape", x), b.constant(np.array(1)))
    share = b.node("Div", b.real(16), b.node("Cast", channels, to=1))
    x = b.node("Round", b.node("Clip", b.node("Div", x, share), b.real(-1), b.real(1)))
    b.node("Conv", x, b.weights((5, 8, 3, 3), "ternary", "v"), output="y")
    model = b.model({"x": (1, ["N", 3, 9, 9])}, {"y": (1, ["N", 5, 5, 5])})
    found = compare(model, {"x": normal(3, 3, 9, 9)})
    assert found.different == 0
    assert found.output_error < 1e-6
    assert found.kinds == ("Encode", "Crossbar", "Threshold", "Crossbar", "LookupReal")
