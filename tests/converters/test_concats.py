"""Concatenated channels stay packed between crossbar layers, and give what floats give."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

import ternary_engine as te
from ternary_engine.converters import concats, convert, recipes
from ternary_engine.steps import Digital, Join
from tests import networks
from tests.converters.agreement import compare, normal
from tests.oracles import interpreter

LATE, EARLY = "behind", "before"


def fire(
    where: str, activations: str = "ternary", *, modules: int = 2, widths: tuple[int, int] = (5, 9),
    flat: bool = True, rank: int = 2,
) -> onnx.ModelProto:  # fmt: skip
    """Fire modules: two layers side by side; codes are made before or behind the concatenation."""
    b, kernel = networks.Builder(1), [3] * rank

    def quantise(x: str, channels: int, inputs: int) -> str:
        normal = b.batch_norm(x, channels, (inputs * 4 / 9) ** 0.5, gain=0.6, negative=0.3)
        return b.quantise(normal, activations)

    def conv(x: str, name: str, outputs: int, inputs: int, size: list[int]) -> str:
        weights = b.weights((outputs, inputs, *size), "ternary", f"{name}.weight")
        pads = [size[0] // 2] * 2 * rank
        return b.node("Conv", x, weights, name=name, pads=pads, kernel_shape=size)

    x, channels, size = b.quantise("x", activations), 3, 8
    for i in range(modules):
        parts = []
        for name, outputs, taps in (("one", widths[0], [1] * rank), ("three", widths[1], kernel)):
            part = conv(x, f"{name}{i}", outputs, channels, taps)
            early = quantise(part, outputs, channels * taps[0] ** rank) if where == EARLY else part
            parts.append(early)
        x, inputs = b.node("Concat", *parts, axis=1), channels * 4
        channels = sum(widths)
        x = x if where == EARLY else quantise(x, channels, inputs)
        if i == 0:
            x = b.node("MaxPool", x, kernel_shape=[2] * rank, strides=[2] * rank)
            size //= 2
    if flat:
        x = b.node("Flatten", x)
        weights = b.weights((4, channels * size**rank), "ternary", "head.weight")
        b.node("Gemm", x, weights, name="head", transB=1, output="y")
    else:
        b.nodes[-1].output[0] = "y"
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, *[8] * rank])},
        {"y": (TensorProto.FLOAT, ["N", 4] if flat else ["N", channels, *[size] * rank])},
    )


def without_joining(model: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> te.Network:
    """The network as it is where every concatenation is left to ONNX Runtime."""
    with monkeypatch.context() as patch:
        patch.setattr(concats, "sink", lambda *_: False)
        patch.setattr(recipes.Cook, "_joined", lambda *_: None)
        return convert(model)


@pytest.mark.parametrize("activations", ["ternary", "binary", "uint3", "int3", "qdq"])
@pytest.mark.parametrize("where", [LATE, EARLY])
@pytest.mark.parametrize("rank", [1, 2])
def test_fire_modules(where: str, activations: str, rank: int) -> None:
    model = fire(where, activations, rank=rank)
    found = compare(model, {"x": normal(4, 3, *[8] * rank)})
    kinds = Counter(found.kinds)
    assert kinds["Join"] == 2
    assert kinds["Digital"] == 0
    assert found.codes > 500
    assert found.different == 0
    assert found.output_error < 1e-5
    x = normal(4, 3, *[8] * rank)
    wanted = interpreter.run(found.network, {"x": x})["y"]
    np.testing.assert_array_equal(found.network.run(x), wanted)


@pytest.mark.parametrize("widths", [(64, 64), (1, 63), (60, 70)])
def test_channels_around_words(widths: tuple[int, int]) -> None:
    found = compare(fire(LATE, widths=widths), {"x": normal(3, 3, 8, 8)})
    assert Counter(found.kinds)["Join"] == 2
    assert found.different == 0


def test_codes_that_are_an_output_too() -> None:
    found = compare(fire(EARLY, flat=False), {"x": normal(3, 3, 8, 8)})
    assert found.different == 0
    assert found.output_error == 0


@pytest.mark.parametrize("per", ["program", "batch", "sample", "read"])
def test_errors_are_those_of_the_layers(monkeypatch: pytest.MonkeyPatch, per: str) -> None:
    """The same draws, bit for bit, whether codes are joined or floats concatenated."""
    model, x = fire(LATE), normal(6, 3, 8, 8)
    joined, apart = convert(model), without_joining(model, monkeypatch)
    assert any(isinstance(step, Join) for step in joined.steps)
    assert any(isinstance(step, Digital) for step in apart.steps)
    errors = te.SenseErrors(sign_flip=0.02, drop=0.05, rise=0.03, per=per)  # type: ignore[arg-type]
    first, second = (net.run(x, errors=errors, seed=3) for net in (joined, apart))
    np.testing.assert_array_equal(first, second)
    assert (first != joined.run(x)).any()


def test_records_are_replayed() -> None:
    network, x = convert(fire(LATE)), normal(4, 3, 8, 8)
    errors = te.SenseErrors(sign_flip=0.02, drop=0.05, rise=0.03, per="read")
    noisy, record = network.run(x, errors=errors, seed=5, record=True)
    np.testing.assert_array_equal(network.run(x, replay=record), noisy)
    assert (noisy != network.run(x)).any()


def dense(*, before: bool) -> onnx.ModelProto:
    """A dense block: every layer reads all earlier ones; codes before or behind each joint."""
    b, channels = networks.Builder(2), 6
    x = "x" if before else b.quantise("x", "ternary")

    def norm(x: str, channels: int, spread: float) -> str:
        return b.batch_norm(x, channels, spread, gain=0.6)

    for i, growth in enumerate((5, 7, 3)):
        y = b.quantise(norm(x, channels, 1.0), "ternary") if before else x
        weights = b.weights((growth, channels, 3, 3), "ternary", f"grow{i}.weight")
        z = b.node("Conv", y, weights, name=f"grow{i}", pads=[1] * 4)
        if not before:
            z = b.quantise(norm(z, growth, (channels * 4) ** 0.5), "ternary")
        x = b.node("Concat", x, z, axis=1)
        channels += growth
    x = b.quantise(norm(x, channels, 1.0), "ternary") if before else x
    x = b.node("Flatten", b.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]))
    weights = b.weights((4, channels * 9), "ternary", "head.weight")
    b.node("Gemm", x, weights, name="head", transB=1, output="y")
    return b.model({"x": (TensorProto.FLOAT, ["N", 6, 6, 6])}, {"y": (TensorProto.FLOAT, ["N", 4])})


@pytest.mark.parametrize("before", [False, True])
def test_dense_block(before: bool) -> None:
    """Codes made before the joints stay packed. Sums that every later layer quantises with
    thresholds of its own are left to floats, which is faster."""
    model, x = dense(before=before), normal(5, 6, 6, 6)
    found = compare(model, {"x": x})
    assert found.different == 0
    assert Counter(found.kinds)["Join"] == (0 if before else 3)
    assert {layer.placement for layer in found.network.layers} == {"crossbar"}
    wanted = interpreter.run(found.network, {"x": x})["y"]
    np.testing.assert_array_equal(found.network.run(x), wanted)


@pytest.mark.parametrize("axis", [2, 3])
def test_other_axes_are_left_alone(axis: int) -> None:
    b = networks.Builder(3)
    weights = b.weights((4, 3, 1, 1), "ternary", "w")
    sums = [b.node("Conv", b.quantise("x", "ternary"), weights, name=f"c{i}") for i in range(2)]
    codes = b.quantise(b.node("Concat", *sums, axis=axis), "ternary")
    last: Any = b.weights((2, 4, 1, 1), "ternary", "v")
    b.node("Conv", codes, last, name="last", output="y")
    model = b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, 4, 4])},
        {"y": (TensorProto.FLOAT, ["N", 2, *([8, 4] if axis == 2 else [4, 8])])},
    )
    found = compare(model, {"x": normal(2, 3, 4, 4)})
    assert found.different == 0
    assert "Join" not in found.kinds
