"""The same matrix product by every engine: a callable for each, on operands of its own form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper

from bench.peers import Case, aligned, session
from ternary_engine.kernels import epilogue
from ternary_engine.kernels.convolution import convolve_gated, convolve_masked, convolve_plain
from ternary_engine.kernels.layout import PANEL, pack_weights, panels_for, words_for

Array = npt.NDArray[Any]
NO_THRESHOLDS = np.zeros(0, np.uint64)
NO_FLIPS = NO_CODES = np.zeros(0, np.uint16)

SHAPES = ((960, 1152, 128), (960, 4608, 512))
PRODUCTS = {  # weights x codes, and the roof that it stands under
    "ternary x ternary": "gated",
    "ternary x binary": "masked",
    "binary x binary": "plain",
}


@dataclass(frozen=True)
class Shape:
    """Rows of inputs, inputs of a row, outputs."""

    rows: int
    inputs: int
    outputs: int

    @property
    def macs(self) -> int:
        return self.rows * self.inputs * self.outputs

    def __str__(self) -> str:
        return f"{self.rows}x{self.inputs}x{self.outputs}"


def _pack_rows(masks: list[npt.NDArray[np.bool_]]) -> npt.NDArray[np.uint64]:
    """Planes of rows of codes, [row][word][plane]."""
    rows, inputs = masks[0].shape
    padded = np.zeros((len(masks), rows, words_for(inputs) * 64), np.bool_)
    for plane, mask in enumerate(masks):
        padded[plane, :, :inputs] = mask
    words = np.packbits(padded, axis=-1, bitorder="little").view(np.uint64)
    return np.ascontiguousarray(words.transpose(1, 2, 0)).reshape(-1)


def packed_product(product: str, shape: Shape, seed: int = 0) -> tuple[Callable[[], Array], Array]:
    """A call of one of our kernels, and the sums that it must give."""
    random = np.random.default_rng(seed)
    kind_w, kind_x = product.split(" x ")
    choices = {"ternary": np.array([-1, 0, 1], np.int8), "binary": np.array([-1, 1], np.int8)}
    x = random.choice(choices[kind_x], (shape.rows, shape.inputs))
    w = random.choice(choices[kind_w], (shape.outputs, shape.inputs))
    negative_only = product == "binary x binary"
    a = aligned(_pack_rows([x != 0, x < 0] if kind_x == "ternary" else [x < 0]))
    panels = aligned(pack_weights(w[:, None], negative_only=negative_only))
    pitch = panels_for(shape.outputs) * PANEL
    words = words_for(shape.inputs)
    sums = np.zeros(shape.rows * pitch, np.int32)
    planes = 2 if kind_x == "ternary" else 1
    window = (
        np.arange(shape.rows, dtype=np.int64) * words * planes,
        np.zeros(1, np.int64),
        words,
        np.zeros(panels_for(shape.outputs), np.int64),
    )
    targets = np.arange(shape.rows, dtype=np.int64) * pitch
    finish = (epilogue.STORE, 1, NO_THRESHOLDS, NO_FLIPS, targets, NO_CODES, sums)
    classes = np.zeros(shape.rows, np.int32)
    base = np.zeros(pitch, np.int64)
    base[: shape.outputs] = np.count_nonzero(w, axis=1)
    table = (classes, base.view(np.uint64))

    def gated() -> Array:
        convolve_gated(a, panels, *window, *finish)
        return sums

    def masked() -> Array:
        convolve_masked(a, panels, *window, np.array([-2]), *table, *finish)
        return sums

    def plain() -> Array:
        convolve_plain(a, panels, *window, *table, *finish)
        return sums

    call = {"gated": gated, "masked": masked, "plain": plain}[PRODUCTS[product]]
    return call, x.astype(np.int32) @ w.T.astype(np.int32)


def case(product: str, shape: Shape) -> Case:
    """One of our products beside its peers."""
    ours, right = packed_product(product, shape)
    got = ours().reshape(shape.rows, -1)[:, : shape.outputs]
    if not np.array_equal(got, right):
        raise AssertionError(f"{product} {shape}: wrong sums")
    return Case(
        name=f"{product} {shape}",
        work=shape.macs,
        unit="MAC",
        calls={"ours": ours, **peers(shape)},
        roof=PRODUCTS[product],
    )


def _matmul_model(op: str, types: tuple[int, int, int], w: Array) -> ModelProto:
    """``y = op(x, w)`` with constant weights, which is what lets ONNX Runtime pack them."""
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", types[0], ["M", w.shape[0]])],
        [helper.make_tensor_value_info("y", types[2], ["M", w.shape[1]])],
        [numpy_helper.from_array(w, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def peers(shape: Shape, seed: int = 0) -> dict[str, Callable[[], Array]]:
    """The product by ONNX Runtime in float32 and int8 (u8 x s8, its fast path), and by NumPy."""
    random = np.random.default_rng(seed)
    x = random.integers(-1, 2, (shape.rows, shape.inputs))
    w = random.integers(-1, 2, (shape.inputs, shape.outputs))
    xf, wf = x.astype(np.float32), w.astype(np.float32)
    xu, ws = (x + 1).astype(np.uint8), w.astype(np.int8)
    number = TensorProto
    floats = session(_matmul_model("MatMul", (number.FLOAT,) * 2 + (number.FLOAT,), wf))
    integers = session(
        _matmul_model("MatMulInteger", (number.UINT8, number.INT8, number.INT32), ws)
    )
    return {
        "onnxruntime float32": lambda: floats.run(None, {"x": xf})[0],
        "onnxruntime u8 x s8": lambda: integers.run(None, {"x": xu})[0],
        "numpy float32": lambda: xf @ wf,
    }
