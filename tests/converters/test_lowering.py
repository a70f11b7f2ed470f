"""QONNX and FINN operators against the qonnx package's own arithmetic."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.converters import convert
from ternary_engine.exceptions import ConversionError
from tests.oracles import interpreter

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    qonnx = pytest.importorskip("qonnx")
    from qonnx.custom_op.general.bipolar_quant import binary_quant
    from qonnx.custom_op.general.floatquant import float_quant
    from qonnx.custom_op.general.intquant import int_quant
    from qonnx.custom_op.general.multithreshold import multithreshold
    from qonnx.custom_op.general.trunc import trunc_v1, trunc_v2

Array = npt.NDArray[Any]
DOMAINS = ["", "onnx", "onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general"]
MODES = ["ROUND", "HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN"]
# ties, their neighbours, and what lies beyond every range
TIES = np.arange(-12, 12.25, 0.25, np.float32)
X = np.unique(
    np.concatenate([TIES, np.nextafter(TIES, 99), np.nextafter(TIES, -99), [-300, 300]])
).astype(np.float32)


def model(
    op: str,
    domain: str,
    constants: list[Any],
    shape: list[int | str] | None = None,
    opset: int = 17,
    **attributes: Any,
) -> onnx.ModelProto:
    names = [f"p{i}" for i in range(len(constants))]
    node = helper.make_node(op, ["x", *names], ["y"], domain=domain, **attributes)
    graph = helper.make_graph(
        [node],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape or ["N", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [
            numpy_helper.from_array(np.asarray(c, np.float32), n)
            for n, c in zip(names, constants, strict=True)
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def run(source: onnx.ModelProto, x: Array) -> Array:
    return interpreter.run(convert(source), {"x": x})["y"]


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("mode", MODES)
def test_quant(domain: str, mode: str) -> None:
    f = np.float32
    for bits, signed, narrow, zero, scale in (
        (2, 1, 1, 0, 1), (2, 1, 0, 0, 0.5), (4, 0, 0, 0, 0.25), (4, 0, 1, 3, 1), (1, 1, 1, 0, 0.7),
        (8, 1, 0, -5, 0.1),
    ):  # fmt: skip
        source = model(
            "Quant", domain, [scale, zero, bits], signed=signed, narrow=narrow, rounding_mode=mode
        )
        wanted = int_quant(X, f(scale), f(zero), f(bits), signed, narrow, mode)
        np.testing.assert_array_equal(run(source, X[:, None])[:, 0], wanted.astype(np.float32))


@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
def test_rounding_mode_may_be_missing(op: str) -> None:
    source = model(op, DOMAINS[3], [1, 0, 3], signed=1, narrow=0)
    wanted = int_quant(X, *map(np.float32, (1, 0, 3)), 1, 0, "ROUND")
    np.testing.assert_array_equal(run(source, X[:, None])[:, 0], wanted)


def test_unknown_rounding_mode() -> None:
    with pytest.raises(ConversionError, match="rounding mode 'SIDEWAYS' is not one of"):
        convert(model("Quant", "", [1, 0, 3], signed=1, narrow=0, rounding_mode="SIDEWAYS"))


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("opset", [9, 17])
def test_bipolar_quant(domain: str, opset: int) -> None:
    source = model("BipolarQuant", domain, [0.3], opset=opset)
    np.testing.assert_array_equal(run(source, X[:, None])[:, 0], binary_quant(X, np.float32(0.3)))


def test_rounding_to_zero_is_rounding_down() -> None:
    one, other = (
        run(model("Quant", "onnx.brevitas", [0.5, 0, 4], signed=1, narrow=0, rounding_mode=mode),
            X[:, None])
        for mode in ("ROUND_TO_ZERO", "DOWN")
    )  # fmt: skip
    np.testing.assert_array_equal(one, other)


# exponent and mantissa bits, bias, largest value: e4m3, e5m2, e2m1, e3m0
FLOATS = [(4, 3, 7, 448), (5, 2, 15, 57344), (2, 1, 1, 6), (3, 0, 3, 16)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_float_quant(mode: str, kind: tuple[int, ...]) -> None:
    random = np.random.default_rng(5)
    # the next number below a power of two has its logarithm rounded up in the qonnx package
    powers = 2.0 ** np.arange(-12, 18)
    x = np.concatenate(
        [TIES, powers, random.normal(size=2000) * 4.0 ** random.integers(-6, 6, 2000)]
    )
    x = np.concatenate([x, -x]).astype(np.float32)
    for scale in (1.0, 0.37):
        source = model("FloatQuant", "onnx.brevitas", [scale, *kind], rounding_mode=mode)
        parameters = [np.float32(v) for v in kind]
        wanted = float_quant(x.copy(), np.float32(scale), *parameters[:3], True, parameters[3],
                             rounding_mode=mode)  # fmt: skip
        np.testing.assert_array_equal(run(source, x[:, None])[:, 0], wanted.astype(np.float32))


@pytest.mark.parametrize("beyond", ["has_inf", "has_nan"])
def test_float_quant_beyond_its_range(beyond: str) -> None:
    x = np.array([-500, -448, -1, 0, 447, 470, 1e6], np.float32)
    flags = {"has_inf": 0, "has_nan": 0, "saturation": 0, beyond: 1}
    source = model("FloatQuant", "onnx.brevitas", [1, *FLOATS[0]], **flags)
    wanted = float_quant(x.copy(), *map(np.float32, (1, 4, 3, 7)), True, np.float32(448), **flags)
    np.testing.assert_array_equal(run(source, x[:, None])[:, 0], wanted)
    refused = model("FloatQuant", "onnx.brevitas", [1, *FLOATS[0]], **{**flags, beyond: 0})
    with pytest.raises(ConversionError, match="saturation=0 needs has_inf=1 or has_nan=1"):
        convert(refused)


def test_minifloats_of_four_bits_fit_pairs() -> None:
    weights = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32) * 4
    source = model("FloatQuant", "onnx.brevitas", [0.5, *FLOATS[2]], ["N", 16])
    nodes, graph = source.graph.node, source.graph
    nodes[0].input[0], nodes[0].output[0] = "v", "w"
    graph.initializer.append(numpy_helper.from_array(weights, "v"))
    nodes.append(helper.make_node("MatMul", ["x", "w"], ["y"], "fc"))
    network = convert(source)
    assert (network.layers[0].placement, network.layers[0].planes) == ("crossbar", 3)


@pytest.mark.parametrize("mode", MODES)
def test_trunc(mode: str) -> None:
    f = np.float32
    x = np.arange(-40, 41, dtype=np.float32) * f(0.5)
    first = model("Trunc", DOMAINS[3], [0.5, 1, 8, 6], rounding_mode=mode)
    wanted = trunc_v1(x, f(0.5), f(1), f(8), f(6), mode)
    np.testing.assert_array_equal(run(first, x[:, None])[:, 0], wanted)
    second = model("Trunc", DOMAINS[3], [0.5, 0, 8, 2, 3], signed=1, narrow=1, rounding_mode=mode)
    wanted = trunc_v2(x, f(0.5), f(0), f(8), 1, 1, f(2), f(3), mode)
    np.testing.assert_array_equal(run(second, x[:, None])[:, 0], wanted)


@pytest.mark.parametrize("shape", [(40, 3), (4, 3, 5, 2)])
@pytest.mark.parametrize("shared_steps", [False, True])
def test_multi_threshold(shape: tuple[int, ...], shared_steps: bool) -> None:
    random = np.random.default_rng(1)
    x = random.integers(-6, 7, shape).astype(np.float32)
    steps = np.sort(random.integers(-5, 6, (1 if shared_steps else 3, 7)), axis=1)
    source = model(
        "MultiThreshold", DOMAINS[4], [steps], ["N", *shape[1:]], out_scale=0.5, out_bias=-2.0,
        out_dtype="INT4",
    )  # fmt: skip
    wanted = multithreshold(x, steps.astype(np.float32), 0.5, -2.0)
    np.testing.assert_array_equal(run(source, x), wanted)


def test_channels_last_thresholds() -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(4, 5, 2, 3)).astype(np.float32)
    steps = np.sort(random.normal(size=(3, 4)), axis=1).astype(np.float32)
    source = model(
        "MultiThreshold", DOMAINS[4], [steps], ["N", 5, 2, 3], data_layout="NHWC", out_dtype="UINT4"
    )
    wanted = multithreshold(x, steps, 1.0, 0.0, channels_last=True)
    np.testing.assert_array_equal(run(source, x), wanted)


def test_bit_width_that_is_not_constant() -> None:
    source = model("Quant", "", [1, 0], signed=1, narrow=0)
    source.graph.node[0].input.append("x")
    with pytest.raises(ConversionError, match="its bit width must be constant; 'x' is computed"):
        convert(source)
