"""Weights with a scale per block of inputs: one row segment of the crossbar for each block."""

from __future__ import annotations

import numpy as np
from onnx import helper

from ternary_engine.converters.graph import Array, Graph, Node

MOST_BLOCKS = 128


def split(graph: Graph) -> None:
    """Turn matrix products whose grid changes along the inputs into sums of products, in place."""
    nodes: list[Node] = []
    for node in graph.nodes:
        bounds = _bounds(graph, node)
        nodes += _segments(graph, node, bounds) if bounds else [node]
    graph.nodes = nodes
    graph.prune()


def _bounds(graph: Graph, node: Node) -> list[int]:
    """Where blocks begin and the last one ends; empty where there is one block only."""
    if node.op not in ("MatMul", "Gemm") or node.domain or node.inputs[1] not in graph.constants:
        return []
    step = graph.steps.get(node.inputs[1])
    shape = graph.array(node.inputs[1]).shape
    if step is None or len(shape) != 2 or not _is_plain(node):
        return []
    spread = np.broadcast_to(step, shape)
    rows = spread.T if node.attributes.get("transB", 0) else spread
    changes = np.flatnonzero((rows[1:] != rows[:-1]).any(axis=1)) + 1
    if not 0 < len(changes) < MOST_BLOCKS:
        return []
    return [0, *changes.tolist(), len(rows)]


def _is_plain(node: Node) -> bool:
    attributes = node.attributes
    return not attributes.get("transA", 0) and attributes.get("alpha", 1.0) == 1.0 == (
        attributes.get("beta", 1.0)
    )


def _segments(graph: Graph, node: Node, bounds: list[int]) -> list[Node]:
    weight, target = node.inputs[1], node.outputs[0]
    turned = bool(node.attributes.get("transB", 0))
    array, step = graph.array(weight), graph.steps[weight]
    pairs = [a.T if turned else a for a in (array, np.broadcast_to(step, array.shape))]
    sizes = graph.add_constant(np.diff(bounds).astype(np.int64), target)
    parts = [graph.new_name(node.inputs[0]) for _ in bounds[1:]]
    made = [helper.make_node("Split", [node.inputs[0], sizes], parts, axis=-1)]
    sums = []
    base = node.proto.name or weight
    for index, part in enumerate(parts):
        rows = slice(bounds[index], bounds[index + 1])
        name = _constant(graph, pairs[0][rows], pairs[1][rows], weight)
        sums.append(graph.new_name(target))
        label = f"{base}.block{index}"
        made.append(helper.make_node("MatMul", [part, name], [sums[-1]], label))
    bias = node.inputs[2:3] if len(node.inputs) > 2 and node.inputs[2] else []
    made.append(helper.make_node("Sum", [*sums, *bias], [target]))
    return [Node(proto) for proto in made]


def _constant(graph: Graph, values: Array, step: Array, like: str) -> str:
    name = graph.add_constant(np.ascontiguousarray(values), like)
    graph.steps[name] = step
    return name
