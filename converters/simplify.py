"""Constants that take a tensor's type or sizes to know: folded once those have been learnt."""

from __future__ import annotations

import numpy as np
from onnx import helper, numpy_helper

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.fold import fold
from ternary_engine.converters.graph import Array, Graph, Node


def simplify(graph: Graph, shapes: Shapes) -> None:
    """Fold CastLike of constants and sizes of fixed axes, in place."""
    producers = graph.producers()
    kept: list[Node] = []
    for node in graph.nodes:
        value = _cast_like(graph, shapes, node)
        if value is None:
            value = _size(graph, shapes, producers, node)
        if value is None:
            kept.append(node)
        else:
            name = node.outputs[0]
            graph.constants[name] = numpy_helper.from_array(value, name)
    if len(kept) < len(graph.nodes):
        graph.nodes = kept
        graph.prune()
        fold(graph)


def _cast_like(graph: Graph, shapes: Shapes, node: Node) -> Array | None:
    if node.op != "CastLike" or node.domain or node.inputs[0] not in graph.constants:
        return None
    dtype = shapes.dtypes.get(node.inputs[1])
    if dtype is None:
        return None
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    cast = Node(helper.make_node("Cast", node.inputs[:1], node.outputs[:1], to=kind))
    return graph.evaluate([cast], {}, cast.outputs)[0]


def _size(graph: Graph, shapes: Shapes, producers: dict[str, Node], node: Node) -> Array | None:
    """The result of Gather(Shape(x), axes), where those axes have a fixed size."""
    if node.op != "Gather" or node.domain or node.inputs[1] not in graph.constants:
        return None
    source = producers.get(node.inputs[0])
    if source is None or source.op != "Shape" or source.attributes or shapes.open_sizes:
        return None
    shape = shapes.shapes.get(source.inputs[0])
    if shape is None or shape[:1] != (None,):
        return None
    axes = graph.array(node.inputs[1]) % len(shape)
    if not axes.all():
        return None
    return np.asarray(np.array(shape[1:], np.int64)[axes - 1])
