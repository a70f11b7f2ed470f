"""QuantLib and Deeploy (PACTOps): RequantShift, a multiplication, an addition and a shift."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ternary_engine.converters.graph import Array
from ternary_engine.converters.lower import Context, lowers
from ternary_engine.exceptions import ConversionError


def _number(context: Context, name: str, default: float | None = None) -> float:
    """A numeric attribute, stored as a number or as a tensor."""
    value = context.node.attributes.get(name, default)
    if value is None:
        raise ConversionError(f"node {context.node.label}: its attribute {name!r} is missing")
    if hasattr(value, "dims"):
        from onnx import numpy_helper

        value = numpy_helper.to_array(value)
    return float(np.asarray(value).reshape(-1)[0])


def _per_channel(context: Context, values: Array) -> Array:
    """One number per channel, shaped to the input."""
    if values.size == 1 or values.ndim != 1 or not context.rank or context.rank <= 2:
        return values
    return values.reshape(-1, *[1] * (context.rank - 2))


@lowers("RequantShift", ("PACTOps",))
def requant_shift(context: Context) -> None:
    """floor((x * mul + add) / div), saturated: QuantLib's order, exact in double precision."""
    if _number(context, "cmsis_requant", 0):
        raise ConversionError(
            f"node {context.node.label}: cmsis_requant=1 adds before it multiplies, which is not "
            "supported; export with cmsis_requant=0"
        )
    div = _number(context, "div")
    levels, signed = _number(context, "n_levels_out"), bool(_number(context, "signed", 1))
    if div <= 0 or np.log2(div) % 1:
        raise ConversionError(f"node {context.node.label}: div is {div:g}, no power of two")
    half = np.floor(levels / 2)
    low = -half if signed else 0.0
    high = (half - 1 + levels % 2) if signed else levels - 1
    y = context.emit("Cast", context.node.inputs[0], to=TensorProto.DOUBLE)
    factor, shift = (
        _per_channel(context, context.parameter(index, what)).astype(np.float64)
        for index, what in ((1, "factor"), (2, "shift"))
    )
    y = context.emit("Add", context.emit("Mul", y, factor), shift)
    y = context.emit("Floor", context.emit("Div", y, np.float64(div)))
    y = context.emit("Cast", y, to=TensorProto.FLOAT)
    y = context.emit("Min", y, np.float32(high))
    context.finish(context.emit("Max", y, np.float32(low)))
