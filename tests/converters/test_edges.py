"""Inputs at the edge of float32, sums that are never 0, biases that the graph computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import ternary_engine as te
from ternary_engine.converters import convert
from tests import networks
from tests.converters.agreement import compare, normal, source_values
from tests.oracles import interpreter


@pytest.mark.parametrize("activations", ["ternary", "binary", "uint2", "int3", "qdq"])
@pytest.mark.parametrize("top", [1e30, np.inf])
def test_the_largest_inputs(activations: str, top: float) -> None:
    model = networks.mlp((6, 5), activations=activations, seed=3)
    x = np.concatenate([np.full((1, 6), top), np.full((1, 6), -top)]).astype(np.float32)
    wanted = source_values(model, {"x": x})["y"]
    network = convert(model)
    for got in (interpreter.run(network, {"x": x})["y"], network.run(x)):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_steps_that_never_come_do_not_come_at_infinity() -> None:
    b = networks.Builder(0)
    x = b.node("Mul", "x", b.real(1e-30))
    x = b.node("Round", b.node("Clip", x, b.real(-1.0), b.real(0.4)))
    b.node("Gemm", x, b.weights((4, 6), "ternary", "w"), transB=1, output="y")
    model = b.model({"x": (TensorProto.FLOAT, ["N", 6])}, {"y": (TensorProto.FLOAT, ["N", 4])})
    x = np.array([[np.inf, -np.inf, 3e38, -3e38, 0, 1]], np.float32)
    wanted = source_values(model, {"x": x})["y"]
    np.testing.assert_array_equal(convert(model).run(x), wanted)


def signs(inputs: int, kind: str, **options: Any) -> onnx.ModelProto:
    """Sign of the products of signs with binary weights, into a ternary layer."""
    b = networks.Builder(1)
    x = b.binarise("x")
    scale = options.pop("scale", 1.0)
    if kind == "Conv":
        w = b.weights((8, inputs, 3, 3), "binary", "first", scales=scale)
        x = b.node("Conv", x, w, name="first", **options)
    else:
        w = b.weights((inputs, 8), "binary", "first", axis=1, scales=scale)
        x = b.node("MatMul", x, w, name="first", **options)
    x = b.node("Sign", x)
    if kind == "Conv":
        w = b.weights((3, 8, 1, 1), "ternary", "second")
        b.node("Conv", x, w, name="second", output="y")
    else:
        w = b.weights((8, 3), "ternary", "second", axis=1)
        b.node("MatMul", x, w, name="second", output="y")
    image = ["h", "w"] if kind == "Conv" else []
    size = [6, 6] if kind == "Conv" else []
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", inputs, *size])},
        {"y": (TensorProto.FLOAT, ["N", "c", *image])},
    )


@pytest.mark.parametrize(
    ("inputs", "kind", "options", "wanted"),
    [
        (5, "MatMul", {}, "binary"),
        (6, "MatMul", {}, "ternary"),
        (65, "MatMul", {"scale": 0.3}, "binary"),
        (3, "Conv", {}, "binary"),
        (4, "Conv", {}, "ternary"),
        (3, "Conv", {"strides": [2, 2], "auto_pad": "VALID"}, "binary"),
        (3, "Conv", {"pads": [1, 1, 1, 1]}, "ternary"),
        (3, "Conv", {"auto_pad": "SAME_UPPER"}, "ternary"),
        (3, "Conv", {"scale": np.arange(1, 9)}, "binary"),
    ],
)
def test_signs_of_sums_that_are_never_zero(
    inputs: int, kind: str, options: dict[str, Any], wanted: str
) -> None:
    model = signs(inputs, kind, **options)
    x = normal(40, inputs, *((6, 6) if kind == "Conv" else ()))
    found = compare(model, {"x": x})
    assert found.network.layers[1].input == wanted
    assert found.different == 0
    assert found.output_error == 0
    np.testing.assert_array_equal(
        found.network.run(x), interpreter.run(found.network, {"x": x})["y"]
    )


def test_flipped_signs_stay_signs() -> None:
    network = convert(signs(5, "MatMul"))
    x = normal(500, 5)
    y = network.run(x, errors={"first": te.SenseErrors(sign_flip=0.3)}, seed=1)
    codes = np.unique(y % 2, axis=0)  # a sum of as many signs as there are weights
    assert len(codes) == 1


def test_bias_that_the_graph_computes() -> None:
    """What PyTorch's exporter writes without optimisation: a zero bias through Expand."""
    for kind in ("ternary", "real"):
        b = networks.Builder(2)
        x = b.quantise("x", kind)
        zero = b.node("Expand", b.real(np.zeros(1)), b.constant(np.array([4], np.int64)))
        w = b.weights((4, 3, 3, 3), "ternary", "w")
        b.node("Conv", x, w, zero, output="y")
        model = b.model(
            {"x": (TensorProto.FLOAT, ["N", 3, 6, 6])},
            {"y": (TensorProto.FLOAT, ["N", "c", "h", "w"])},
        )
        found = compare(model, {"x": normal(3, 3, 6, 6)})
        assert found.output_error < 1e-6
        assert found.network.layers[0].input == kind
        assert found.network.run(normal(3, 3, 6, 6)).shape == (3, 4, 4, 4)


@pytest.mark.parametrize("kind", ["ternary", "real"])
@pytest.mark.parametrize("op", ["Conv", "Gemm"])
def test_bias_that_is_an_input(kind: str, op: str) -> None:
    b = networks.Builder(2)
    x = b.quantise("x", kind)
    w = b.weights((4, 3, 3, 3) if op == "Conv" else (3, 4), "ternary", "w")
    b.node(op, x, w, b.node("Neg", "b"), output="y")
    image = ["N", "h", "w"] if op == "Conv" else []
    model = b.model(
        {
            "x": (TensorProto.FLOAT, ["N", 3, 6, 6] if op == "Conv" else ["N", 3]),
            "b": (TensorProto.FLOAT, [4]),
        },
        {"y": (TensorProto.FLOAT, ["N", *image[:2], "k"] if op == "Conv" else ["N", "k"])},
    )
    x = normal(2, 3, 6, 6) if op == "Conv" else normal(2, 3)
    feeds = {"x": x, "b": normal(4)}
    wanted = source_values(model, feeds)["y"]
    network = convert(model)
    assert network.layers[0].placement == "crossbar"
    np.testing.assert_allclose(interpreter.run(network, feeds)["y"], wanted, atol=1e-5)
