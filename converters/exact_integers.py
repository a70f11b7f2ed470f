"""Integer products that ONNX Runtime computes exactly on every processor.

On processors without VNNI its products of uint8 by int8 saturate at 16 bits on the way (its
documentation: "U8S8 format ... saturation issue"); those of uint8 by uint8 do not.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# operator: weights, their zero point, and the zero point that tells the type of the other factor
_SLOTS: dict[str, tuple[int, int, int | None]] = {
    "MatMulInteger": (1, 3, None),
    "QGemm": (3, 5, 2),
    "QLinearConv": (3, 5, 2),
    "QLinearMatMul": (3, 5, 2),
}
_HALF = 128


def exact(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with constant int8 weights of uint8 products written as uint8.

    Args:
        model: any model; left unchanged.

    Returns:
        A model with the same values, or the one given where nothing needs to change.
    """
    if not any(node.op_type in _SLOTS for node in model.graph.node):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    constants = {t.name: t for t in changed.graph.initializer}
    for node in changed.graph.node:
        if node.op_type in _SLOTS:
            _shift(node, constants)
    known = {t.name for t in changed.graph.initializer}
    changed.graph.initializer.extend(t for name, t in constants.items() if name not in known)
    return changed


def _shift(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> None:
    """Give a node its weights, and their zero point, 128 higher."""
    weights, zero, other = _SLOTS[node.op_type]
    held = constants.get(node.input[weights]) if weights < len(node.input) else None
    if held is None or held.data_type != TensorProto.INT8:
        return
    if other is not None:
        told = constants.get(node.input[other])
        if told is None or told.data_type != TensorProto.UINT8:
            return
    name = node.input[zero] if zero < len(node.input) else ""
    if name and name not in constants:
        return
    old = numpy_helper.to_array(constants[name]) if name else np.zeros((), np.int8)
    while len(node.input) <= zero:
        node.input.append("")
    for slot, array in ((weights, numpy_helper.to_array(held)), (zero, old)):
        added = f"{node.output[0]}/exact {slot}"
        higher = (array.astype(np.int16) + _HALF).astype(np.uint8)
        constants[added] = numpy_helper.from_array(higher, added)
        node.input[slot] = added
