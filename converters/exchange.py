"""Types that NumPy and ONNX Runtime do not exchange: cast at the ports, bfloat16 computed wider.

ONNX Runtime knows bfloat16, float8 and integers of 2 and 4 bits inside a graph, but neither takes
nor gives arrays of them, and its processor kernels have next to no operators for bfloat16.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.converters.graph import unpack

BFLOAT16 = TensorProto.BFLOAT16
_CARRIERS = {
    "FLOAT8E4M3FN": TensorProto.FLOAT, "FLOAT8E4M3FNUZ": TensorProto.FLOAT,
    "FLOAT8E5M2": TensorProto.FLOAT, "FLOAT8E5M2FNUZ": TensorProto.FLOAT,
    "FLOAT8E8M0": TensorProto.FLOAT, "FLOAT4E2M1": TensorProto.FLOAT,
    "INT4": TensorProto.INT8, "UINT4": TensorProto.UINT8,
    "INT2": TensorProto.INT8, "UINT2": TensorProto.UINT8,
}  # fmt: skip
CARRIERS = {
    TensorProto.DataType.Value(name): carrier
    for name, carrier in _CARRIERS.items()
    if hasattr(TensorProto, name)  # older releases of onnx know fewer
}
TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype", "stash_type", "softmax_precision")


def exchangeable(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[str]]:
    """Give a model ports of types that arrays can have.

    Args:
        model: changed in place.

    Returns:
        The model, and what the user should know.
    """
    notes = []
    if _uses(model.graph, BFLOAT16):
        rounded = [o.name for o in model.graph.output if _kind(o) == BFLOAT16]
        _widen(model.graph)
        for name in rounded:
            _cast_output(model.graph, name, [BFLOAT16, TensorProto.FLOAT])
        notes.append(
            "bfloat16 is computed in float32: results are rounded to bfloat16, steps between are "
            "not; arrays are float32"
        )
    constants = {t.name for t in model.graph.initializer}
    for info in model.graph.input:
        if _kind(info) in CARRIERS and info.name not in constants:
            notes.append(_note(info))
            _cast_input(model.graph, info)
    for info in model.graph.output:
        if _kind(info) in CARRIERS:
            notes.append(_note(info))
            carrier = CARRIERS[_kind(info)]
            info.type.tensor_type.elem_type = carrier
            _cast_output(model.graph, info.name, [carrier])
    return model, notes


def _kind(info: onnx.ValueInfoProto) -> int:
    return int(info.type.tensor_type.elem_type)


def _note(info: onnx.ValueInfoProto) -> str:
    kind, carrier = _kind(info), CARRIERS[_kind(info)]
    name, array = TensorProto.DataType.Name(kind), TensorProto.DataType.Name(carrier)
    return f"{info.name!r} holds {name} values in arrays of {array.lower()}"


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """A graph and all that its nodes hold."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            for sub in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                yield from _graphs(sub)


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from [*attribute.tensors, *([attribute.t] if attribute.HasField("t") else [])]


def _uses(graph: onnx.GraphProto, kind: int) -> bool:
    return any(
        any(t.data_type == kind for t in _tensors(part))
        or any(_kind(info) == kind for info in (*part.input, *part.output))
        or any(
            a.name in TYPE_ATTRIBUTES and a.i == kind for node in part.node for a in node.attribute
        )
        for part in _graphs(graph)
    )


def _widen(graph: onnx.GraphProto) -> None:
    """bfloat16 to float32 everywhere; a cast to bfloat16 still rounds."""
    for part in _graphs(graph):
        del part.value_info[:]
        for info in (*part.input, *part.output):
            if _kind(info) == BFLOAT16:
                info.type.tensor_type.elem_type = TensorProto.FLOAT
        for tensor in _tensors(part):
            if tensor.data_type == BFLOAT16:
                wide = unpack(tensor, tensor.name).astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(wide, tensor.name))
        nodes = [new for node in part.node for new in _widened(node)]
        del part.node[:]
        part.node.extend(nodes)


def _widened(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    kinds = [a for a in node.attribute if a.name in TYPE_ATTRIBUTES and a.i == BFLOAT16]
    if not kinds:
        return [node]
    if node.op_type == "Cast":
        output = node.output[0]
        node.output[0] = f"{output}/bfloat16"
        return [node, helper.make_node("Cast", node.output, [output], to=TensorProto.FLOAT)]
    for attribute in kinds:
        attribute.i = TensorProto.FLOAT
    return [node]


def _cast_input(graph: onnx.GraphProto, info: onnx.ValueInfoProto) -> None:
    kind, inner = _kind(info), f"{info.name}/thin"
    _rename(graph, lambda name: inner if name == info.name else name)
    info.type.tensor_type.elem_type = CARRIERS[kind]
    graph.node.insert(0, helper.make_node("Cast", [info.name], [inner], to=kind))


def _cast_output(graph: onnx.GraphProto, output: str, kinds: list[int]) -> None:
    """Cast an output to one type after the other."""
    steps = [f"{output}/cast{number}" for number in range(len(kinds))] + [output]
    _rename(graph, lambda name: steps[0] if name == output else name)
    for source, target, kind in zip(steps, steps[1:], kinds, strict=False):
        graph.node.append(helper.make_node("Cast", [source], [target], to=kind))


def _rename(graph: onnx.GraphProto, new_name: Callable[[str], str]) -> None:
    """Rename values wherever nodes make or read them, inner graphs too."""
    for part in _graphs(graph):
        for node in part.node:
            for names in (node.input, node.output):
                renamed = [new_name(name) for name in names]
                del names[:]
                names.extend(renamed)
        if part is not graph:
            for info in part.output:
                info.name = new_name(info.name)
