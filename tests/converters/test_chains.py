"""Chains between layers in many spellings: thresholds, tables, or digital, never a wrong code."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ternary_engine.converters import recipes, thresholds
from tests.converters.agreement import Agreement, compare, normal
from tests.networks import Builder

Chain = Callable[[Builder, str], str]
CHANNELS = 12


def two_layers(chain: Chain, *, conv: bool = True, opset: int = 17, seed: int = 0) -> Agreement:
    """A crossbar layer, the chain, another layer; compared with the source."""
    b = Builder(seed)
    x = b.ternarise("x")
    shape = (CHANNELS, 3, 3, 3) if conv else (CHANNELS, 20)
    w = b.weights(shape, "ternary", "first.weight")
    x = b.node("Conv", x, w) if conv else b.node("Gemm", x, w, transB=1)
    x = chain(b, x)
    if conv:
        w = b.weights((4, CHANNELS, 3, 3), "ternary", "second.weight")
        b.node("Conv", x, w, name="second", output="y")
    else:
        w = b.weights((4, CHANNELS), "ternary", "second.weight")
        b.node("Gemm", x, w, name="second", transB=1, output="y")
    sizes = ["N", 3, 9, 9] if conv else ["N", 20]
    model = b.model(
        {"x": (TensorProto.FLOAT, sizes)},
        {"y": (TensorProto.FLOAT, ["N", 4, 5, 5] if conv else ["N", 4])},
        opset,
    )
    return compare(model, {"x": normal(4, *sizes[1:])})


def spread(b: Builder, low: float, high: float) -> str:
    """A constant that differs by channel."""
    return b.real(b.random.uniform(low, high, (CHANNELS, 1, 1)))


def scaled(b: Builder, x: str) -> str:
    """Sums to a range of about -2 .. 2, some channels turned round."""
    return b.node("Add", b.node("Mul", x, spread(b, -0.5, 0.5)), spread(b, -1, 1))


def ternary(b: Builder, x: str) -> str:
    return b.node("Round", b.node("Clip", x, b.real(-1), b.real(1)))


MONOTONE: dict[str, Chain] = {
    "sign": lambda b, x: b.node("Sign", scaled(b, x)),
    "bare sign": lambda b, x: b.node("Sign", x),
    "larq sign": lambda b, x: b.node(
        "Sign", b.node("Add", b.node("Sign", scaled(b, x)), b.real(0.1))
    ),
    "tanh": lambda b, x: ternary(b, b.node("Tanh", scaled(b, x))),
    "sigmoid": lambda b, x: b.node("Round", b.node("Sigmoid", scaled(b, x))),
    "hard sigmoid": lambda b, x: b.node("Round", b.node("HardSigmoid", scaled(b, x))),
    "leaky relu": lambda b, x: ternary(b, b.node("LeakyRelu", scaled(b, x), alpha=0.3)),
    "prelu": lambda b, x: ternary(b, b.node("PRelu", scaled(b, x), spread(b, 0.1, 0.9))),
    "relu and ceil": lambda b, x: b.node(
        "Min", b.node("Ceil", b.node("Relu", scaled(b, x))), b.real(3)
    ),
    "floor": lambda b, x: b.node(
        "Clip", b.node("Floor", scaled(b, x)), b.real(-2), b.real(1)
    ),
    "division and power": lambda b, x: ternary(
        b, b.node("Pow", b.node("Div", scaled(b, x), spread(b, 1, 2)), b.real(3))
    ),
    "difference of casts": lambda b, x: b.node(
        "Sub",
        b.node("Cast", b.node("Greater", scaled(b, x), b.real(0.4)), to=1),
        b.node("Cast", b.node("Less", b.nodes[-3].output[0], b.real(-0.4)), to=1),
    ),
    "where": lambda b, x: b.node(
        "Where", b.node("Less", scaled(b, x), spread(b, -1, 1)), b.real(-0.5), b.real(0.5)
    ),
    "where of not": lambda b, x: b.node(
        "Where", b.node("Not", b.node("Less", scaled(b, x), b.real(0))), b.real(1), b.real(0)
    ),
    "leftover of straight-through": lambda b, x: straight_through(b, scaled(b, x)),
    "double negation": lambda b, x: b.node("Neg", b.node("Sign", b.node("Neg", scaled(b, x)))),
    "batch norm without channels alike": lambda b, x: ternary(
        b, b.batch_norm(x, CHANNELS, 4.0, gain=1.0, negative=0.5, dead=0.2)
    ),
}  # fmt: skip


def straight_through(b: Builder, x: str) -> str:
    quantised = ternary(b, x)
    return b.node("Add", x, b.node("Sub", quantised, x))


@pytest.mark.parametrize("name", MONOTONE)
def test_monotone_chains_become_thresholds(name: str) -> None:
    found = two_layers(MONOTONE[name])
    assert found.different == 0
    assert found.output_error < 1e-6
    assert found.kinds == ("Encode", "Crossbar", "Threshold", "Crossbar", "LookupReal")


NOT_MONOTONE: dict[str, Chain] = {
    "magnitude": lambda b, x: b.node(
        "Min", b.node("Round", b.node("Abs", scaled(b, x))), b.real(3)
    ),
    "wave": lambda b, x: ternary(b, b.node("Sin", scaled(b, x))),
    "window": lambda b, x: b.node("Cast", b.node("Equal", x, b.real(2)), to=1),
}


@pytest.mark.parametrize("name", NOT_MONOTONE)
def test_other_chains_become_tables(name: str) -> None:
    found = two_layers(NOT_MONOTONE[name])
    assert found.different == 0
    assert found.output_error < 1e-6
    assert found.kinds == ("Encode", "Crossbar", "LookupCodes", "Crossbar", "LookupReal")


def test_tables_too_large_are_computed_digitally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "LARGEST_TABLE", 16)
    found = two_layers(NOT_MONOTONE["magnitude"])
    assert found.different == 0
    assert found.output_error < 1e-6
    assert found.kinds == (
        "Encode", "Crossbar", "ScaleReal", "Digital", "Encode", "Crossbar", "ScaleReal",
    )  # fmt: skip


@pytest.mark.parametrize("name", MONOTONE)
def test_bisection_finds_the_same_steps(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thresholds, "EXHAUSTIVE", 0)
    found = two_layers(MONOTONE[name], seed=1)
    assert found.different == 0
    assert "Threshold" in found.kinds


def test_chain_through_a_pool_that_is_not_monotone() -> None:
    def chain(b: Builder, x: str) -> str:
        x = b.node("MaxPool", b.node("Abs", x), kernel_shape=[2, 2], strides=[1, 1])
        return b.node("Min", b.node("Round", b.node("Mul", x, b.real(0.3))), b.real(3))

    b = Builder(0)
    x = b.node("Conv", b.ternarise("x"), b.weights((CHANNELS, 3, 3, 3), "ternary", "w"))
    x = chain(b, x)
    b.node("Conv", x, b.weights((4, CHANNELS, 3, 3), "ternary", "v"), output="y")
    model = b.model({"x": (1, ["N", 3, 9, 9])}, {"y": (1, ["N", 4, 4, 4])})
    found = compare(model, {"x": normal(4, 3, 9, 9)})
    assert found.different == 0
    assert found.output_error < 1e-6
    assert "Pool" not in found.kinds


def test_two_consumers_with_thresholds_of_their_own() -> None:
    b = Builder(3)
    x = b.node("Gemm", b.ternarise("x"), b.weights((16, 20), "ternary", "w"), transB=1)
    ends = []
    for index in range(2):
        code = b.ternarise(b.batch_norm(x, 16, 4.0))
        ends.append(b.node("Gemm", code, b.weights((6, 16), "ternary", f"v{index}"), transB=1))
    b.node("Add", *ends, output="y")
    model = b.model({"x": (1, ["N", 20])}, {"y": (1, ["N", 6])})
    found = compare(model, {"x": normal(9, 20)})
    assert found.different == 0
    assert found.output_error < 1e-6
    assert found.kinds.count("Threshold") == 2
    assert found.kinds.count("Crossbar") == 3


def test_equal_encodings_are_made_once() -> None:
    b = Builder(3)
    ends = []
    for index in range(2):
        w = b.weights((6, 20), "ternary", f"v{index}")
        ends.append(b.node("Gemm", b.ternarise("x"), w, transB=1))
    b.node("Add", *ends, output="y")
    model = b.model({"x": (1, ["N", 20])}, {"y": (1, ["N", 6])})
    found = compare(model, {"x": normal(9, 20)})
    assert found.output_error < 1e-6
    assert found.kinds.count("Encode") == 1


@pytest.mark.parametrize("opset", [9, 11, 13, 17, 21])
def test_opsets(opset: int) -> None:
    b = Builder(opset)
    x = b.node("Conv", b.node("Sign", "x"), b.weights((8, 3, 3, 3), "binary", "w"))
    if opset < 14:
        params = [b.real(b.random.uniform(0.5, 2, 8)) for _ in range(4)]
        x = b.node("BatchNormalization", x, *params)
    else:
        x = b.batch_norm(x, 8, 5.0)
    x = b.node("Flatten", b.node("Sign", x))
    b.node("Gemm", x, b.weights((5, 8 * 49), "ternary", "v"), b.real(np.zeros(5)), transB=1,
           output="y")  # fmt: skip
    model = b.model({"x": (1, ["N", 3, 9, 9])}, {"y": (1, ["N", 5])}, opset)
    found = compare(model, {"x": normal(4, 3, 9, 9)})
    assert found.different == 0
    assert found.kinds == ("Encode", "Crossbar", "Threshold", "Crossbar", "LookupReal")


def test_zero_pads_join_the_window() -> None:
    for opset in (9, 13):
        b = Builder(1)
        x = b.node("Sign", "x")
        widths = [0, 0, 1, 2, 0, 0, 0, 1]
        if opset < 11:
            x = b.node("Pad", x, pads=widths)
        else:
            x = b.node("Pad", x, b.constant(np.array(widths, np.int64)))
        b.node("Conv", x, b.weights((8, 3, 3, 3), "binary", "w"), pads=[1, 0, 0, 0], output="y")
        model = b.model({"x": (1, ["N", 3, 9, 9])}, {"y": (1, ["N", 8, 9, 10])}, opset)
        found = compare(model, {"x": normal(4, 3, 9, 9)})
        assert found.output_error == 0
        assert found.kinds == ("Encode", "Crossbar", "LookupReal")


def test_other_pads_are_computed_digitally() -> None:
    b = Builder(1)
    widths = b.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64))
    x = b.node("Pad", b.node("Sign", "x"), widths, b.real(-1.0))
    b.node("Conv", x, b.weights((8, 3, 3, 3), "binary", "w"), output="y")
    model = b.model({"x": (1, ["N", 3, 9, 9])}, {"y": (1, ["N", 8, 9, 9])})
    found = compare(model, {"x": normal(4, 3, 9, 9)})
    assert found.output_error == 0
    assert found.kinds == ("Digital", "Encode", "Crossbar", "LookupReal")


def test_codes_joined_and_averaged() -> None:
    b = Builder(1)
    x = b.ternarise("x")
    left = b.ternarise(b.hardtanh(b.node("Conv", x, b.weights((4, 3, 1, 1), "ternary", "w"))))
    joined = b.node("Concat", left, x, axis=1)
    z = b.node("Conv", joined, b.weights((6, 7, 3, 3), "ternary", "v"))
    mean = b.node("GlobalAveragePool", joined)
    b.node("Add", z, b.node("ReduceMean", mean, axes=[1], keepdims=1), output="y")
    model = b.model({"x": (1, ["N", 3, 9, 9])}, {"y": (1, ["N", 6, 7, 7])})
    found = compare(model, {"x": normal(4, 3, 9, 9)})
    assert found.different == 0
    assert found.output_error < 1e-6
    assert found.kinds.count("Crossbar") == 2


def test_classes_at_the_end() -> None:
    b = Builder(1)
    x = b.node("Gemm", b.ternarise("x"), b.weights((10, 20), "ternary", "w"), transB=1)
    b.node("Softmax", x, axis=-1, output="p")
    b.node("ArgMax", x, axis=1, keepdims=0, output="y")
    model = b.model({"x": (1, ["N", 20])}, {"y": (7, ["N"]), "p": (1, ["N", 10])})
    found = compare(model, {"x": normal(9, 20)})
    assert found.output_error < 1e-6
    assert [port.dtype for port in found.network.outputs] == ["int64", "float32"]
    assert found.kinds == ("Encode", "Crossbar", "LookupReal", "Digital")


def test_local_functions_and_constant_nodes() -> None:
    body = [
        helper.make_node("Constant", [], ["one"], value_float=1.0),
        helper.make_node("Constant", [], ["none"], value_float=-1.0),
        helper.make_node("Clip", ["a", "none", "one"], ["c"]),
        helper.make_node("Round", ["c"], ["b"]),
    ]
    function = helper.make_function(
        "local", "Ternary", ["a"], ["b"], body, [helper.make_opsetid("", 17)]
    )
    b = Builder(0)
    w = b.weights((6, 20), "ternary", "w")
    b.nodes.append(helper.make_node("Ternary", ["x"], ["q"], domain="local"))
    b.node("Gemm", "q", w, transB=1, output="y")
    graph = helper.make_graph(
        b.nodes,
        "g",
        [helper.make_tensor_value_info("x", 1, ["N", 20]),
         helper.make_tensor_value_info("w", 1, [6, 20])],
        [helper.make_tensor_value_info("y", 1, ["N", 6])],
        list(b.initialisers.values()),
    )  # fmt: skip
    model = helper.make_model(
        graph, functions=[function], ir_version=8,
        opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
    )  # fmt: skip
    onnx.checker.check_model(model)
    found = compare(model, {"x": normal(9, 20)})
    assert found.kinds == ("Encode", "Crossbar", "LookupReal")
    assert found.output_error == 0
    assert [port.name for port in found.network.inputs] == ["x"]


def _long_chain(op: str, length: int) -> onnx.ModelProto:
    b = Builder(0)
    x = "x"
    for _ in range(length):
        x = b.node(op, x)
    b.node("Gemm", b.node("Sign", x), b.weights((5, 20), "ternary", "w"), transB=1, output="y")
    return b.model({"x": (1, ["N", 20])}, {"y": (1, ["N", 5])})


@pytest.mark.parametrize("op", ["Relu", "Sin"])
def test_time_grows_with_the_length_of_a_chain_not_its_square(op: str) -> None:
    taken = []
    for length in (150, 600):
        start = time.process_time()
        found = compare(_long_chain(op, length), {"x": normal(3, 20)})
        taken.append(time.process_time() - start)
        assert found.different == 0
    assert taken[1] < 9 * taken[0]  # 16 times when every piece of the chain was tried
