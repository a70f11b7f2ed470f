"""Integer operators of ONNX and com.microsoft: the product on its own, rescaled behind it.

Each product becomes a float Conv or MatMul of whole numbers, which the crossbar computes exactly,
and a cast to int32; what follows is ONNX Runtime's arithmetic step by step. An operator is left as
it is where its weights or scales are computed at run time: ONNX Runtime then executes it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto

from ternary_engine.converters.graph import Array
from ternary_engine.converters.lower import Context, lowers
from ternary_engine.exceptions import ConversionError

_ONNX = ("",)
_MICROSOFT = ("com.microsoft",)
_TYPES = {"uint8": TensorProto.UINT8, "int8": TensorProto.INT8}


def _weights(context: Context, index: int, zero: int, channel: int) -> Array | None:
    """Constant integer weights less their zero point, as float32 on a grid of 1."""
    codes = context.constant(index)
    if codes is None or codes.ndim < 2 or codes.dtype.kind not in "iu":
        return None
    shift = context.constant(zero)
    if shift is None:
        if context.has(zero):
            return None
        shift = np.zeros(1)
    if shift.size not in (1, codes.shape[channel]) or shift.ndim > 1:
        return None
    spread = [1] * codes.ndim
    spread[channel] = -1 if shift.size > 1 else 1
    return np.asarray(codes.astype(np.float32) - shift.reshape(spread).astype(np.float32))


def _centred(context: Context, index: int, zero: int) -> str:
    """The input as float less its zero point; empty where that differs by row."""
    x = context.emit("Cast", context.node.inputs[index], to=TensorProto.FLOAT)
    if not context.has(zero):
        return x
    shift = context.constant(zero)
    if shift is None:
        name = context.emit("Cast", context.node.inputs[zero], to=TensorProto.FLOAT)
        return context.emit("Sub", x, name)
    if shift.size > 1:
        return ""
    return context.emit("Sub", x, shift.astype(np.float32).reshape(())) if shift.any() else x


def _product(context: Context, op: str, x: str, weights: Array, **attributes: Any) -> str:
    """int32 sums."""
    name = context.graph.add_constant(weights, context.origin or context.node.outputs[0])
    context.graph.steps[name] = np.ones((), np.float32)
    y = context.emit(op, x, name, label=context.node.proto.name, **attributes)
    return context.emit("Cast", y, to=TensorProto.INT32)


def _conv_attributes(context: Context) -> dict[str, Any]:
    return dict(context.node.attributes)


def _spread(values: Array, rank: int) -> Array:
    """One number per channel of an image."""
    return values.reshape(1, -1, *[1] * (rank - 2)) if values.size > 1 else values.reshape(())


@lowers("ConvInteger", _ONNX)
def conv_integer(context: Context) -> None:
    """x, w, zero points of both."""
    weights = _weights(context, 1, 3, 0)
    x = _centred(context, 0, 2) if weights is not None else ""
    if weights is None or not x:
        context.decline()
        return
    context.finish(_product(context, "Conv", x, weights, **_conv_attributes(context)))


@lowers("MatMulInteger", _ONNX)
def matmul_integer(context: Context) -> None:
    """a, b, zero points of both."""
    weights = _weights(context, 1, 3, 1)
    x = _centred(context, 0, 2) if weights is not None and weights.ndim == 2 else ""
    if weights is None or not x:
        context.decline()
        return
    context.finish(_product(context, "MatMul", x, weights))


def _requantise(context: Context, sums: str, scale: Array, zero: Array) -> None:
    """int32 sums times a scale, rounded half to even, shifted and saturated."""
    y = context.emit("Mul", context.emit("Cast", sums, to=TensorProto.FLOAT), scale)
    limits = np.iinfo(zero.dtype)
    y = context.emit("Add", context.emit("Round", y), zero.astype(np.float32).reshape(()))
    y = context.emit("Min", y, np.float32(limits.max))
    y = context.emit("Max", y, np.float32(limits.min))
    context.finish(context.emit("Cast", y, to=_TYPES[zero.dtype.name]))


def _scalar(context: Context, index: int) -> Array | None:
    value = context.constant(index)
    return value if value is not None and value.size == 1 else None


def _scales(context: Context, index: int, *, single: bool = True) -> Array | None:
    """Constant scales as float32, in which float16 ones are multiplied too."""
    value = _scalar(context, index) if single else context.constant(index)
    return None if value is None else value.astype(np.float32)


@lowers("QLinearConv", _ONNX)
def qlinear_conv(context: Context) -> None:
    """x, its scale and zero point; w, scales, zero points; scale and zero point of y; bias."""
    weights = _weights(context, 3, 5, 0)
    x_scale, y_scale = _scales(context, 1), _scales(context, 6)
    scales = _scales(context, 4, single=False)
    zero, bias = _scalar(context, 7), context.constant(8)
    missing = any(v is None for v in (weights, x_scale, scales, y_scale, zero))
    x = "" if missing or (bias is None and context.has(8)) else _centred(context, 0, 2)
    if not x or weights is None or x_scale is None or scales is None or y_scale is None:
        context.decline()
        return
    assert zero is not None
    sums = _product(context, "Conv", x, weights, **_conv_attributes(context))
    if bias is not None:
        sums = context.emit("Add", sums, _spread(bias, weights.ndim))
    factor = (x_scale.reshape(-1) * scales.reshape(-1)) / y_scale.reshape(-1)
    _requantise(context, sums, _spread(factor, weights.ndim), zero)


@lowers("QLinearMatMul", _ONNX)
def qlinear_matmul(context: Context) -> None:
    """a, its scale and zero point; b, scales, zero points; scale and zero point of y."""
    weights = _weights(context, 3, 5, 1)
    a_scale, y_scale = _scales(context, 1), _scales(context, 6)
    scales = _scales(context, 4, single=False)
    zero = _scalar(context, 7)
    missing = any(v is None for v in (weights, a_scale, scales, y_scale, zero))
    x = "" if missing or (weights is not None and weights.ndim != 2) else _centred(context, 0, 2)
    if not x or weights is None or a_scale is None or scales is None or y_scale is None:
        context.decline()
        return
    assert zero is not None
    factor = (a_scale.reshape(-1) * scales.reshape(-1)) / y_scale.reshape(-1)
    _requantise(context, _product(context, "MatMul", x, weights), factor, zero)


@lowers("QGemm", _MICROSOFT)
def qgemm(context: Context) -> None:
    """a, scale, zero point; b, scales, zero points; c; scale and zero point of y."""
    turned = bool(context.node.attributes.get("transB", 0))
    weights = _weights(context, 3, 5, 0 if turned else 1)
    a_scale, scales, bias = _scalar(context, 1), context.constant(4), context.constant(6)
    y_scale, zero = _scalar(context, 7), _scalar(context, 8)
    known = weights is not None and a_scale is not None and scales is not None
    known = known and (bias is not None or not context.has(6))
    known = (
        known and (y_scale is not None) == context.has(7) and (zero is None) == (y_scale is None)
    )
    known = known and not context.node.attributes.get("transA", 0)
    x = _centred(context, 0, 2) if known else ""
    if not x or weights is None or a_scale is None or scales is None:
        context.decline()
        return
    sums = _product(context, "MatMul", x, weights.T.copy() if turned else weights)
    if bias is not None:
        sums = context.emit("Add", sums, bias)
    alpha = np.float32(context.node.attributes.get("alpha", 1.0))
    factor = alpha * a_scale.reshape(-1) * scales.reshape(-1)
    if y_scale is None or zero is None:
        context.finish(
            context.emit("Mul", context.emit("Cast", sums, to=TensorProto.FLOAT), factor)
        )
        return
    _requantise(context, sums, factor / y_scale.reshape(-1), zero)


@lowers("MatMulNBits", _MICROSOFT)
def matmul_nbits(context: Context) -> None:
    """a; packed b; scales and zero points of its blocks; bias."""
    packed, scales, zeros = (context.constant(index) for index in (1, 2, 3))
    unknown = packed is None or scales is None or (zeros is None and context.has(3))
    if unknown or context.has(4) or packed is None or scales is None:
        context.decline()
        return
    bits, block = (int(context.node.attributes[name]) for name in ("bits", "block_size"))
    inputs, outputs = (int(context.node.attributes[name]) for name in ("K", "N"))
    blocks = -(-inputs // block)
    if bits not in (2, 4, 8) or packed.size * 8 != outputs * blocks * block * bits:
        raise ConversionError(
            f"node {context.node.label}: {packed.size} bytes are not N x K = {outputs} x {inputs} "
            f"weights of {bits} bits in blocks of {block}"
        )
    codes = _unpack(packed.reshape(outputs, -1), bits, blocks * block)
    shift = np.full((outputs, blocks), 1 << (bits - 1), np.float32)
    if zeros is not None:
        plain = zeros.dtype.kind == "f"
        shift = (
            zeros.reshape(outputs, -1)
            if plain
            else _unpack(zeros.reshape(outputs, -1), bits, blocks)
        )
    step = np.repeat(scales.reshape(outputs, blocks), block, axis=1)
    weights = (codes - np.repeat(shift.astype(np.float32), block, axis=1)) * step
    name = context.graph.add_constant(
        np.ascontiguousarray(weights[:, :inputs].T, scales.dtype), context.node.inputs[1]
    )
    context.graph.steps[name] = step[:, :inputs].T
    y = context.emit("MatMul", context.node.inputs[0], name, label=context.node.proto.name)
    context.finish(context.emit("Add", y, context.node.inputs[5]) if context.has(5) else y)


def _unpack(packed: Array, bits: int, count: int) -> Array:
    """Numbers of a few bits from bytes, the lowest bits first."""
    places = np.arange(0, 8, bits, dtype=np.uint8)
    values = (packed[:, :, None] >> places) & ((1 << bits) - 1)
    return values.reshape(len(packed), -1)[:, :count].astype(np.float32)


@lowers("DequantizeLinear", _ONNX)
def dequantize_linear(context: Context) -> None:
    """With a scale that is computed at run time: shift and multiply."""
    if len(context.node.inputs) < 2 or context.constant(1) is not None:
        context.decline()
        return
    x = _centred(context, 0, 2)
    scale = context.node.inputs[1]
    plain = context.ranks.get(scale) == 0 and context.types.get(scale) == TensorProto.FLOAT
    if not x or context.constant(0) is not None or not plain:
        context.decline()
        return
    context.finish(context.emit("Mul", x, scale))
