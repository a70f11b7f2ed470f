"""QONNX's channels-last dialect: Conv, MaxPool and BatchNormalization on NHWC and NWC tensors."""

from __future__ import annotations

from ternary_engine.converters.lower import Context, lowers
from ternary_engine.exceptions import ConversionError

DOMAINS = ("qonnx.custom_op.channels_last",)


def _wrapped(context: Context) -> None:
    """Transpose, the standard operator, transpose back; weights of Conv are channels-last too."""
    node = context.node
    held = context.constant(1) if node.op == "Conv" else None
    rank = held.ndim if held is not None else context.rank
    if rank is None:
        raise ConversionError(f"node {node.label}: the rank of {node.inputs[0]!r} is unknown")
    first = [0, rank - 1, *range(1, rank - 1)]
    last = [0, *range(2, rank), 1]
    inputs = [context.emit("Transpose", node.inputs[0], perm=first), *node.inputs[1:]]
    if node.op == "Conv":
        inputs[1] = context.emit("Transpose", node.inputs[1], perm=first)
    y = context.emit(node.op, *inputs, label=node.proto.name, **node.attributes)
    context.finish(context.emit("Transpose", y, perm=last))


for _op in ("Conv", "MaxPool", "BatchNormalization"):
    lowers(_op, DOMAINS)(_wrapped)
