"""Elementwise, per-channel pieces of a graph between two tensors, and their evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.graph import Array, Graph, Node, typed
from ternary_engine.converters.operators import ELEMENTWISE, VIEWS, is_inference
from ternary_engine.converters.sessions import Session


@dataclass(frozen=True)
class Chain:
    """A piece of a graph whose only moving input is ``source``.

    Attributes:
        source, target: the tensors at its ends.
        nodes: from source to target, in topological order.
        moves: those of the nodes that pool or reshape, in order; all else is elementwise.
        flat: a reshape merges channels with rows and columns; constants after it are scalars.
        per_channel: some constant differs by channel.
    """

    source: str
    target: str
    nodes: tuple[Node, ...]
    moves: tuple[Node, ...]
    flat: bool
    per_channel: bool

    @property
    def pools(self) -> tuple[Node, ...]:
        """The max pools, in order."""
        return tuple(node for node in self.moves if node.op == "MaxPool")


class Walker:
    """Walks back from tensors over elementwise nodes, max pools and reshapes."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self.graph = graph
        self.shapes = shapes
        self.producers = graph.producers()
        self.order = {node: index for index, node in enumerate(graph.nodes)}

    def chains(self, target: str, axis: int, *, moves: bool = True) -> Iterator[Chain]:
        """Every chain that ends at a tensor, the shortest (empty) one first.

        Args:
            target: where the chains end.
            axis: its channel axis.
            moves: whether pools and reshapes may be part of them.
        """
        nodes: list[Node] = []
        moved: list[Node] = []
        frontier = {target}
        flat = per_channel = False
        while True:
            if len(frontier) == 1:
                (source,) = frontier
                yield Chain(
                    source, target, tuple(nodes[::-1]), tuple(moved[::-1]), flat, per_channel
                )
            node = self._latest(frontier)
            if node is None:
                return
            if node.op in VIEWS or node.op == "MaxPool":
                kept = self._keeps_channels(node, axis)
                if len(frontier) > 1 or axis != 1 or not self.is_movable(node):
                    return
                if not (moves or kept):
                    return
                if node.op in VIEWS and not kept:
                    if per_channel or flat or not self.flattens(node):
                        return
                    flat = True
                moved.append(node)
            else:
                spread = self.spread(node, 1 if flat else axis)
                if spread is None:
                    return
                per_channel |= spread
            nodes.append(node)
            frontier.difference_update(node.outputs)
            frontier.update(node.inputs[:1] if node in moved else self.graph.dependencies(node))

    def _latest(self, frontier: set[str]) -> Node | None:
        """The producer that comes last; None where one of the tensors has none."""
        found = [self.producers.get(name) for name in frontier]
        nodes = [node for node in found if node is not None]
        if not nodes:
            return None
        return max(nodes, key=self.order.__getitem__)

    def _keeps_channels(self, node: Node, axis: int) -> bool:
        """Whether a reshape only adds or drops axes of size 1; pools keep channels."""
        if node.op == "MaxPool":
            return False
        before = self.shapes.per_sample(node.inputs[0])
        after = self.shapes.per_sample(node.outputs[0])
        if before is None or after is None or axis != 1:
            return False
        return bool(before and after) and before[0] == after[0] == _product(before)

    def flattens(self, node: Node) -> bool:
        """Whether a reshape merges channels, rows and columns into one axis."""
        before = self.shapes.per_sample(node.inputs[0])
        after = self.shapes.per_sample(node.outputs[0])
        return (
            before is not None
            and after is not None
            and len(after) == 1
            and len(before) in (2, 3)
            and after[0] == _product(before)
        )

    def is_movable(self, node: Node) -> bool:
        """Whether a pool or reshape may be part of a chain."""
        if node.op in VIEWS:
            return self.shapes.per_sample(node.outputs[0]) is not None
        shape = self.shapes.per_sample(node.inputs[0])
        plain = shape is not None and len(shape) in (2, 3) and self._fixed_pads(node)
        return plain and len([o for o in node.outputs if o]) == 1

    def _fixed_pads(self, node: Node) -> bool:
        automatic = node.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID")
        return not (automatic and self.shapes.open_sizes)

    def spread(self, node: Node, axis: int) -> bool | None:
        """Whether an elementwise node's constants differ by channel; None if it is not one."""
        if node.domain or node.op not in ELEMENTWISE or not is_inference(node):
            return None
        output = self.shapes.shapes.get(node.outputs[0])
        moving = list(self.graph.dependencies(node))
        if not output or not moving or output[0] is not None or sum(map(bool, node.outputs)) > 1:
            return None
        if any(self.shapes.shapes.get(name) != output for name in moving):
            return None
        spread = False
        for name in node.inputs:
            if name in self.graph.constants:
                differs = self._constant_spread(node, self.graph.array(name), output, axis)
                if differs is None:
                    return None
                spread |= differs
        return spread

    def _constant_spread(
        self, node: Node, array: Array, output: tuple[int | None, ...], axis: int
    ) -> bool | None:
        if array.size == 1 and array.ndim <= len(output):
            # an axis of one channel still belongs to the operators that name it
            return False if node.op != "BatchNormalization" else axis == 1
        if node.op in ("BatchNormalization", "QuantizeLinear", "DequantizeLinear"):
            named = int(node.attributes.get("axis", 1)) % len(output)
            block = node.attributes.get("block_size", 0)
            return True if named == axis and array.ndim == 1 and not block else None
        if array.ndim > len(output):
            return None
        shape = (1,) * (len(output) - array.ndim) + array.shape
        fits = all(size == 1 or place == axis for place, size in enumerate(shape))
        return True if fits else None


