"""One layer by every engine: matrix products and 3 x 3 convolutions, on operands of its own form.

Ours is what the runtime calls for the layer, from packed codes to sums (products) or to packed
codes (convolutions, thresholds fused), and its answers are checked before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.benchmark import models, peers, torch_peer
from ternary_engine.benchmark.cases import FLOAT32, INT8, NUMKONG, NUMPY, OURS, TORCH, Call, Case
from ternary_engine.benchmark.goals import goals_for
from ternary_engine.benchmark.recorded import layer_calls

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["CONVOLUTIONS", "PRODUCTS", "SHAPES", "Shape", "convolution_case", "product_case"]

Array = npt.NDArray[Any]

SHAPES = ((960, 1152, 128), (960, 4608, 512))  # rows, inputs, outputs
CONVOLUTIONS = ((56, 64), (28, 128), (14, 256), (7, 512))  # rows and columns, channels
PRODUCTS = ("ternary x ternary", "ternary x binary", "binary x binary")  # weights x codes


@dataclass(frozen=True)
class Shape:
    """Rows of inputs, inputs of a row, outputs."""

    rows: int
    inputs: int
    outputs: int

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one product."""
        return self.rows * self.inputs * self.outputs

    def __str__(self) -> str:
        return f"{self.rows}x{self.inputs}x{self.outputs}"


