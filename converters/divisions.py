"""Divisions of integers that stop a process: by 0, and of the smallest integer by -1.

ONNX leaves them undefined, and ONNX Runtime lets the processor trap.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import shape_inference

from ternary_engine.converters.graph import Graph, Node
from ternary_engine.exceptions import ConversionError

GUARDED = (np.dtype(np.int32), np.dtype(np.int64))  # what ONNX Runtime compares and divides
n = onnx.helper.make_node


def guard(graph: Graph) -> None:
    """Make divisors safe, in place: by -1 becomes a negation, by 0 a division by 1.

    Raises:
        ConversionError: a constant divisor holds a 0.
    """
    if not any(_divides(node) for node in graph.nodes):
        return
    types = _types(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        if _divides(node):
            nodes += _guarded(graph, node, types)
        else:
            nodes.append(node)
    graph.nodes = nodes


def _divides(node: Node) -> bool:
    return node.op in ("Div", "Mod") and not node.domain and len(node.inputs) == 2


def _types(graph: Graph) -> dict[str, int]:
    """ONNX types of values, as far as inference tells them."""
    try:
        inferred = shape_inference.infer_shapes(graph.whole()).graph
    except Exception:  # what is wrong with the graph is told by those who run it
        return {}
    infos = (*inferred.value_info, *inferred.input, *inferred.output)
    return {info.name: info.type.tensor_type.elem_type for info in infos}


def _guarded(graph: Graph, node: Node, types: dict[str, int]) -> list[Node]:
    first, second = node.inputs
    if second in graph.constants:
        divisor = graph.array(second)
        if divisor.dtype.kind not in "iu":
            return [node]
        if not divisor.all():
            raise ConversionError(f"node {node.label}: it divides integers by 0")
        if divisor.dtype not in GUARDED or not (divisor == -1).any():
            return [node]
        dtype = divisor.dtype
    else:
        kind = types.get(second, types.get(first, 0))
        known = [one for one in GUARDED if onnx.helper.np_dtype_to_tensor_dtype(one) == kind]
        if not known:
            return [node]
        (dtype,) = known
    return _rewritten(graph, node, dtype)


def _rewritten(graph: Graph, node: Node, dtype: np.dtype[np.signedinteger]) -> list[Node]:
    """``where(d == -1, -a (or 0), a op where(d in (0, -1), 1, d))``."""
    first, second = node.inputs
    zero, one, minus = (graph.add_constant(dtype.type(v), second) for v in (0, 1, -1))
    names = [graph.new_name(node.outputs[0]) for _ in range(6)]
    is_zero, is_minus, is_either, safe, divided, opposite = names
    if node.op == "Div":
        beside = n("Sub", [zero, first], [opposite])
    else:
        beside = n("Mul", [zero, first], [opposite])
    divide = Node(node.proto)
    divide.inputs, divide.outputs = [first, safe], [divided]
    protos = [
        n("Equal", [second, zero], [is_zero]),
        n("Equal", [second, minus], [is_minus]),
        n("Or", [is_zero, is_minus], [is_either]),
        n("Where", [is_either, one, second], [safe]),
        beside,
    ]
    last = n("Where", [is_minus, opposite, divided], node.outputs)
    return [*map(Node, protos), divide, Node(last)]
