"""Models that ask for more memory than any network needs are refused before anything runs.

What inference cannot tell beforehand meets the limit of `sessions` instead.
"""

from __future__ import annotations

import math

import onnx
from onnx import TensorProto, helper, shape_inference

from ternary_engine.exceptions import ConversionError

MOST_BYTES = 1 << 30  # of one value, for one sample or what the model declares
SMALL = 1 << 10  # elements: what shapes may be computed from


def check(model: onnx.ModelProto) -> None:
    """Refuse a model with a value that shape inference knows to be too large.

    Raises:
        ConversionError: the message names the value.
    """
    for info in model.graph.input:
        _check(info, "graph input")
    try:
        inferred = shape_inference.infer_shapes(_light(model))
    except Exception:  # what is wrong with the graph is told by those who run it
        return
    for info in (*inferred.graph.value_info, *inferred.graph.output):
        _check(info, "value")


def _check(info: onnx.ValueInfoProto, what: str) -> None:
    tensor = info.type.tensor_type
    sizes = [max(d.dim_value, 1) for d in tensor.shape.dim]
    count = math.prod(sizes) * _width(tensor.elem_type)
    if count > MOST_BYTES:
        shape = " x ".join(str(d.dim_value or d.dim_param or "?") for d in tensor.shape.dim)
        raise ConversionError(
            f"{what} {info.name!r} of shape {shape} takes {count:,} bytes; "
            f"{MOST_BYTES:,} are the most"
        )


def _width(kind: int) -> int:
    try:
        return int(helper.tensor_dtype_to_np_dtype(kind).itemsize)
    except (KeyError, TypeError):
        return 1


def _light(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the data of large initialisers, which inference would copy."""
    light = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = light.graph
    graph.name = model.graph.name
    graph.node.extend(model.graph.node)
    graph.output.extend(model.graph.output)
    graph.input.extend(model.graph.input)
    known = {info.name for info in graph.input}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= SMALL and tensor.data_location != TensorProto.EXTERNAL:
            graph.initializer.append(tensor)
        elif tensor.name not in known:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    return light
