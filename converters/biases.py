"""Biases that are computed at run time are added behind the layer."""

from __future__ import annotations

import numpy as np
from onnx import helper

from ternary_engine.converters.graph import Graph, Node


def detach(graph: Graph) -> None:
    """Give layers with constant weights no other bias than a constant one, in place."""
    nodes: list[Node] = []
    for node in graph.nodes:
        nodes += _apart(graph, node) if _is_computed(graph, node) else [node]
    graph.nodes = nodes


def _is_computed(graph: Graph, node: Node) -> bool:
    if node.op not in ("Conv", "Gemm") or node.domain or node.attributes.get("beta", 1.0) != 1.0:
        return False
    bias = node.inputs[2] if len(node.inputs) > 2 else ""
    return bool(bias) and bias not in graph.constants and node.inputs[1] in graph.constants


def _apart(graph: Graph, node: Node) -> list[Node]:
    plain, target, bias = Node(node.proto), node.outputs[0], node.inputs[2]
    plain.inputs, plain.outputs = node.inputs[:2], [graph.new_name(target)]
    made = [plain]
    if node.op == "Conv":
        rank = graph.array(node.inputs[1]).ndim
        shape = graph.add_constant(np.array([-1, *[1] * (rank - 2)], np.int64), bias)
        spread = graph.new_name(bias)
        made.append(Node(helper.make_node("Reshape", [bias, shape], [spread])))
        bias = spread
    made.append(Node(helper.make_node("Add", [plain.outputs[0], bias], [target])))
    return made
