"""Which values each tensor can hold: finite sets and intervals, found by running the operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from ternary_engine.codes import MAX_BITS, Codes
from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.operators import (
    COMPARISONS,
    ELEMENTWISE,
    MONOTONE,
    SAME_VALUES,
    is_inference,
)
from ternary_engine.exceptions import ConversionError

MOST = 512  # values of a finite set
LARGEST_TRIAL = 1 << 18  # elements of one evaluation
LARGEST_CAST = 1 << 24  # a cast of larger numbers to integers may wrap
SMALL_TYPES = ("uint8", "int8", "bool")


@dataclass(frozen=True)
class Range:
    """Values between two ends.

    Attributes:
        low, high: the ends.
        integer: whether only integers occur.
    """

    low: float
    high: float
    integer: bool = False


Values = Array | Range  # an ascending array is a finite set
ANYTHING = Range(-np.inf, np.inf)


class Analysis:
    """Values of every tensor; drops ``x + (q - x)`` left-overs from the graph on the way."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self.graph = graph
        self.shapes = shapes
        self.known: dict[str, Values] = {}
        for name in graph.input_names:
            dtype = shapes.dtypes[name]
            if dtype.name in SMALL_TYPES:
                self.known[name] = _all_of(dtype)
        self._producers: dict[str, Node] = {}
        alias: dict[str, str] = {}
        for node in graph.nodes:
            node.inputs = [alias.get(i, i) for i in node.inputs]
            target = self._straight_through(node)
            if target is not None and node.outputs[0] not in graph.output_names:
                alias[node.outputs[0]] = target
            elif target is not None:
                _become_identity(node, target)
            self._visit(node)
        graph.prune()

    def finite(self, name: str) -> Array | None:
        """The values a tensor can hold, ascending, if they are few."""
        values = self.known.get(name)
        return values if isinstance(values, np.ndarray) else None

    def codes(self, name: str) -> Codes | None:
        """The code of a few-valued tensor."""
        values = self.finite(name)
        return None if values is None else codes_of(values)

    def _straight_through(self, node: Node) -> str | None:
        """q, where the node is Add(x, Sub(q, x)) and q has few values."""
        self._producers.update(dict.fromkeys(node.outputs, node))
        if node.op != "Add" or node.domain:
            return None
        for x, rest in (node.inputs, node.inputs[::-1]):
            sub = self._producers.get(rest)
            if sub is None or sub.op != "Sub" or sub.inputs[1] != x:
                continue
            q = sub.inputs[0]
            same = self.shapes.shapes.get(q) == self.shapes.shapes.get(node.outputs[0])
            if same and self.finite(q) is not None:
                return q
        return None

    def _visit(self, node: Node) -> None:
        if node.domain:
            return
        output = node.outputs[0]
        try:
            values = self._transfer(node)
        except ConversionError:
            values = None
        if values is not None:
            self.known[output] = values

    def _of(self, name: str) -> Values:
        if name in self.graph.constants:
            array = self.graph.array(name)
            unique = np.unique(array) if array.size <= LARGEST_TRIAL else array.reshape(-1)
            if unique.dtype.kind not in "biuf" or unique.size == 0:
                return ANYTHING
            if len(unique) <= MOST:
                return unique
            return Range(float(unique.min()), float(unique.max()))
        return self.known.get(name, ANYTHING)

    def _transfer(self, node: Node) -> Values | None:
        if node.op in COMPARISONS:
            return np.array([False, True])
        if node.op in SAME_VALUES:
            return self._of(node.inputs[0])
        if node.op == "Concat":
            return _union([self._of(i) for i in node.inputs])
        if node.op == "Pad":
            fill = node.inputs[2] if len(node.inputs) > 2 and node.inputs[2] else None
            before = np.array([node.attributes.get("value", 0.0)], np.float32)  # until opset 10
            value = self._of(fill) if fill else before
            return _union([self._of(node.inputs[0]), value])
        if node.op == "Where":
            return _union([self._of(i) for i in node.inputs[1:]])
        if node.op not in ELEMENTWISE or not is_inference(node):
            return None
        return self._elementwise(node)

    def _elementwise(self, node: Node) -> Values | None:
        moving = list(self.graph.dependencies(node))
        sets = [self.finite(name) for name in moving]
        found: Values | None = None
        if all(s is not None for s in sets):
            found = self._try_sets(node, moving, [s for s in sets if s is not None])
        if found is None and len(moving) == 1 and node.op in MONOTONE:
            found = self._try_range(node, moving[0])
        dtype = self.shapes.dtypes.get(node.outputs[0])
        if not isinstance(found, np.ndarray) and dtype is not None and dtype.name in SMALL_TYPES:
            everything = _all_of(dtype)
            if found is None or node.op == "Cast":
                return everything  # a cast beyond the type's range wraps or saturates
            return everything[(everything >= found.low) & (everything <= found.high)]
        return found

    def _try_sets(self, node: Node, moving: list[str], sets: list[Array]) -> Values | None:
        """Every combination of the inputs' values."""
        if np.prod([len(s) for s in sets]) * self._spread(node) > LARGEST_TRIAL:
            return None
        grid = np.meshgrid(*sets, indexing="ij")
        feeds = {name: axis.reshape(-1) for name, axis in zip(moving, grid, strict=True)}
        result = np.unique(self._run(node, feeds))
        if result.dtype.kind == "f" and not np.isfinite(result).all():
            return None
        if len(result) <= MOST:
            return result
        return Range(float(result[0]), float(result[-1]))

    def _try_range(self, node: Node, name: str) -> Values | None:
        values = self._of(name)
        if isinstance(values, np.ndarray):
            values = Range(float(values[0]), float(values[-1]))
        dtype = self.shapes.dtypes[name]
        if node.op == "Div" and node.inputs[0] != name:
            return None
        if dtype.kind != "f" or self._spread(node) * 3 > LARGEST_TRIAL:
            return None
        wide = max(-values.low, values.high) >= LARGEST_CAST
        if node.op == "Cast" and wide and self.shapes.dtypes[node.outputs[0]].kind != "f":
            return None
        middle = min(max(0.0, values.low), values.high)
        ends = self._run(node, {name: np.array([values.low, middle, values.high], dtype)})
        if np.isnan(ends).any() if ends.dtype.kind == "f" else False:
            return None
        low, high = float(ends.min()), float(ends.max())
        integer = self._stays_integer(node, values, low, high)
        if integer and high - low < MOST:
            return np.arange(low, high + 1).astype(ends.dtype)
        return Range(low, high, integer)

    def _stays_integer(self, node: Node, values: Range, low: float, high: float) -> bool:
        if node.op in ("Round", "Floor", "Ceil", "QuantizeLinear", "Sign"):
            return True
        if not values.integer or node.op not in ("Clip", "Min", "Max", "Relu", "Add", "Sub"):
            return False
        constants = [self.graph.array(i) for i in node.inputs if i in self.graph.constants]
        return all(bool((c == np.rint(c)).all()) for c in constants)

    def _spread(self, node: Node) -> int:
        sizes = [self.graph.array(i).size for i in node.inputs if i in self.graph.constants]
        return max([1, *sizes])

    def _run(self, node: Node, feeds: dict[str, Array]) -> Array:
        """Evaluate the operator on flat lists of values, for every channel it tells apart."""
        rank = max(len(self.shapes.shapes.get(name, ())) for name in feeds)
        spread = max(rank, 1)
        shaped = {n: v.reshape(-1, *[1] * (spread - 1)) for n, v in feeds.items()}
        if self._spread(node) > 1 and not _broadcasts(node):
            channels = self._spread(node)
            axis = int(node.attributes.get("axis", 1)) % spread
            if axis == 0:
                raise ConversionError("the operator tells samples apart")
            repeat = [1] * spread
            repeat[axis] = channels
            shaped = {n: np.tile(v, repeat) for n, v in shaped.items()}
        return self.graph.evaluate([node], shaped, node.outputs[:1])[0]


