"""QONNX and Brevitas: Quant, BipolarQuant, FloatQuant and Trunc, in QONNX's order of operations."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ternary_engine.converters.graph import Array
from ternary_engine.converters.lower import Context, lowers
from ternary_engine.exceptions import ConversionError

DOMAINS = ("", "onnx", "onnx.brevitas", "qonnx.custom_op.general", "finn.custom_op.general")


def _parameter(context: Context, index: int, what: str) -> Array:
    return context.parameter(index, what).astype(np.float32)


def _limits(bits: Array, *, signed: bool, narrow: bool) -> tuple[Array, Array]:
    """Smallest and largest integer; narrow leaves out one at the end that has one more."""
    bits = bits.astype(np.float64)
    if signed:
        low, high = -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    else:
        low, high = 0 * bits, 2**bits - 1 - narrow
    return np.asarray(low, np.float32), np.asarray(high, np.float32)


def _round(context: Context, x: str, mode: str) -> str:
    """Round as QONNX names the modes; UP, DOWN, HALF_UP and HALF_DOWN look at the magnitude."""
    simple = {"ROUND": "Round", "HALF_EVEN": "Round", "CEIL": "Ceil", "FLOOR": "Floor"}
    if mode in simple:
        return context.emit(simple[mode], x)
    size = context.emit("Abs", x)
    half = np.float32(0.5)
    if mode == "UP":
        size = context.emit("Ceil", size)
    elif mode in ("DOWN", "ROUND_TO_ZERO"):
        size = context.emit("Floor", size)
    elif mode == "HALF_UP":
        size = context.emit("Floor", context.emit("Add", size, half))
    elif mode == "HALF_DOWN":
        size = context.emit("Ceil", context.emit("Sub", size, half))
    else:
        raise ConversionError(
            f"node {context.node.label}: rounding mode {mode!r} is not one of ROUND, HALF_EVEN, "
            "CEIL, FLOOR, UP, DOWN, ROUND_TO_ZERO, HALF_UP, HALF_DOWN"
        )
    return context.emit("Mul", context.emit("Sign", x), size)


def _clamp(context: Context, x: str, low: Array, high: Array) -> str:
    return context.emit("Max", context.emit("Min", x, high), low)


def _bipolar(context: Context, x: str) -> str:
    positive = context.emit("GreaterOrEqual", x, np.float32(0))
    return context.emit("Where", positive, np.float32(1), np.float32(-1))


@lowers("Quant", DOMAINS)
@lowers("IntQuant", DOMAINS)
def quant(context: Context) -> None:
    """Scale, shift, clamp, round, and back."""
    scale = _parameter(context, 1, "scale")
    zero = _parameter(context, 2, "zero point")
    bits = _parameter(context, 3, "bit width")
    signed = bool(context.node.attributes.get("signed", 1))
    narrow = bool(context.node.attributes.get("narrow", 0))
    y = context.emit("Div", context.node.inputs[0], scale)
    if zero.any():
        y = context.emit("Add", y, zero)
    if signed and (bits == 1).all():
        y = _bipolar(context, y)
    else:
        y = _clamp(context, y, *_limits(bits, signed=signed, narrow=narrow))
        y = _round(context, y, context.text("rounding_mode", "ROUND").upper())
    if zero.any():
        y = context.emit("Sub", y, zero)
    context.finish(context.emit("Mul", y, scale))


@lowers("BipolarQuant", DOMAINS)
def bipolar_quant(context: Context) -> None:
    """Sign with 0 counted as +1, times the scale."""
    y = _bipolar(context, context.node.inputs[0])
    context.finish(context.emit("Mul", y, _parameter(context, 1, "scale")))


@lowers("FloatQuant", DOMAINS)
def float_quant(context: Context) -> None:
    """Round to a minifloat: the step of each value is a power of two below its size."""
    scale = _parameter(context, 1, "scale")
    exponents, mantissa = (
        _parameter(context, index, "bit widths").astype(np.float64) for index in (2, 3)
    )
    bias = _parameter(context, 4, "exponent bias").astype(np.float64)
    limit = (2 - 2.0**-mantissa) * 2.0 ** (2.0**exponents - 1 - bias)
    if context.has(5):
        limit = np.minimum(limit, _parameter(context, 5, "largest value"))
    limit = limit.astype(np.float32)
    x = context.emit("Div", context.node.inputs[0], scale)
    step = _float_step(context, x, mantissa, 1 - bias - mantissa)
    y = _round(
        context, context.emit("Div", x, step), context.text("rounding_mode", "ROUND").upper()
    )
    y = context.emit("Mul", y, step)
    clamped = _clamp(context, y, -limit, limit)
    if not context.node.attributes.get("saturation", 1):
        clamped = _overflow(context, y, clamped, limit)
    context.finish(context.emit("Mul", clamped, scale))


def _float_step(context: Context, x: str, mantissa: Array, least: Array) -> str:
    """2 to the (floor of log2 of the size, less the mantissa's bits): exact, being in float64."""
    size = context.emit("Cast", context.emit("Abs", x), to=TensorProto.DOUBLE)
    power = context.emit("Div", context.emit("Log", size), np.log(2.0))
    power = context.emit("Floor", context.emit("Add", power, np.float64(1e-12)))
    power = context.emit("Max", context.emit("Sub", power, mantissa), least)
    return context.emit("Cast", context.emit("Pow", np.float64(2), power), to=TensorProto.FLOAT)


def _overflow(context: Context, y: str, clamped: str, limit: Array) -> str:
    """What becomes of values beyond the range: infinite, else not a number."""
    if context.node.attributes.get("has_inf", 0):
        beyond = context.emit("Mul", context.emit("Sign", y), np.float32(np.inf))
    elif context.node.attributes.get("has_nan", 0):
        beyond = context.emit("Mul", y, np.float32(np.nan))
    else:
        raise ConversionError(
            f"node {context.node.label}: saturation=0 needs has_inf=1 or has_nan=1; both are 0"
        )
    return context.emit(
        "Where", context.emit("Greater", context.emit("Abs", y), limit), beyond, clamped
    )


@lowers("Trunc", DOMAINS)
def trunc(context: Context) -> None:
    """Drop low bits: five inputs in version 1, six in version 2."""
    scale = _parameter(context, 1, "scale")
    zero = _parameter(context, 2, "zero point")
    y = context.emit("Div", context.node.inputs[0], scale)
    y = context.emit("Round", context.emit("Add", y, zero))
    mode = context.text("rounding_mode", "FLOOR").upper()
    if len(context.node.inputs) < 6:
        drop = _parameter(context, 3, "input bit width") - _parameter(
            context, 4, "output bit width"
        )
        y = context.emit("Div", y, np.asarray(2.0**drop, np.float32))
        y = context.emit("Sub", _round(context, y, mode), zero)
        context.finish(context.emit("Mul", y, scale))
        return
    output_scale = _parameter(context, 4, "output scale")
    factor = np.asarray(2 ** np.round(np.log2(output_scale / scale)), np.float32)
    signed = bool(context.node.attributes.get("signed", 1))
    narrow = bool(context.node.attributes.get("narrow", 0))
    limits = _limits(_parameter(context, 5, "output bit width"), signed=signed, narrow=narrow)
    y = _clamp(context, context.emit("Div", y, factor), *limits)
    y = context.emit("Sub", _round(context, y, mode), np.asarray(zero / factor, np.float32))
    context.finish(context.emit("Mul", y, output_scale))
