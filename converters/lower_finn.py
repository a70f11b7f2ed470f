"""FINN: MultiThreshold, a sum of comparisons, and products of bits."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto

from ternary_engine.converters.graph import Array
from ternary_engine.converters.lower import Context, lowers
from ternary_engine.exceptions import ConversionError

DOMAINS = ("", "finn.custom_op.general", "qonnx.custom_op.general")
LAYOUTS = {2: "NC", 3: "NWC", 4: "NCHW"}


def _spread(context: Context, thresholds: Array) -> Array:
    """Thresholds [C, steps] as [steps, ...] that broadcast against the input."""
    if thresholds.shape[0] == 1:
        return np.asarray(thresholds[0])
    if context.rank is None:
        raise ConversionError(
            f"node {context.node.label}: thresholds differ by channel, but the rank of "
            f"{context.node.inputs[0]!r} is unknown"
        )
    layout = context.text("data_layout", "") or LAYOUTS.get(context.rank, "")
    axis = layout.index("C") if "C" in layout else 1
    shape = [1] * (context.rank - axis)
    shape[0] = -1
    return np.stack([step.reshape(shape) for step in thresholds.T])


@lowers("MultiThreshold", DOMAINS)
def multi_threshold(context: Context) -> None:
    """Count the thresholds that the input reaches, then scale and shift."""
    thresholds = context.parameter(1, "thresholds").astype(np.float32)
    total = ""
    for step in _spread(context, thresholds):
        reached = context.emit("GreaterOrEqual", context.node.inputs[0], step)
        one = context.emit("Cast", reached, to=TensorProto.FLOAT)
        total = context.emit("Add", total, one) if total else one
    scale = np.float32(context.node.attributes.get("out_scale", 1.0))
    bias = np.float32(context.node.attributes.get("out_bias", 0.0))
    context.finish(context.emit("Add", context.emit("Mul", total, scale), bias))


@lowers("XnorPopcountMatMul", DOMAINS)
def xnor_popcount_matmul(context: Context) -> None:
    """Matching bits of 0/1 vectors: (inputs + product of the same bits as -1/+1) / 2."""
    bits = context.parameter(1, "second matrix").astype(np.float32)
    if not np.isin(bits, (0, 1)).all():
        raise ConversionError(f"node {context.node.label}: its weights must be 0 or 1")
    x = context.emit("Mul", context.node.inputs[0], np.float32(2))
    x = context.emit("Sub", x, np.float32(1))
    y = context.emit("MatMul", x, bits * 2 - 1, label=context.node.proto.name)
    y = context.emit("Add", y, np.float32(bits.shape[0]))
    context.finish(context.emit("Mul", y, np.float32(0.5)))
