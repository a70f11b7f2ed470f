"""Models made to harm: attributes, tensors and external data that lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.fuzz.fields import INTEGERS, REALS
from tests.fuzz.hostile import HUGE, TRITS, Draw, Maker, build, node, tail

QONNX, FINN, MS = "qonnx.custom_op.general", "finn.custom_op.general", "com.microsoft"
f = np.float32
WINDOW = ("kernel_shape", "strides", "pads", "dilations")


def windows(draw: Draw) -> onnx.ModelProto:
    """Convolutions and pools with windows that make no sense."""
    op = draw.choice(("Conv", "Conv", "MaxPool", "AveragePool", "ConvTranspose", "LpPool"))
    attributes: dict[str, Any] = {"kernel_shape": [2, 2]}
    for name in draw.sample(WINDOW, draw.choice((1, 1, 2))):
        count = (4 if name == "pads" else 2) + draw.choice((0, 0, 0, 1, -1))
        attributes[name] = [draw.choice((*INTEGERS, *HUGE, 1, 2)) for _ in range(max(count, 0))]
    for name in ("group", "ceil_mode", "storage_order", "count_include_pad", "p"):
        if draw.random() < 0.15:
            attributes[name] = draw.choice(INTEGERS)
    if draw.random() < 0.15:
        attributes["auto_pad"] = draw.choice(("SAME_UPPER", "SAME_LOWER", "VALID", "NONE", ""))
    inputs = ["s", "k"] if op.startswith("Conv") else ["s"]
    if not op.startswith("Conv"):
        attributes.pop("group", None)
    weights = np.array(draw.choices((-1, 0, 1), k=24), f).reshape(3, 2, 2, 2)
    if draw.random() < 0.2:
        shapes = ((3, 8), (3, 2, 4), (24,), (3, 2, 2, 2, 1), (12, 2, 1, 1), (6, 1, 2, 2))
        weights = weights.reshape(draw.choice(shapes))
    if draw.random() < 0.05:
        weights = weights[:0]
    nodes = [node("Sign", ["x"], ["s"]), node(op, inputs, ["y"], "window", **attributes)]
    return build(nodes, {"k": weights} if len(inputs) == 2 else {}, shape=("N", 2, 5, 5))


def quantisers(draw: Draw) -> onnx.ModelProto:
    """Custom quantisers with absurd scales, widths and thresholds."""
    odd = [f(value) for value in REALS]
    scale, zero = draw.choice((f(0.5), *odd)), draw.choice((f(0), f(0.5), *odd))
    bits = f(draw.choice((2, 1, 0, -1, 3, 8, 64, 1e9, *odd)))
    kind = draw.randrange(5)
    constants: dict[str, Any] = {"s": scale, "z": zero, "b": bits, **TRITS}
    if draw.random() < 0.2:
        constants["s"] = np.full(draw.choice(((4,), (3,), (0,), (1, 4), (4, 1, 1, 1))), scale, f)
    if kind == 0:
        mode = draw.choice(("ROUND", "FLOOR", "CEIL", "ROUND_TO_ZERO", "HALF_EVEN", "NONSENSE", ""))
        first = node("Quant", ["x", "s", "z", "b"], ["q"], domain=QONNX, rounding_mode=mode,
                     signed=draw.choice((0, 1, 2, -1)), narrow=draw.choice((0, 1, 7)))  # fmt: skip
    elif kind == 1:
        first = node("BipolarQuant", ["x", "s"], ["q"], domain=QONNX)
    elif kind == 2:
        first = node("Trunc", ["x", "s", "z", "b", "b"], ["q"], domain=QONNX)
    elif kind == 3:
        shape = draw.choice(((4, 2), (1, 2), (3, 2), (4, 0), (0, 2), (4, 600), (8,), (1, 1, 2)))
        values = np.array(draw.choices(odd, k=int(np.prod(shape))), f).reshape(shape)
        constants["t"] = np.sort(values, axis=-1) if draw.random() < 0.7 else values
        first = node("MultiThreshold", ["x", "t"], ["q"], domain=FINN,
                     out_scale=float(scale), out_bias=float(zero))  # fmt: skip
    else:
        constants |= {"m": scale, "a": zero}
        first = node("RequantShift", ["x", "m", "a"], ["q"], domain="PACTOps",
                     div=float(draw.choice((256, *REALS))), signed=float(draw.choice((0, 1, 5))),
                     n_levels_out=float(draw.choice((256, 2, *REALS))))  # fmt: skip
    return build([first, *tail("q")], constants)


def packed_weights(draw: Draw) -> onnx.ModelProto:
    """MatMulNBits and blocked DequantizeLinear whose sizes do not fit together."""
    size = draw.choice((16, 32, 0, 1, 3, 8, -16, 1 << 20, 1 << 40))
    if draw.random() < 0.5:
        rows, columns = (
            draw.choice((4, 4, 5, 0, -1, 1 << 40)),
            draw.choice((3, 3, 4, 0, -1, 1 << 40)),
        )
        held = np.zeros(draw.choice(((3, 1, 8), (3, 1, 4), (3, 8), (0,), (3, 2, 8))), np.uint8)
        first = node("MatMulNBits", ["x", "q", "s"], ["y"], "fc", domain=MS, K=rows, N=columns,
                     bits=draw.choice((4, 2, 8, 3, 0, 64, -1)), block_size=size)  # fmt: skip
        scales = np.ones(draw.choice(((3,), (3, 1), (2,), (0,))), f)
        return build([first], {"q": held, "s": scales}, opsets={"": 17, MS: 1})
    codes = np.array(draw.choices((-1, 0, 1), k=12), np.int8).reshape(4, 3)
    scales = np.full(draw.choice(((3,), (1,), (4,), (2, 3), (4, 3), (), (0,), (4, 2))),
                     draw.choice((0.5, *REALS)), f)  # fmt: skip
    axis = draw.choice((0, 1, 2, -1, -9, 1 << 40))
    first = node("DequantizeLinear", ["q", "s"], ["w"], axis=axis,
                 block_size=draw.choice((0, 2, size)))  # fmt: skip
    return build([first, node("MatMul", ["x", "w"], ["y"], "fc")], {"q": codes, "s": scales},
                 opsets={"": 21})  # fmt: skip


def integers(draw: Draw) -> onnx.ModelProto:
    """Integer arithmetic that a processor traps, and operators with odd axes."""
    value = draw.choice((0, -1, *INTEGERS))
    v, axis = np.array([value], np.int64), {"axis": draw.choice(INTEGERS)}
    smallest = np.array([-(1 << 63)] * 4, np.int64)
    cast = [node("Cast", ["x"], ["i"], to=TensorProto.INT64)]
    back = [node("Cast", ["j"], ["y"], to=TensorProto.FLOAT)]
    start = draw.choice(("i", "smallest"))
    ways = {
        "Div": node("Div", [start, "v"], ["j"]), "Mod": node("Mod", [start, "v"], ["j"]),
        "BitShift": node("BitShift", ["u", "u"], ["j"], direction="LEFT"),
        "Pow": node("Pow", [start, "v"], ["j"]),
        "Gather": node("Gather", ["i", "v"], ["j"], **axis),
        "Slice": node("Slice", ["i", "v", "v", "one", "v"], ["j"]),
        "TopK": node("TopK", ["i", "v"], ["j", "k"], **axis),
        "Split": node("Split", ["i", "v"], ["j"], **axis),
        "Squeeze": node("Squeeze", ["i", "v"], ["j"]),
        "Concat": node("Concat", ["i", "i"], ["j"], **axis),
        "Transpose": node("Transpose", ["i"], ["j"], perm=[value, 0]),
        "ReduceSum": node("ReduceSum", ["i", "v"], ["j"]),
        "ArgMax": node("ArgMax", ["i"], ["j"], **axis),
        "Unsqueeze": node("Unsqueeze", ["i", "v"], ["j"]),
        "ScatterND": node("ScatterND", ["i", "at", "i"], ["j"]),
    }  # fmt: skip
    middle = ways[draw.choice(list(ways))]
    constants = {"v": v, "one": np.array([1]), "smallest": smallest, "at": np.array([[value]]),
                 "u": np.array([1, 64, 99], np.uint64)}  # fmt: skip
    return build([*cast, middle, *back], constants)


def tensors(draw: Draw) -> onnx.ModelProto:
    """Initialisers whose sizes, types and contents contradict each other."""
    model = build(tail("x"), TRITS)
    tensor = model.graph.initializer[0]
    kind = draw.randrange(9)
    if kind == 0:
        tensor.dims[draw.randrange(2)] = draw.choice((*HUGE, *INTEGERS))
    elif kind == 1:
        tensor.data_type = draw.choice((*range(27), 99, -1))
    elif kind == 2:
        tensor.raw_data = tensor.raw_data[: draw.randrange(48)]
    elif kind == 3:
        tensor.float_data.extend([1.0] * draw.randrange(20))
    elif kind == 4:
        tensor.ClearField("raw_data")
        tensor.string_data.extend([b"one", b"\xff"])
        tensor.data_type = TensorProto.STRING
    elif kind == 5:
        tensor.segment.begin, tensor.segment.end = draw.choice(INTEGERS), draw.choice(INTEGERS)
    elif kind == 6:
        _sparse(model, draw)
    elif kind == 7:
        array = np.array(draw.choices([f(v) for v in REALS], k=12), f).reshape(4, 3)
        tensor.CopyFrom(onnx.numpy_helper.from_array(array, "w"))
    else:
        tensor.dims.extend(draw.choices(INTEGERS, k=draw.choice((1, 3, 300))))
    return model


def _sparse(model: onnx.ModelProto, draw: Draw) -> None:
    """The weights as a sparse tensor, right or wrong."""
    model.graph.initializer.pop()
    values = helper.make_tensor("w", TensorProto.FLOAT, [3], [1, -1, 1])
    places = draw.choice(([0, 4, 8], [8, 4, 0], [0, 4, draw.choice((*INTEGERS, *HUGE))]))
    indices = helper.make_tensor(
        "i", TensorProto.INT64, [3], [min(p, (1 << 63) - 1) for p in places]
    )
    dims = draw.choice(([4, 3], [4, 3], [draw.choice((*HUGE, -1)), 3]))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, dims))


def external(draw: Draw) -> tuple[onnx.ModelProto, dict[str, Any]]:
    """External data that leads outside, is too long, or is no file; files beside the model."""
    model = build(tail("x"), TRITS)
    tensor = model.graph.initializer[0]
    data = tensor.raw_data
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    places = ("w.bin", "w.bin", "w.bin", "../secret.bin", "link.bin", "folder/../../secret.bin", "",
              "/etc/passwd", "folder", "missing.bin", "/dev/zero", "link.dir/secret.bin", "w\0.bin",
              "C:\\w.bin", "./w.bin", "x" * 5000, "model.onnx", "~/w.bin")  # fmt: skip
    entries = {"location": draw.choice(places)}
    odd = (*(str(i) for i in INTEGERS), "ten", "", "1e3", "0x10", " 8", "-0", "9" * 5000)
    for key in ("offset", "length", "checksum", "basepath", "nonsense"):
        if draw.random() < 0.25:
            entries[key] = draw.choice(odd)
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
    files = {"w.bin": data, "link.bin": Path("../secret.bin"), "folder/s.bin": data,
             "link.dir": Path("..")}  # fmt: skip
    return model, files


VALUES: tuple[Maker, ...] = (windows, quantisers, packed_weights, integers, tensors)
