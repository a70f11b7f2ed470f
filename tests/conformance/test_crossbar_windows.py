"""Convolutions and pools with random windows, between two low-bit layers, as in the source."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto

from tests.conformance import suite
from tests.conformance.test_crossbar_cases import attributes_of, shape_of
from tests.converters.agreement import Agreement, compare, normal
from tests.networks import Builder

FLOAT = TensorProto.FLOAT
QUICK = settings(max_examples=25, deadline=None, derandomize=True,
                 suppress_health_check=list(HealthCheck))  # fmt: skip
LONG = settings(QUICK, max_examples=60)
ACTIVATIONS = st.sampled_from(["ternary", "binary", "uint2", "uint4", "int3", "qdq"])


def checked(model: onnx.ModelProto, x: Any, digital: str = "") -> Agreement:
    """Every code and output as in the source, layers on the crossbar, kernels as the interpreter.

    A layer whose reason names ``digital`` may be computed by ONNX Runtime.
    """
    found = compare(model, {"x": x})
    for layer in found.network.layers:
        excused = bool(digital) and digital in layer.reason
        assert layer.placement == ("digital" if excused else "crossbar"), layer.reason
    assert found.different == 0
    assert found.output_error < 1e-5
    y = found.network.run(x)
    again = compare_kernels(found, x)
    np.testing.assert_allclose(y, again, rtol=1e-5, atol=1e-5 * max(np.abs(again).max(), 1))
    return found


def compare_kernels(found: Agreement, x: Any) -> Any:
    from tests.oracles import interpreter

    return interpreter.run(found.network, {"x": x})["y"]


@st.composite
def windows(draw: st.DrawFn, rank: int) -> dict[str, Any]:
    """Kernel, strides, dilations and pads of a window over ``rank`` axes."""
    each = lambda low, high: [draw(st.integers(low, high)) for _ in range(rank)]  # noqa: E731
    found: dict[str, Any] = {"kernel_shape": each(1, 4)}
    if draw(st.booleans()):
        found["strides"] = each(1, 3)
    if draw(st.booleans()):
        found["dilations"] = each(1, 3)
    mode = draw(st.sampled_from(["", "pads", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if mode == "pads":
        found["pads"] = [
            draw(st.integers(0, size - 1)) for _ in range(2) for size in found["kernel_shape"]
        ]
    elif mode:
        found["auto_pad"] = mode
        if mode.startswith("SAME"):
            found.pop("dilations", None)  # ONNX Runtime pads for a window without them
    return found


def fits(window: dict[str, Any], size: tuple[int, ...]) -> bool:
    rank = len(size)
    pads = window.get("pads", [0] * (2 * rank))
    reach = [
        (k - 1) * d + 1
        for k, d in zip(window["kernel_shape"], window.get("dilations", [1] * rank), strict=True)
    ]
    return all(n + pads[i] + pads[i + rank] >= reach[i] for i, n in enumerate(size))


@st.composite
def convolutions(draw: st.DrawFn, rank: int) -> tuple[onnx.ModelProto, tuple[int, ...]]:
    """Codes, a convolution, codes, a pointwise convolution."""
    b = Builder(draw(st.integers(0, 99)))
    window = draw(windows(rank))
    size = tuple(draw(st.integers(3, 11)) for _ in range(rank))
    assume(fits(window, size))
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    each, outputs = draw(st.integers(1, 5)), groups * draw(st.integers(1, 6))
    weights, activations = draw(st.sampled_from(["ternary", "binary"])), draw(ACTIVATIONS)
    w = b.weights((outputs, each, *window["kernel_shape"]), weights, "w")
    inputs = [b.quantise("x", activations), w]
    if draw(st.booleans()):
        inputs.append(b.real(b.random.normal(size=outputs)))
    z = b.node("Conv", *inputs, name="first", group=groups, **window)
    z = b.quantise(b.batch_norm(z, outputs, 2.0, gain=1.0), draw(ACTIVATIONS))
    v = b.weights((3, outputs, *[1] * rank), "ternary", "v")
    b.node("Conv", z, v, name="second", output="y")
    shape = (groups * each, *size)
    free = [f"d{axis}" for axis in range(rank)]
    model = b.model({"x": (FLOAT, ["N", *shape])}, {"y": (FLOAT, ["N", 3, *free])})
    return model, shape


@st.composite
def pools(draw: st.DrawFn, rank: int) -> tuple[onnx.ModelProto, tuple[int, ...]]:
    """A low-bit convolution, a pool of its sums or codes, and another low-bit convolution."""
    kind = draw(st.sampled_from(["MaxPool", "AveragePool"]))
    window = draw(windows(rank))
    if "auto_pad" not in window and draw(st.booleans()):
        window["ceil_mode"] = 1
    if "SAME" in window.get("auto_pad", "") and "strides" in window:  # or pads would be negative
        window["strides"] = list(map(min, window["strides"], window["kernel_shape"]))
    if kind == "AveragePool":
        window.pop("dilations", None)
        window["count_include_pad"] = draw(st.integers(0, 1))
    size = tuple(draw(st.integers(4, 11)) for _ in range(rank))
    assume(fits(window, size))
    return pooled(kind, window, size, draw(st.integers(0, 99)), draw(st.booleans())), (5, *size)


def pooled(
    kind: str, window: dict[str, Any], size: tuple[int, ...], seed: int, of_codes: bool
) -> onnx.ModelProto:
    b, rank, point = Builder(seed), len(size), [1] * len(size)
    z = b.node("Conv", b.ternarise("x"), b.weights((7, 5, *point), "ternary", "w"), name="first")
    z = b.batch_norm(z, 7, 2.0, gain=1.0, negative=0.3)
    if of_codes:
        z = b.quantise(z, "uint3")
    z = b.node(kind, z, **window)
    z = b.quantise(b.node("Mul", z, b.real(0.73)), "uint3")
    b.node("Conv", z, b.weights((3, 7, *point), "ternary", "v"), name="second", output="y")
    free = [f"d{axis}" for axis in range(rank)]
    return b.model({"x": (FLOAT, ["N", 5, *size])}, {"y": (FLOAT, ["N", 3, *free])}, opset=19)


def check_convolution(case: tuple[onnx.ModelProto, tuple[int, ...]], rank: int) -> None:
    model, shape = case
    checked(model, normal(3, *shape, scale=0.4), "3-dimensional" if rank == 3 else "")


def check_pool(case: tuple[onnx.ModelProto, tuple[int, ...]], rank: int) -> None:
    model, shape = case
    checked(model, normal(3, *shape), "3-dimensional" if rank == 3 else "")


@QUICK
@given(convolutions(2))
def test_convolutions(case: tuple[onnx.ModelProto, tuple[int, ...]]) -> None:
    check_convolution(case, 2)


@QUICK
@given(pools(2))
def test_pools(case: tuple[onnx.ModelProto, tuple[int, ...]]) -> None:
    check_pool(case, 2)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_many_convolutions(rank: int) -> None:
    LONG(given(convolutions(rank))(lambda case: check_convolution(case, rank)))()


@pytest.mark.slow
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_many_pools(rank: int) -> None:
    LONG(given(pools(rank))(lambda case: check_pool(case, rank)))()


@pytest.mark.slow
@pytest.mark.parametrize("of_codes", [False, True], ids=["sums", "codes"])
def test_pools_of_the_suite(of_codes: bool) -> None:
    cases = suite.cases_of("averagepool", "maxpool", "globalaveragepool", "globalmaxpool")
    assert len(cases) > 40
    for case in cases:
        size = tuple(shape_of(case.model.graph.input[0])[2:])
        window = attributes_of(case)
        window.pop("storage_order", None)  # of the indices, which no layer reads
        model = pooled(case.model.graph.node[0].op_type, window, size, 3, of_codes)
        images = 2 if np.prod(size) < 2000 else 1
        checked(model, normal(images, 5, *size), "3-dimensional" if len(size) == 3 else "")
