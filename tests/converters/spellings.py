"""Small models of every spelling, and the table of docs/import.md that is made of them.

``python -m tests.converters.spellings`` writes the table anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.converters import convert
from ternary_engine.network import Network

PAGE = Path(__file__).parents[2] / "docs" / "import.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
K, OUT = 12, 4
RANDOM = np.random.default_rng(7)
TRITS = RANDOM.integers(-1, 2, (K, OUT)).astype(np.int8)
TRITS[:2, :] = [[1], [-1]]
BYTES = RANDOM.integers(-128, 128, (K, OUT)).astype(np.int8)
SCALES = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
QONNX, FINN, MS = "qonnx.custom_op.general", "finn.custom_op.general", "com.microsoft"
FLOAT = TensorProto.FLOAT
f = np.float32
Nodes = list[onnx.NodeProto]
Parts = tuple[Nodes, dict[str, Any]]
n = helper.make_node


@dataclass(frozen=True)
class Spelling:
    """One row.

    Attributes:
        what: the spelling, in words. operators: that make it, for the table.
        parts: nodes from ``x`` to ``y`` and constants.
        tested: test file and function.
        opset: of the model. kind: type of ``x``.
    """

    what: str
    operators: str
    parts: Callable[[], Parts]
    tested: str
    opset: int = 17
    kind: int = FLOAT

    def model(self) -> onnx.ModelProto:
        """The parts as a model."""
        nodes, constants = self.parts()
        tensors = [
            v if isinstance(v, TensorProto) else numpy_helper.from_array(np.asarray(v), name)
            for name, v in constants.items()
        ]
        graph = helper.make_graph(
            nodes, "spelling",
            [helper.make_tensor_value_info("x", self.kind, ["N", K])],
            [helper.make_tensor_value_info("y", FLOAT, None)], tensors,
        )  # fmt: skip
        domains = sorted({node.domain for node in nodes} - {""})
        opsets = [
            helper.make_opsetid("", self.opset),
            *(helper.make_opsetid(d, 1) for d in domains),
        ]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def network(self) -> Network:
        """The model, converted."""
        return convert(self.model())

    def place(self) -> str:
        """Where the converter puts it."""
        layers = self.network().layers
        if not layers:
            return "no layer"
        found = []
        for layer in layers:
            if layer.placement == "digital":
                found.append(f"digital: {layer.reason}")
                continue
            planes = f", {layer.planes} trit planes" if layer.planes > 1 else ""
            sums = ", two sums" if layer.scales.ndim == 2 and layer.input != "real" else ""
            found.append(f"crossbar, {layer.input} input{planes}{sums}")
        unique = list(dict.fromkeys(found))
        return " + ".join(f"{found.count(one)} x {one}" if found.count(one) > 1 else one
                          for one in unique)  # fmt: skip


def matmul(made: Nodes, weight: str, **constants: Any) -> Parts:
    return [*made, n("MatMul", ["x", weight], ["y"], "fc")], constants


def activation(made: Nodes, **constants: Any) -> Parts:
    """Nodes from x to q, then a ternary layer."""
    return [*made, n("MatMul", ["q", "w"], ["y"], "fc")], {"w": TRITS.astype(f), **constants}


def four_bits(name: str, kind: int, values: Any) -> onnx.TensorProto:
    array = np.asarray(values)
    return helper.make_tensor(name, kind, array.shape, array.reshape(-1).tolist())


def quant(op: str, domain: str, inputs: int, **attributes: Any) -> onnx.NodeProto:
    names = ["v", "s", "z", "b"][:inputs]
    return n(op, names, ["w"], domain=domain, **attributes)


QUANT = {"s": f(0.5), "z": f(0), "v": RANDOM.normal(size=(K, OUT)).astype(f)}
STEP = [n("Sub", ["c", "x"], ["d"]), n("Add", ["x", "d"], ["q"])]
REAL = "test_real_models.py::test_forms"
INTEGER = "test_integers.py::"
LOWER = "test_lowering.py::"

SPELLINGS = [
    Spelling("float values, one scale or one per output", "MatMul, Gemm, Conv",
             lambda: matmul([], "w", w=TRITS * SCALES), "test_classify.py::test_one_scale"),
    Spelling("float values with training noise", "MatMul, Gemm, Conv",
             lambda: matmul([], "w", w=(TRITS * 0.5 + RANDOM.normal(0, 1e-7, (K, OUT))).astype(f)),
             "test_classify.py::test_noise_of_straight_through_training"),
    Spelling("+ and - with scales of their own (TTQ), real input", "MatMul, Gemm, Conv",
             lambda: matmul([], "w", w=np.where(TRITS > 0, f(0.9), f(0.4)) * TRITS), REAL),
    Spelling("+ and - with scales of their own (TTQ), few-bit input", "MatMul, Gemm, Conv",
             lambda: activation([n("Sign", ["x"], ["q"])],
                                w=np.where(TRITS > 0, f(0.9), f(0.4)) * TRITS),
             "test_apart.py::test_sums"),
    Spelling("2 to 8 bits on a uniform grid", "MatMul, Gemm, Conv",
             lambda: matmul([], "w", w=(BYTES // 32) * f(0.01)),
             "test_classify.py::test_uniform_grid"),
    Spelling("computed in the graph from latent floats (TWN, larq, BitNet)", "Abs, Greater, Sign",
             lambda: matmul([n("Sign", ["v"], ["w"])], "w", v=QUANT["v"]), REAL),
    Spelling("int8, uint8 with zero point, scales per tensor or output", "DequantizeLinear",
             lambda: matmul([n("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1)], "w", q=BYTES,
                            s=SCALES, z=np.array([3, 0, -2, 1], np.int8)),
             "test_quantised.py::test_quantise_dequantise_gives_every_integer"),
    Spelling("INT4, UINT4, INT2, UINT2", "DequantizeLinear",
             lambda: matmul([n("DequantizeLinear", ["q", "s"], ["w"], axis=1)], "w",
                            q=four_bits("q", TensorProto.INT4, TRITS), s=SCALES),
             INTEGER + "test_four_bit_tensors", opset=21),
    Spelling("scales per block: a row segment for each", "DequantizeLinear (block_size)",
             lambda: matmul([n("DequantizeLinear", ["q", "s"], ["w"], axis=0, block_size=6)], "w",
                            q=BYTES, s=np.stack([SCALES, SCALES[::-1]])),
             INTEGER + "test_four_bit_tensors", opset=21),
    Spelling("2, 4 or 8 bits in blocks, zero points packed or float", "com.microsoft MatMulNBits",
             lambda: ([n("MatMulNBits", ["x", "q", "s"], ["y"], "fc", domain=MS, K=K, N=OUT, bits=4,
                         block_size=16)],
                      {"q": RANDOM.integers(0, 256, (OUT, 1, 8)).astype(np.uint8), "s": SCALES}),
             INTEGER + "test_matmul_nbits"),
    Spelling("QONNX, Brevitas weights", "Quant, IntQuant (5 domains)",
             lambda: matmul([quant("Quant", QONNX, 4, signed=1, narrow=1)], "w", b=f(2), **QUANT),
             LOWER + "test_quant"),
    Spelling("QONNX, Brevitas binary weights", "BipolarQuant (5 domains)",
             lambda: matmul([quant("BipolarQuant", "onnx.brevitas", 2)], "w", v=QUANT["v"], s=f(1)),
             LOWER + "test_bipolar_quant"),
    Spelling("QONNX, Brevitas minifloats (here e2m1)", "FloatQuant (5 domains)",
             lambda: matmul([n("FloatQuant", ["v", "s", "e", "m", "o", "t"], ["w"],
                               domain="onnx.brevitas")], "w",
                            e=f(2), m=f(1), o=f(1), t=f(6), **{k: QUANT[k] for k in "sv"}),
             LOWER + "test_float_quant"),
    Spelling("integer product", "MatMulInteger, ConvInteger",
             lambda: ([n("MatMulInteger", ["x", "w"], ["i"], "fc"),
                       n("Cast", ["i"], ["y"], to=FLOAT)],
                      {"w": BYTES}), INTEGER + "test_matmul_integer", kind=TensorProto.UINT8),
    Spelling("integer product, rescaled", "QLinearMatMul, QLinearConv",
             lambda: ([n("QLinearMatMul", ["x", "s", "z", "w", "s", "k", "s", "z"], ["i"], "fc"),
                       n("Cast", ["i"], ["y"], to=FLOAT)],
                      {"w": BYTES, "s": f(0.1), "z": np.uint8(128), "k": np.int8(0)}),
             "test_quantised.py::test_operators_give_every_integer", kind=TensorProto.UINT8),
    Spelling("integer product, rescaled", "com.microsoft QGemm",
             lambda: ([n("QGemm", ["x", "s", "z", "w", "s", "k"], ["y"], "fc", domain=MS)],
                      {"w": BYTES, "s": f(0.1), "z": np.uint8(0), "k": np.int8(0)}),
             INTEGER + "test_qgemm", kind=TensorProto.UINT8),
    Spelling("activations quantised at run time", "DynamicQuantizeLinear",
             lambda: ([n("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
                       n("MatMulInteger", ["q", "w", "z"], ["i"], "fc"),
                       n("Cast", ["i"], ["r"], to=FLOAT), n("Mul", ["r", "s"], ["y"])],
                      {"w": BYTES}), "test_quantised.py::test_dynamic_quantisation"),
    Spelling("scale of each row computed at run time (BitNet b1.58)", "Div or Mul behind codes",
             lambda: activation([n("ReduceMax", ["x"], ["m"], axes=[1]),
                                 n("Div", ["x", "m"], ["r"]),
                                 n("Round", ["r"], ["i"]), n("Clip", ["i", "l", "h"], ["k"]),
                                 n("Mul", ["k", "m"], ["q"])], l=f(-128), h=f(127)),
             INTEGER + "test_scales_computed_at_run_time_move_behind_the_product"),
    Spelling("QuantLib, Deeploy", "PACTOps RequantShift",
             lambda: activation([n("RequantShift", ["x", "m", "a"], ["q"], domain="PACTOps",
                                   div=256.0, n_levels_out=256.0, signed=0.0)],
                                m=f(37), a=f(100)), INTEGER + "test_requant_shift"),
    Spelling("FINN activations", "MultiThreshold",
             lambda: activation([n("MultiThreshold", ["x", "t"], ["q"], domain=FINN,
                                   out_dtype="INT2", out_bias=-1.0)], t=np.array([[-0.5, 0.5]], f)),
             LOWER + "test_multi_threshold"),
    Spelling("FINN products of bits", "XnorPopcountMatMul",
             lambda: ([n("GreaterOrEqual", ["x", "o"], ["p"]), n("Cast", ["p"], ["q"], to=FLOAT),
                       n("XnorPopcountMatMul", ["q", "w"], ["y"], "fc", domain=FINN)],
                      {"o": f(0), "w": (TRITS > 0).astype(f)}), INTEGER + "test_products_of_bits"),
    Spelling("QONNX truncation, version 1 and 2", "Trunc",
             lambda: activation([n("Trunc", ["x", "s", "z", "i", "o"], ["t"], domain=QONNX),
                                 n("Clip", ["t", "l", "h"], ["q"])], s=f(1), z=f(0), i=f(8), o=f(4),
                                l=f(-7), h=f(7)), LOWER + "test_trunc"),
    Spelling("QONNX channels-last", "Conv, MaxPool, BatchNormalization (channels_last)",
             lambda: ([n("Sign", ["x"], ["t"]), n("Reshape", ["t", "k"], ["q"]),
                       n("Conv", ["q", "w"], ["y"], "conv", kernel_shape=[2],
                         domain="qonnx.custom_op.channels_last")],
                      {"k": np.array([-1, 4, 3]), "w": TRITS[:6].reshape(4, 2, 3).astype(f)}),
             "test_channels_last.py::test_dialect"),
    Spelling("sign with three values", "Sign", lambda: activation([n("Sign", ["x"], ["q"])]), REAL),
    Spelling("sign with 0 counted as +1 (larq, FINN)", "GreaterOrEqual, Where",
             lambda: activation([n("GreaterOrEqual", ["x", "o"], ["p"]),
                                 n("Where", ["p", "h", "l"], ["q"])], o=f(0), h=f(1), l=f(-1)),
             REAL),
    Spelling("scaled, clipped, rounded", "Div, Clip, Round, Mul",
             lambda: activation([n("Clip", ["x", "l", "h"], ["c"]), n("Round", ["c"], ["q"])],
                                l=f(-1), h=f(1)), REAL),
    Spelling("straight-through leftovers: x + (q - x)", "Sub, Add",
             lambda: activation([n("Sign", ["x"], ["c"]), *STEP]), REAL),
    Spelling("quantise and dequantise", "QuantizeLinear, DequantizeLinear",
             lambda: activation([n("QuantizeLinear", ["x", "s", "z"], ["i"]),
                                 n("DequantizeLinear", ["i", "s", "z"], ["q"])],
                                s=f(0.1), z=np.uint8(128)), "test_networks.py::test_linear"),
    Spelling("latent weights that nothing quantises", "MatMul, Gemm, Conv",
             lambda: matmul([], "w", w=QUANT["v"]),
             "test_bad_input.py::test_latent_weights_say_how_many_values"),
]  # fmt: skip


def table() -> str:
    """The rows in Markdown."""
    lines = ["| spelling | operators | where it goes | tested by |", "|---|---|---|---|"]
    lines += [f"| {s.what} | {s.operators} | {s.place()} | `{s.tested}` |" for s in SPELLINGS]
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the table as it is now."""
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n{table()}\n{END}{tail}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
