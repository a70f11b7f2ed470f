"""Scales that are computed at run time move behind the product: BitNet, dynamic quantisation.

A layer that reads ``codes / g``, with one g for all inputs of a product, gives the same as the
layer on the codes alone, divided by g afterwards, up to float32 rounding; and its sums are
integers.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from onnx import helper

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.graph import Graph, Node
from ternary_engine.converters.values import Analysis, dynamic_scale
from ternary_engine.converters.weighted import PLAIN


def rescale(graph: Graph, shapes: Shapes, analysis: Analysis) -> None:
    """Rewrite all such layers, in place."""
    producers = graph.producers()
    nodes: list[Node] = []
    for node in graph.nodes:
        found = _scaled_codes(graph, shapes, analysis, producers, node)
        nodes += _rewritten(graph, shapes, node, *found) if found else [node]
    graph.nodes = nodes
    graph.prune()


def _scaled_codes(
    graph: Graph,
    shapes: Shapes,
    analysis: Analysis,
    producers: Mapping[str, Node],
    node: Node,
) -> tuple[str, str, str] | None:
    """Operator, codes and scale of the node's input."""
    scaling = None if node.op not in PLAIN or node.domain else producers.get(node.inputs[0])
    if scaling is None or scaling.domain:
        return None
    if node.inputs[1] not in graph.constants or node.attributes.get("transA", 0):
        return None
    if len(node.inputs) > 2 and node.inputs[2] and node.inputs[2] not in graph.constants:
        return None
    for codes, scale in dynamic_scale(graph, scaling):
        shape = shapes.shapes.get(scale)
        if analysis.codes(codes) is None or shape is None:
            continue
        same = shapes.shapes.get(codes) == shapes.shapes.get(node.inputs[0])
        shared = shape[-1:] if node.op == "MatMul" else shape[1:]
        if same and all(size == 1 for size in shared):
            return scaling.op, codes, scale
    return None


def _rewritten(
    graph: Graph, shapes: Shapes, node: Node, op: str, codes: str, scale: str
) -> list[Node]:
    target, kept = node.outputs[0], Node(node.proto)
    sums = _like(graph, shapes, target)
    kept.inputs, kept.outputs = [codes, node.inputs[1]], [sums]
    made = [kept]
    bias = node.inputs[2] if len(node.inputs) > 2 else ""
    scaled = _like(graph, shapes, target) if bias else target
    made.append(Node(helper.make_node(op, [sums, scale], [scaled])))
    if bias:
        values = graph.array(bias) * np.asarray(
            node.attributes.get("beta", 1.0), graph.array(bias).dtype
        )
        rank = len(shapes.shapes[target])
        if node.op == "Conv":
            values = values.reshape(-1, *[1] * (rank - 2))
        name = graph.add_constant(values, bias)
        made.append(Node(helper.make_node("Add", [scaled, name], [target])))
    return made


def _like(graph: Graph, shapes: Shapes, target: str) -> str:
    """A new value of a value's type and shape."""
    name = graph.new_name(target)
    shapes.shapes[name], shapes.dtypes[name] = shapes.shapes[target], shapes.dtypes[target]
    return name
