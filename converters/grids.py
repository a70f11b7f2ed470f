"""The grid of folded weights: the step between levels, where the graph tells it.

Values alone do not always show it: nine 8-bit weights of a depthwise filter may have no two
neighbouring levels. A DequantizeLinear, or integers times a scale, does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.operators import VIEWS

MOVES = VIEWS | {"Transpose", "Identity", "Cast"}
LARGEST = 255  # beyond it, integers are no few-bit codes


class Tracer:
    """Walks from folded constants back to the scales they were made with."""

    def __init__(self, graph: Graph, folded: Iterable[Node]) -> None:
        self.graph = graph
        self.producers = {o: node for node in folded if not node.domain for o in node.outputs}

    def needed(self, names: Iterable[str]) -> list[str]:
        """Folded values that `step` looks at, besides the names themselves."""
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            node = self.producers.get(waiting.pop())
            if node is None or node.op not in MOVES | {"Mul", "Div", "DequantizeLinear"}:
                continue
            inputs = node.inputs[: 2 if node.op != "DequantizeLinear" else 0]
            for name in [*inputs, *node.inputs[1:2]]:
                if name in self.producers and name not in found:
                    found[name] = None
                    waiting.append(name)
        return list(found)

    def step(self, name: str, value: Callable[[str], Array]) -> Array | None:
        """The distance between levels of a constant; None where nothing tells it.

        Args:
            name: of the constant.
            value: gives the value of a folded or initial constant.
        """
        node = self.producers.get(name)
        if node is None:
            return self.graph.steps.get(name)
        if node.op == "DequantizeLinear":
            return _spread(node, np.abs(value(node.inputs[1])), value(name).shape)
        if node.op in MOVES:
            return self._moved(node, value)
        if node.op in ("Mul", "Div"):
            return self._scaled(node, value)
        return None

    def _moved(self, node: Node, value: Callable[[str], Array]) -> Array | None:
        step = self.step(node.inputs[0], value)
        if step is None or value(node.outputs[0]).dtype.kind != "f":
            return None
        source = value(node.inputs[0])
        spread = np.ascontiguousarray(np.broadcast_to(step, source.shape), source.dtype)
        feeds = {node.inputs[0]: spread}
        feeds |= {name: value(name) for name in node.inputs[1:] if name}
        return self.graph.evaluate([node], feeds, node.outputs[:1])[0]

    def _scaled(self, node: Node, value: Callable[[str], Array]) -> Array | None:
        pairs = [(node.inputs[0], node.inputs[1])]
        if node.op == "Mul":
            pairs.append((node.inputs[1], node.inputs[0]))
        for codes, scale in pairs:
            step = self.step(codes, value)
            if step is None and _are_codes(value(codes), value(scale)):
                step = np.ones((), np.float32)
            factor = np.abs(value(scale))
            if step is not None and factor.all():
                return step * factor if node.op == "Mul" else step / factor
        return None


def _are_codes(codes: Array, scale: Array) -> bool:
    if scale.size >= codes.size or codes.dtype.kind != "f":
        return False
    return bool((codes == np.rint(codes)).all() and np.abs(codes).max(initial=0) <= LARGEST)


def _spread(node: Node, scale: Array, shape: tuple[int, ...]) -> Array:
    """The scale of a DequantizeLinear for every element."""
    if scale.size == 1:
        return scale.reshape(())
    axis = int(node.attributes.get("axis", 1)) % len(shape)
    block = int(node.attributes.get("block_size", 0))
    if not block:
        spread = [1] * len(shape)
        spread[axis] = -1
        return scale.reshape(spread)
    return np.repeat(scale, block, axis=axis)[tuple(slice(size) for size in shape)]