def _codes(kind: str, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    random = np.random.default_rng(1)
    if kind in ("ternary", "binary"):
        return random.choice(
            np.array([-1, 0, 1] if kind == "ternary" else [-1, 1], np.int16), shape
        )
    bits = int(kind.removeprefix("uint"))
    return random.integers(0, 2**bits, shape).astype(np.int16)


def product_case(product: str, shape: Shape, *, suite: str = "product") -> Case:
    """Set up one product.

    Args:
        product: one of `PRODUCTS`, or ``ternary x uint2`` and the like for codes of 2 to 8 bits,
            presented bit by bit.
        shape: its sizes.
        suite: what the case belongs to.
    """
    kind_w, kind_x = product.split(" x ")
    codes = _codes(kind_x, (shape.rows, shape.inputs))
    network, weights = _linear(shape, kind_w, kind_x)
    x = codes.astype(np.float32) * np.float32(models.step_of(kind_x))
    ours = layer_calls(network, np.ascontiguousarray(x))
    right = codes.astype(np.float32) @ weights.T.astype(np.float32)  # exact: far below 2**24
    if not np.array_equal(ours.sums(), right):
        raise AssertionError(f"{product} {shape}: wrong sums")
    calls, skipped = peers.present(_product_peers(codes, weights))
    planes = int(kind_x.removeprefix("uint")) if kind_x.startswith("uint") else 1
    return Case(
        name=f"{product} {shape}",
        suite=suite,
        work=shape.macs,
        unit="MAC",
        calls={OURS: ours, **calls},
        skipped=skipped,
        roof=ours.roof,
        roof_work=ours.roof_work(shape.macs, planes, binary=product == "binary x binary"),
        goals=goals_for(product),
        batch=shape.rows,
    )


def _linear(shape: Shape, weights: str, codes: str) -> tuple[Any, Array]:
    """The network of one linear layer, and its weights, int8 [outputs, inputs]."""
    from ternary_engine.converters import convert

    network = convert(models.linear(shape.inputs, shape.outputs, weights, codes))
    (layer,) = network.layers
    return network, np.asarray(layer.trits[0]).reshape(shape.outputs, shape.inputs)


def _product_peers(codes: Array, weights: Array) -> dict[str, Callable[[], Call]]:
    floats, w = codes.astype(np.float32), weights.T.astype(np.float32)
    least = int(codes.min())

    def onnx_float32() -> Call:
        model = _one_node("MatMul", ("FLOAT", "FLOAT"), {"w": w})
        opened = peers.session(model)
        return lambda: opened.run(None, {"x": floats})

    def onnx_int8() -> Call:
        """Codes as u8 from 0 up, weights as s8."""
        model = _one_node("MatMulInteger", ("UINT8", "INT32"), {"w": w.astype(np.int8)})
        opened, x = peers.session(model), (codes - least).astype(np.uint8)
        return lambda: opened.run(None, {"x": x})

    found: dict[str, Callable[[], Call]] = {
        FLOAT32: onnx_float32,
        INT8: onnx_int8,
        NUMPY: lambda: peers.numpy_product(floats, w),
        TORCH: lambda: torch_peer.product(floats, weights),
    }
    if 0 not in codes and 0 not in weights:
        found[NUMKONG] = lambda: peers.numkong_product(codes < 0, weights < 0)
    return found


def convolution_case(
    size: int,
    channels: int,
    outputs: int | None = None,
    *,
    kernel: int = 3,
    groups: int = 1,
    suite: str = "convolution",
) -> Case:
    """Set up one ternary convolution of one image, packed codes in and out.

    Args:
        size: rows and columns; the padding keeps them.
        channels: of the input.
        outputs: channels of the output; defaults to as many.
        kernel: rows and columns of the kernel, odd.
        groups: 1, or the number of channels for a depthwise one, or between.
        suite: what the case belongs to.
    """
    from ternary_engine.converters import convert

    outputs = outputs or channels
    model = models.convolution(channels, outputs, size, kernel=kernel, groups=groups)
    network = convert(model)
    x = _codes("ternary", (1, channels, size, size)).astype(np.float32)
    _check_codes(model, network, x)
    ours = layer_calls(network, x)
    w = np.asarray(network.layers[0].trits[0])
    calls, skipped = peers.present(_convolution_peers(x, w, kernel, groups))
    macs = size**2 * outputs * (channels // groups) * kernel**2
    grouped = f" in {groups} groups" if groups > 1 else ""
    return Case(
        name=f"{kernel}x{kernel} ternary convolution {_shape(size, channels, outputs)}{grouped}",
        suite=suite,
        work=macs,
        unit="MAC",
        calls={OURS: ours, **calls},
        skipped=skipped,
        roof=ours.roof,
        roof_work=ours.roof_work(macs),
        goals=goals_for("convolution") if suite == "convolution" else {},
        batch=1,
    )


def _shape(size: int, channels: int, outputs: int) -> str:
    to = f"->{outputs}" if outputs != channels else ""
    return f"{size}x{size}x{channels}{to}"


def _check_codes(model: ModelProto, network: Any, x: Array) -> None:
    right = peers.onnxruntime_run(model, optimise=False)(x)
    if not np.array_equal(network.run(x, threads=1), right):
        raise AssertionError("a convolution gives other codes than ONNX Runtime")


def _convolution_peers(
    x: Array, w: Array, kernel: int, groups: int
) -> dict[str, Callable[[], Call]]:
    pads = {"pads": [kernel // 2] * 4, "kernel_shape": [kernel] * 2, "group": groups}

    def onnx_float32() -> Call:
        model = _one_node("Conv", ("FLOAT", "FLOAT"), {"w": w.astype(np.float32)}, **pads)
        opened = peers.session(model)
        return lambda: opened.run(None, {"x": x})

    def onnx_int8() -> Call:
        """u8 from u8 and s8."""
        constants = {
            "xs": np.float32(1), "xz": np.uint8(1), "w": w.astype(np.int8), "ws": np.float32(1),
            "wz": np.int8(0), "ys": np.float32(4), "yz": np.uint8(128),
        }  # fmt: skip
        model = _one_node("QLinearConv", ("UINT8", "UINT8"), constants, **pads)
        opened, codes = peers.session(model), (x + 1).astype(np.uint8)
        return lambda: opened.run(None, {"x": codes})

    return {
        FLOAT32: onnx_float32,
        INT8: onnx_int8,
        TORCH: lambda: torch_peer.convolution(x, w, kernel // 2, groups),
    }


def _one_node(
    op: str, types: tuple[str, str], constants: dict[str, Any], **attributes: Any
) -> ModelProto:
    """``y = op(x, ...)`` with constants, which is what lets ONNX Runtime pack the weights."""
    from onnx import TensorProto, helper, numpy_helper

    source, target = (getattr(TensorProto, name) for name in types)
    graph = helper.make_graph(
        [helper.make_node(op, ["x", *constants], ["y"], **attributes)],
        "layer",
        [helper.make_tensor_value_info("x", source, None)],
        [helper.make_tensor_value_info("y", target, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
