"""Transposes sink behind elementwise operators until they meet their inverse, or something else.

A channels-last network has one on either side of every convolution; between two layers nothing
but elementwise operators must be left.
"""

from __future__ import annotations

import numpy as np
from onnx import helper

from ternary_engine.converters.graph import Graph, Node
from ternary_engine.converters.operators import ELEMENTWISE, is_inference

Permutation = tuple[int, ...]
BY_AXIS = ("BatchNormalization", "PRelu", "QuantizeLinear", "DequantizeLinear")


def sink(graph: Graph) -> None:
    """Move, join and cancel transposes, in place."""
    if not any(node.op == "Transpose" for node in graph.nodes):
        return
    before = list(graph.nodes)
    graph.nodes = _Sinking(graph).nodes
    if sum(n.op == "Transpose" for n in graph.nodes) >= sum(n.op == "Transpose" for n in before):
        graph.nodes = before
    graph.prune()


class _Sinking:
    """Rewrites nodes in order.

    Attributes:
        nodes: rewritten so far.
        waiting: for tensors not made yet, of which tensor they are which transpose.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.waiting: dict[str, tuple[str, Permutation]] = {}
        for node in graph.nodes:
            if not self._wait(node) and not self._pass(node):
                self._keep(node)
        for name in graph.output_names:
            self._make(name)

    def _wait(self, node: Node) -> bool:
        """Put a transpose off."""
        if node.op != "Transpose" or node.domain or "perm" not in node.attributes:
            return False
        perm = tuple(node.attributes["perm"])
        source, first = self.waiting.get(node.inputs[0], (node.inputs[0], tuple(range(len(perm)))))
        if sorted(perm) != list(range(len(first))):
            return False  # for ONNX Runtime to refuse
        self.waiting[node.outputs[0]] = source, tuple(first[axis] for axis in perm)
        return True

    def _pass(self, node: Node) -> bool:
        """Let an elementwise operator work before the transposes of its inputs."""
        moving = list(self.graph.dependencies(node))
        perms = {self.waiting[name][1] for name in moving if name in self.waiting}
        known = node.op in ELEMENTWISE and not node.domain and is_inference(node)
        if not known or len(perms) != 1 or any(name not in self.waiting for name in moving):
            return False
        (perm,) = perms
        if len(node.outputs) != 1 or node.captured:
            return False
        inputs = [self._before(node, name, perm) for name in node.inputs]
        if any(name is None for name in inputs):
            return False
        copy = Node(node.proto)
        copy.inputs = [name or "" for name in inputs]
        copy.outputs = [self.graph.new_name(node.outputs[0])]
        self.nodes.append(copy)
        self.waiting[node.outputs[0]] = copy.outputs[0], perm
        return True

    def _before(self, node: Node, name: str, perm: Permutation) -> str | None:
        """An input as it is before the transpose; None where that is not possible."""
        if not name:
            return ""
        if name in self.waiting:
            return self.waiting[name][0]
        array = self.graph.array(name)
        if array.size == 1:
            return name if array.ndim <= 1 else self.graph.add_constant(array.reshape(()), name)
        if node.op in BY_AXIS or array.ndim > len(perm):
            return None
        full = array.reshape((1,) * (len(perm) - array.ndim) + array.shape)
        return self.graph.add_constant(np.transpose(full, np.argsort(perm)), name)

    def _keep(self, node: Node) -> None:
        for name in self.graph.dependencies(node):
            self._make(name)
        kept = node
        if any(self._is_same(name) for name in node.inputs):
            kept = Node(node.proto)
            kept.inputs = [
                self.waiting[name][0] if self._is_same(name) else name for name in node.inputs
            ]
            kept.outputs = list(node.outputs)
        self.nodes.append(kept)

    def _is_same(self, name: str) -> bool:
        """Whether a tensor's transposes have cancelled."""
        return name in self.waiting and self._cancels(name)

    def _cancels(self, name: str) -> bool:
        _, perm = self.waiting[name]
        return perm == tuple(range(len(perm)))

    def _make(self, name: str) -> None:
        """Carry a transpose out after all, under its old name."""
        if name not in self.waiting:
            return
        source, perm = self.waiting[name]
        is_port = name in self.graph.output_names
        if self._cancels(name) and not is_port:
            return
        if any(name in node.outputs for node in self.nodes):
            return
        if self._cancels(name):
            made = helper.make_node("Identity", [source], [name])
        else:
            made = helper.make_node("Transpose", [source], [name], perm=list(perm))
        self.nodes.append(Node(made))
