"""Concatenations of channels sink below what works channel by channel.

``quantise(norm(concat(a, b)))`` becomes ``concat(quantise(norm(a)), quantise(norm(b)))``, each part
with its own share of the constants: the same numbers, and every part finds the sums of its layer,
so that codes stay packed from one crossbar layer to the next (fire modules).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from onnx import helper

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.chains import Walker
from ternary_engine.converters.graph import Graph, Node
from ternary_engine.converters.operators import VIEWS
from ternary_engine.converters.values import Analysis
from ternary_engine.converters.weighted import Weighted

BY_CHANNEL = ("BatchNormalization", "QuantizeLinear", "DequantizeLinear")


def joins_channels(graph: Graph, shapes: Shapes, node: Node) -> bool:
    """Whether a node concatenates tensors along their channels."""
    if node.op != "Concat" or node.domain or any(name in graph.constants for name in node.inputs):
        return False
    inside = [shapes.per_sample(name) for name in (*node.inputs, node.outputs[0])]
    if any(not one or not one[0] for one in inside):
        return False
    rank = len(shapes.shapes[node.outputs[0]])
    return int(node.attributes.get("axis", 1)) % rank == 1


def sink(graph: Graph, shapes: Shapes, analysis: Analysis, layers: dict[str, Weighted]) -> bool:
    """Sink concatenations in front of crossbar layers, in place; whether any did."""
    splitter = _Splitter(graph, shapes, layers)
    ends = list(dict.fromkeys(i.source for i in layers.values() if i.where == "crossbar"))
    uses = Counter(root for tensor in ends for root in splitter.roots(tensor))
    for tensor in ends:
        sums = [root for root in splitter.roots(tensor) if splitter.has_sums(root)]
        # Thresholds are free inside the product; sums kept for several are slower than floats.
        if sums and all(uses[root] == 1 or analysis.codes(root) for root in sums):
            splitter.split(tensor)
    if not splitter.added:
        return False
    splitter.finish()
    return True


class _Splitter:
    """Finds out which tensors fall into parts, and makes those parts.

    Attributes:
        added: nodes by the original one in whose place they come.
    """

    def __init__(self, graph: Graph, shapes: Shapes, layers: dict[str, Weighted]) -> None:
        self.graph = graph
        self.shapes = shapes
        self.layers = layers
        self.walker = Walker(graph, shapes)
        self.added: dict[Node, list[Node]] = {}
        self._roots: dict[str, list[str]] = {}
        self._parts: dict[str, list[str]] = {}
        for node in graph.nodes:
            found = self._find(node)
            if found:
                self._roots[node.outputs[0]] = found

    def split(self, tensor: str) -> None:
        """Make a tensor a concatenation, where it is one with something behind it."""
        producer = self.walker.producers.get(tensor)
        roots = self.roots(tensor)
        if producer is None or producer.op == "Concat" or not roots:
            return
        for node in self._between(tensor):
            self._make(node)
        parts = self._parts[tensor]
        self.added[producer].append(Node(helper.make_node("Concat", parts, [tensor], axis=1)))

    def _between(self, tensor: str) -> list[Node]:
        """Nodes from the concatenations to a tensor, in order."""
        needed, found = {tensor}, []
        for node in reversed(self.graph.nodes):
            if needed.intersection(node.outputs) and node.outputs[0] not in self._parts:
                found.append(node)
                if not joins_channels(self.graph, self.shapes, node):
                    needed.update(self.graph.dependencies(node))
        return found[::-1]

    def finish(self) -> None:
        """Put the new nodes into the graph."""
        nodes: list[Node] = []
        for node in self.graph.nodes:
            added = self.added.get(node, [])
            replaced = {o for new in added for o in new.outputs}
            if not replaced.intersection(node.outputs):
                nodes.append(node)
            nodes += added
        self.graph.nodes = nodes
        self.graph.prune()

    def roots(self, tensor: str) -> list[str]:
        """The concatenated tensors that a tensor is made of, channel by channel, if it is."""
        return self._roots.get(tensor, [])

    def _find(self, node: Node) -> list[str]:
        if len([o for o in node.outputs if o]) != 1:
            return []
        if joins_channels(self.graph, self.shapes, node):
            return [root for name in node.inputs for root in self._leaves(name)]
        moving = list(self.graph.dependencies(node))
        first = self.roots(moving[0]) if moving else []
        if not first or any(self.roots(name) != first for name in moving):
            return []
        return first if self._by_channel(node) else []

    def _leaves(self, name: str) -> list[str]:
        """A part of a concatenation, or its own parts if it is one."""
        node = self.walker.producers.get(name)
        if node is not None and joins_channels(self.graph, self.shapes, node):
            return self.roots(name)
        return [name]

    def _by_channel(self, node: Node) -> bool:
        """Whether each channel of a node's output is made of the same channel of its inputs."""
        if node.op == "MaxPool" and not node.domain:
            return self.walker.is_movable(node)
        if node.op in VIEWS and not node.domain:
            return self.walker.flattens(node)
        return self.walker.spread(node, 1) is not None

    def has_sums(self, root: str) -> bool:
        """Whether a tensor is made of the sums of a crossbar layer."""
        for chain in self.walker.chains(root, 1):
            item = self.layers.get(chain.source)
            if item is not None and item.where == "crossbar" and not item.apart:
                return True
        return False

    def _make(self, node: Node) -> None:
        """Make the parts of a node's output."""
        tensor = node.outputs[0]
        if joins_channels(self.graph, self.shapes, node):
            self._parts[tensor] = self.roots(tensor)
            return
        inputs = {name: self._parts[name] for name in self.graph.dependencies(node)}
        counts = [self._channels(part) for part in next(iter(inputs.values()))]
        ends = np.concatenate([[0], np.cumsum(counts)])
        parts, made = [], []
        for number, bounds in enumerate(pairwise(ends.tolist())):
            names = [
                inputs[name][number] if name in inputs else self._share(node, name, bounds)
                for name in node.inputs
            ]
            part = self.graph.new_name(tensor)
            made.append(self._copy(node, names, part))
            parts.append(part)
        self._parts[tensor] = parts
        self.added.setdefault(node, []).extend(made)

    def _channels(self, name: str) -> int:
        inside = self.shapes.per_sample(name)
        return (inside[0] if inside else 0) or 0

    def _copy(self, node: Node, names: Sequence[str], part: str) -> Node:
        """The node for one part, whose shape becomes known."""
        whole, source = self.shapes.shapes[node.outputs[0]], self.shapes.shapes[names[0] or part]
        if node.op in VIEWS:
            copy = Node(helper.make_node("Flatten", names[:1], [part], node.proto.name, axis=1))
            channels = int(np.prod([size or 0 for size in source[1:]]))
        else:
            copy = Node(node.proto)
            copy.inputs, copy.outputs = list(names), [part]
            channels = next(self._channels(n) for n in names if n in self.shapes.shapes)
        self.shapes.shapes[part] = (None, channels, *whole[2:])
        self.shapes.dtypes[part] = self.shapes.dtypes[node.outputs[0]]
        return copy

    def _share(self, node: Node, name: str, bounds: tuple[int, int]) -> str:
        """A constant's share for some of the channels."""
        if not name or node.op in (*VIEWS, "MaxPool"):
            return name
        array = self.graph.array(name)
        rank = len(self.shapes.shapes[node.outputs[0]])
        axis = 0 if node.op in BY_CHANNEL else 1 - (rank - array.ndim)
        if array.ndim == 0 or axis < 0 or array.shape[axis] == 1:
            return name
        share = np.take(array, np.arange(*bounds), axis=axis)
        return self.graph.add_constant(share, name)