def _product(shape: tuple[int | None, ...]) -> int:
    return int(np.prod([size or 0 for size in shape]))


@dataclass(frozen=True)
class Feed:
    """How integer sums become the tensor that a chain starts from: scale, then bias.

    Attributes:
        scale: float32 [C].
        bias: float32 [C] or None.
    """

    scale: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32] | None


class ChainFunction:
    """A chain as a function of arrays [values, channels], run by ONNX Runtime.

    Pools and reshapes do not change single values and are left out. Returns the target and the
    tensor at the input of each pool.
    """

    def __init__(
        self, graph: Graph, shapes: Shapes, chain: Chain, channels: int, axis: int,
        feed: Feed | None = None,
    ) -> None:  # fmt: skip
        self.channels = channels
        self.dtype = np.dtype(np.float32) if feed else shapes.dtypes[chain.source]
        if feed is not None and _takes_integers(chain, feed):
            self.dtype = np.dtype(np.int32)  # float32 would round sums beyond 2**24
        self._outputs = [chain.target, *(node.inputs[0] for node in chain.pools)]
        self._outputs = [o if o != chain.source else "te:start" for o in self._outputs]
        self._shape = _trial_shape(shapes.shapes[chain.source], channels, axis)
        nodes = [helper.make_node("Identity", ["te:start"], [chain.source])]
        nodes += _feed_nodes(graph, feed, self._shape)
        for node in chain.nodes:
            if node not in chain.moves:
                nodes.append(node.to_proto())
                continue
            flat = chain.flat and len(shapes.shapes[node.outputs[0]]) == 2
            shape = _trial_shape(shapes.shapes[node.outputs[0]], channels, 1 if flat else axis)
            target = graph.add_constant(np.array(shape, np.int64), "te:shape")
            nodes.append(helper.make_node("Reshape", [node.inputs[0], target], node.outputs[:1]))
        inputs = [typed("te:input", self.dtype, [None] * len(self._shape))]
        self._session = Session(graph.model(map(Node, nodes), inputs, self._outputs))

    def __call__(self, values: Array) -> list[Array]:
        """Evaluate on values [K, channels]; gives arrays of the same shape."""
        shaped = np.ascontiguousarray(values, self.dtype).reshape(self._shape)
        results = self._session({"te:input": shaped}, self._outputs)
        return [np.broadcast_to(r.reshape(len(values), -1), values.shape) for r in results]


def _takes_integers(chain: Chain, feed: Feed) -> bool:
    """Whether a chain casts plain sums before it does anything else with them."""
    users = [node for node in chain.nodes if chain.source in node.inputs]
    plain = feed.bias is None and bool((feed.scale == 1).all())
    return plain and bool(users) and all(node.op == "Cast" for node in users)


def _trial_shape(shape: tuple[int | None, ...], channels: int, axis: int) -> list[int]:
    trial = [-1] + [1] * (len(shape) - 1)
    if len(shape) > 1:
        trial[axis] = channels
    return trial


def _feed_nodes(graph: Graph, feed: Feed | None, shape: list[int]) -> list[TensorProto]:
    if feed is None:
        return [helper.make_node("Identity", ["te:input"], ["te:start"])]
    spread = [1 if size == -1 else size for size in shape]

    def constant(values: npt.NDArray[np.float32]) -> str:
        return graph.add_constant(np.broadcast_to(values, max(spread)).reshape(spread), "te:feed")

    nodes, value = [], "te:input"
    if (feed.scale != 1).any():
        nodes.append(helper.make_node("Mul", [value, constant(feed.scale)], ["te:scaled"]))
        value = "te:scaled"
    if feed.bias is not None:
        nodes.append(helper.make_node("Add", [value, constant(feed.bias)], ["te:biased"]))
        value = "te:biased"
    return [*nodes, helper.make_node("Identity", [value], ["te:start"])]