def _broadcasts(node: Node) -> bool:
    return node.op not in ("BatchNormalization", "DequantizeLinear", "PRelu", "QuantizeLinear")


def _become_identity(node: Node, source: str) -> None:
    node.proto = onnx.helper.make_node("Identity", [source], node.outputs)
    node.op, node.inputs = "Identity", [source]


def _all_of(dtype: np.dtype[Any]) -> Array:
    if dtype == np.bool_:
        return np.array([False, True])
    info = np.iinfo(dtype)
    return np.arange(info.min, info.max + 1).astype(dtype)


def _union(parts: Sequence[Values]) -> Values | None:
    if all(isinstance(p, np.ndarray) for p in parts):
        union = np.unique(np.concatenate([np.asarray(p) for p in parts]))
        if len(union) <= MOST:
            return union
    ends = [
        (float(p[0]), float(p[-1])) if isinstance(p, np.ndarray) else (p.low, p.high) for p in parts
    ]
    return Range(min(e[0] for e in ends), max(e[1] for e in ends))


def codes_of(values: Array) -> Codes | None:
    """The code whose integers times one step are the given values; None if there is none."""
    floats = np.asarray(values, np.float64) + 0.0
    if not np.isfinite(floats).all():
        return None
    step = _step(floats)
    if step == 0.0:
        return None
    integers = np.rint(floats / step).astype(np.int64)
    if np.abs(floats - integers * step).max() > 1e-6 * np.abs(floats).max():
        return None
    return _make(integers, np.asarray(values, np.float32), step)


def _step(floats: Array) -> float:
    """Greatest common divisor, within a tolerance."""
    sizes = np.unique(np.abs(floats))
    largest = float(sizes[-1])
    if largest == 0.0:
        return 1.0
    step = 0.0
    for size in sizes[sizes > 0]:
        a, b = float(size), step
        while b > 1e-4 * largest / (1 << MAX_BITS):
            a, b = b, abs(a - b * np.rint(a / b))
        step = a
    count = np.rint(largest / step)
    return largest / count if count < (1 << MAX_BITS) else 0.0


def _make(integers: Array, values: Array, step: float) -> Codes | None:
    low, high = int(integers.min()), int(integers.max())
    scale = float(np.float32(step))
    exact = dict(zip(integers.tolist(), values.tolist(), strict=True))

    def listed(members: Sequence[int] | range) -> tuple[float, ...]:
        return tuple(exact.get(i, float(np.float32(i * step))) + 0.0 for i in members)

    if set(integers.tolist()) == {-1, 1}:
        return Codes("binary", 1, scale, listed((-1, 1)))
    if low >= 0:
        bits = max(high.bit_length(), 1)
        top = max(high, 1)
        return Codes("unsigned", bits, scale, listed(range(top + 1))) if bits <= MAX_BITS else None
    if low >= -1 and high <= 1:
        return Codes("ternary", 1, scale, listed((-1, 0, 1)))
    bits = max((-low - 1).bit_length(), high.bit_length()) + 1
    if bits > MAX_BITS:
        return None
    return Codes("signed", bits, scale, listed(range(-(1 << (bits - 1)), high + 1)))
