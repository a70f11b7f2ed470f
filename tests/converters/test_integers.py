"""Integer operators and weights of several bits, one layer at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.converters import convert
from ternary_engine.exceptions import ConversionError
from ternary_engine.network import Network
from tests.converters.agreement import normal, source_values
from tests.oracles import interpreter

Array = npt.NDArray[Any]
FLOAT, UINT8, INT8 = TensorProto.FLOAT, TensorProto.UINT8, TensorProto.INT8
RANDOM = np.random.default_rng(2)


def graph(
    nodes: list[onnx.NodeProto], constants: dict[str, Array], x: tuple[int, list[Any]],
    y: int = FLOAT, opset: int = 17,
) -> onnx.ModelProto:  # fmt: skip
    proto = helper.make_graph(
        nodes,
        "one",
        [helper.make_tensor_value_info("x", *x)],
        [helper.make_tensor_value_info("y", y, None)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in constants.items()],
    )
    domains = {node.domain for node in nodes} - {""}
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=10)


def on_crossbar(network: Network, label: str | None = None) -> None:
    assert network.layers
    for layer in network.layers:
        assert layer.placement == "crossbar", layer.reason
        assert label is None or layer.input == label


def same(model: onnx.ModelProto, x: Array, label: str | None = None, tolerance: float = 0) -> None:
    """One integer layer: on the crossbar, and bit for bit what ONNX Runtime gives."""
    network = convert(model)
    on_crossbar(network, label)
    wanted = source_values(model, {"x": x})["y"]
    for got in (interpreter.run(network, {"x": x})["y"], network.run(x)):
        assert got.dtype == wanted.dtype
        if tolerance:
            np.testing.assert_allclose(got, wanted, atol=tolerance * np.abs(wanted).max())
        else:
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("zeros", [(), ("xz",), ("xz", "wz")])
def test_matmul_integer(signed: bool, zeros: tuple[str, ...]) -> None:
    kind = np.int8 if signed else np.uint8
    constants = {
        "w": RANDOM.integers(-128, 128, (20, 7)).astype(np.int8),
        "xz": np.array(5, kind),
        "wz": np.array(-3, np.int8),
    }
    node = helper.make_node("MatMulInteger", ["x", "w", *zeros], ["y"], "fc")
    model = graph([node], constants, (INT8 if signed else UINT8, ["N", 20]), TensorProto.INT32)
    info = np.iinfo(kind)
    same(model, RANDOM.integers(info.min, info.max + 1, (9, 20)).astype(kind))


def test_conv_integer() -> None:
    constants = {
        "w": RANDOM.integers(0, 256, (5, 3, 3, 3)).astype(np.uint8),
        "xz": np.array(7, np.uint8),
        "wz": np.array(120, np.uint8),
    }
    node = helper.make_node(
        "ConvInteger", ["x", "w", "xz", "wz"], ["y"], pads=[1, 1, 0, 0], strides=[2, 1]
    )
    model = graph([node], constants, (UINT8, ["N", 3, 8, 9]), TensorProto.INT32)
    same(model, RANDOM.integers(0, 256, (3, 3, 8, 9)).astype(np.uint8), "9 bits")


def test_sums_beyond_float32_are_exact() -> None:
    constants = {
        "w": np.full((700, 3), 127, np.int8) - np.arange(3, dtype=np.int8),
        "f": np.float32(1 / 1000),
    }
    nodes = [
        helper.make_node("MatMulInteger", ["x", "w"], ["s"]),
        helper.make_node("Cast", ["s"], ["r"], to=FLOAT),
        helper.make_node("Mul", ["r", "f"], ["y"]),
    ]
    x = np.full((2, 700), 255, np.uint8)
    x[1, ::3] = 254
    same(graph(nodes, constants, (UINT8, ["N", 700])), x, "8 bits", 1e-7)


@pytest.mark.parametrize("per_channel", [False, True])
def test_qlinear_matmul(per_channel: bool) -> None:
    shape = (6,) if per_channel else ()
    constants = {
        "as": np.float32(0.02), "az": np.uint8(128),
        "w": RANDOM.integers(-127, 128, (30, 6)).astype(np.int8),
        "ws": RANDOM.uniform(0.001, 0.01, shape).astype(np.float32), "wz": np.zeros(shape, np.int8),
        "ys": np.float32(0.03), "yz": np.uint8(100),
    }  # fmt: skip
    names = ["x", "as", "az", "w", "ws", "wz", "ys", "yz"]
    model = graph(
        [helper.make_node("QLinearMatMul", names, ["y"])], constants, (UINT8, ["N", 30]), UINT8
    )
    same(model, RANDOM.integers(0, 256, (40, 30)).astype(np.uint8))


@pytest.mark.parametrize("real", [False, True])
def test_qgemm(real: bool) -> None:
    constants = {
        "as": np.float32(0.02), "az": np.uint8(3), "ws": np.float32(0.01), "wz": np.int8(2),
        "w": RANDOM.integers(-127, 128, (6, 30)).astype(np.int8),
        "c": RANDOM.integers(-9000, 9000, 6).astype(np.int32),
        "ys": np.float32(0.3), "yz": np.uint8(100),
    }  # fmt: skip
    names = ["x", "as", "az", "w", "ws", "wz", "c", *([] if real else ["ys", "yz"])]
    node = helper.make_node("QGemm", names, ["y"], domain="com.microsoft", transB=1, alpha=1.5)
    model = graph([node], constants, (UINT8, ["N", 30]), FLOAT if real else UINT8)
    x = RANDOM.integers(0, 256, (40, 30)).astype(np.uint8)
    same(model, x, "9 bits", 1e-6 if real else 0)


@pytest.mark.parametrize(
    ("bits", "zeros"),
    [(b, z) for b in (2, 4, 8) for z in ("none", "packed", "float") if (b, z) != (8, "float")],
)  # ONNX Runtime has no float zero points for 8 bits
def test_matmul_nbits(bits: int, zeros: str) -> None:
    inputs, outputs, block = 64, 5, 32
    packed = RANDOM.integers(0, 256, (outputs, 2, block * bits // 8)).astype(np.uint8)
    constants = {
        "w": packed,
        "s": RANDOM.uniform(0.1, 1, (outputs, 2)).astype(np.float32),
        "packed": RANDOM.integers(0, 256, (outputs, -(-2 * bits // 8))).astype(np.uint8),
        "float": RANDOM.integers(0, 1 << bits, (outputs, 2)).astype(np.float32),
    }
    names = ["x", "w", "s", *([] if zeros == "none" else [zeros])]
    node = helper.make_node(
        "MatMulNBits", names, ["y"], "fc", domain="com.microsoft", K=inputs, N=outputs, bits=bits,
        block_size=block,
    )  # fmt: skip
    model = graph([node], constants, (FLOAT, ["N", inputs]), opset=21)
    same(model, normal(7, inputs), "real", 1e-6)
    assert [layer.name for layer in convert(model).layers] == ["fc.block0", "fc.block1"]


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
@pytest.mark.parametrize("block", [0, 16])
def test_four_bit_tensors(kind: int, block: int) -> None:
    values = RANDOM.integers(-8, 8, (32, 6)) + (8 if kind == TensorProto.UINT4 else 0)
    w = helper.make_tensor("w", kind, (32, 6), values.reshape(-1).tolist())
    z = helper.make_tensor("z", kind, (2, 6) if block else (6,), [3] * (12 if block else 6))
    s = RANDOM.uniform(0.1, 1, (2, 6) if block else (6,)).astype(np.float32)
    options = {"axis": 0, "block_size": block} if block else {"axis": 1}
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["d"], **options),
        helper.make_node("MatMul", ["x", "d"], ["y"], "fc"),
    ]
    model = graph(nodes, {"s": s}, (FLOAT, ["N", 32]), opset=21)
    model.graph.initializer.extend([w, z])
    same(model, normal(7, 32), "real", 1e-6)
    layers = convert(model).layers
    assert len(layers) == (2 if block else 1)
    assert all(layer.planes <= 3 for layer in layers)


def test_blocks_of_integer_inputs_have_integer_sums() -> None:
    step = np.repeat(RANDOM.uniform(0.1, 1, (2, 6)), 16, axis=0).astype(np.float32)
    codes = RANDOM.integers(-1, 2, (32, 6)).astype(np.float32)
    nodes = [
        helper.make_node("Mul", ["w", "s"], ["d"]),
        helper.make_node("Sign", ["x"], ["t"]),
        helper.make_node("MatMul", ["t", "d"], ["m"], "fc"),
        helper.make_node("Relu", ["m"], ["y"]),
    ]
    model = graph(nodes, {"w": codes, "s": step[:16:15]}, (FLOAT, ["N", 32]))
    model.graph.node[0].CopyFrom(helper.make_node("DequantizeLinear", ["w", "s"], ["d"], axis=0,
                                                  block_size=16))  # fmt: skip
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(codes.astype(np.int8), "w"))
    model.graph.initializer[1].CopyFrom(numpy_helper.from_array(step[::16], "s"))
    model.opset_import[0].version = 21
    same(model, normal(7, 32), "ternary", 1e-6)


@pytest.mark.parametrize("op", ["Gemm", "MatMul", "Conv"])
def test_scales_computed_at_run_time_move_behind_the_product(op: str) -> None:
    conv = op == "Conv"
    shape: list[Any] = ["N", 6, 5, 5] if conv else ["N", 6]
    w = RANDOM.integers(-1, 2, (4, 6, 3, 3) if conv else (6, 4)).astype(np.float32) * 0.3
    constants = {"w": w, "b": normal(4), "top": np.float32(127), "low": np.float32(-128)}
    axes = [1, 2, 3] if conv else [1]
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("ReduceMax", ["a"], ["m"], axes=axes, keepdims=1),
        helper.make_node("Div", ["top", "m"], ["g"]),
        helper.make_node("Round", ["r0"], ["r"]),
        helper.make_node("Mul", ["x", "g"], ["r0"]),
        helper.make_node("Clip", ["r", "low", "top"], ["c"]),
        helper.make_node("Div", ["c", "g"], ["d"]),
        helper.make_node(op, ["d", "w", *(["b"] if op != "MatMul" else [])], ["y"], "fc"),
    ]
    same(graph(nodes, constants, (FLOAT, shape)), normal(5, 6, *shape[2:]), "8 bits", 1e-6)


def test_products_of_bits() -> None:
    w = RANDOM.integers(0, 2, (30, 4)).astype(np.float32)
    nodes = [
        helper.make_node("GreaterOrEqual", ["x", "z"], ["p"]),
        helper.make_node("Cast", ["p"], ["b"], to=FLOAT),
        helper.make_node(
            "XnorPopcountMatMul", ["b", "w"], ["y"], "fc", domain="finn.custom_op.general"
        ),
    ]
    network = convert(graph(nodes, {"w": w, "z": np.float32(0)}, (FLOAT, ["N", 30])))
    on_crossbar(network, "binary")
    x = normal(9, 30)
    bits = (x >= 0).astype(np.float32)
    matching = (bits[:, :, None] == w[None]).sum(1)
    np.testing.assert_array_equal(network.run(x), matching)


@pytest.mark.parametrize("signed", [0.0, 1.0])
def test_requant_shift(signed: float) -> None:
    number = {"div": 512.0, "n_levels_out": 256.0, "signed": signed}
    attributes = {k: numpy_helper.from_array(np.array([v], np.float32)) for k, v in number.items()}
    w = RANDOM.integers(-128, 128, (4, 2, 3, 3)).astype(np.float32)
    mul, add = RANDOM.integers(1, 60, (4, 1, 1)), RANDOM.integers(-9000, 9000, (4, 1, 1))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("RequantShift", ["c", "m", "a"], ["q"], domain="PACTOps", **attributes),
        helper.make_node("Conv", ["q", "v"], ["y"]),
    ]
    v = RANDOM.integers(-1, 2, (3, 4, 1, 1)).astype(np.float32)
    constants = {"w": w, "v": v, "m": mul.astype(np.float32), "a": add.astype(np.float32)}
    network = convert(graph(nodes, constants, (FLOAT, ["N", 2, 6, 6]), opset=10))
    assert [layer.input for layer in network.layers] == ["real", "8 bits"]
    x = RANDOM.integers(0, 16, (3, 2, 6, 6))
    sums = interpreter.crossbar(interpreter.s.Geometry((3, 3)), network.layers[0], x)
    wanted = np.clip((sums * mul + add) >> 9, *((-128, 127) if signed else (0, 255)))
    assert len(np.unique(wanted)) > 20
    wanted = np.einsum("oc,nchw->nohw", v[:, :, 0, 0], wanted)
    np.testing.assert_array_equal(network.run(x.astype(np.float32)), wanted)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"K": 1 << 40}, "are not N x K = 5 x 1099511627776 weights of 4 bits"),
        ({"bits": 3}, "weights of 3 bits"),
        ({"block_size": 0}, "ZeroDivisionError|division|modulo"),
        ({"bits": None}, "do not fit together: 'bits'"),
    ],
)
def test_malformed_blocks(change: dict[str, int | None], text: str) -> None:
    options = {"K": 64, "N": 5, "bits": 4, "block_size": 32} | change
    options = {name: value for name, value in options.items() if value is not None}
    node = helper.make_node("MatMulNBits", ["x", "w", "s"], ["y"], domain="com.microsoft",
                            **options)  # fmt: skip
    constants = {"w": np.zeros((5, 2, 16), np.uint8), "s": np.ones((5, 2), np.float32)}
    with pytest.raises(ConversionError, match=text):
        convert(graph([node], constants, (FLOAT, ["N", 64]), opset=21))
