"""Types and opsets of whole models: where the layer lies, and what `check` says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ternary_engine import check
from ternary_engine.converters import convert
from tests.fuzz.hostile import TRITS, build, node, tail


@pytest.mark.parametrize(
    ("kind", "input"),
    [("FLOAT", "ternary"), ("FLOAT16", "real"), ("DOUBLE", "real"), ("BFLOAT16", "ternary")],
)
def test_types(kind: str, input: str) -> None:
    code = TensorProto.DataType.Value(kind)
    weights = helper.make_tensor("w", code, [4, 3], (TRITS["w"] / 2).reshape(-1).tolist())
    model = build(tail("x"), {"w": weights}, kind=code, out=code, opsets={"": 22})
    (layer,) = convert(model).layers
    assert (layer.placement, layer.input, layer.scales.tolist()) == ("crossbar", input, [0.5])
    assert check(model).agrees


@pytest.mark.parametrize("opset", [6, 7, 9, 11, 13, 17, onnx.defs.onnx_opset_version()])
@pytest.mark.parametrize("batch", ["N", 1])
def test_opsets(opset: int, batch: Any) -> None:
    """Before 7 the version converter wants every size: a free batch is put in later."""
    old = opset < 11
    ends = {"min": -1.0, "max": 1.0} if old else {}
    names = ["x"] if old else ["x", "low", "high"]
    nodes = [
        node("Clip", names, ["c"], **ends), node("Mul", ["c", "gain"], ["g"]),
        node("MatMul", ["g", "w"], ["h"], "fc"), node("Relu", ["h"], ["y"]),
    ]  # fmt: skip
    if opset < 7:
        nodes[1].attribute.append(helper.make_attribute("broadcast", 1))
    constants = {"w": TRITS["w"], "gain": np.float32([0.5])}
    if not old:
        constants |= {"low": np.float32(-1), "high": np.float32(1)}
    model = build(nodes, constants, shape=(batch, 4), opsets={"": opset})
    model.ir_version = 3 if opset < 7 else 8
    if opset < 7:
        for name, array in constants.items():
            info = helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
            model.graph.input.append(info)
    if opset > 17:
        model.ir_version = 10
    network = convert(model)
    assert [layer.placement for layer in network.layers] == ["crossbar"]
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    wanted = np.maximum(np.clip(x, -1, 1) / 2 @ TRITS["w"], 0)
    np.testing.assert_allclose(network.run(x), wanted, rtol=1e-6)
