"""Which values each tensor can hold: finite sets and intervals, found by running the operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from ternary_engine.codes import Codes
from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.classify import classify
from ternary_engine.converters.coding import codes_of
from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.operators import (
    COMPARISONS,
    ELEMENTWISE,
    MONOTONE,
    SAME_VALUES,
    is_inference,
)
from ternary_engine.converters.windows import is_padded
from ternary_engine.exceptions import ConversionError

MOST = 512  # values of a finite set
LARGEST_TRIAL = 1 << 18  # elements of one evaluation
LARGEST_CAST = 1 << 24  # a cast of larger numbers to integers may wrap
INTEGERS = ("Clip", "Min", "Max", "Relu", "Add", "Sub", "Mul")  # of integers give integers
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
        values = self._of(name) if name not in self.graph.constants else None
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
            if same and (self.finite(q) is not None or self._is_scaled(q)):
                return q
        return None

    def _is_scaled(self, name: str) -> bool:
        """Whether a tensor has few values times a scale that is computed at run time."""
        node = self._producers.get(name)
        return node is not None and any(
            self.finite(codes) is not None for codes, _ in dynamic_scale(self.graph, node)
        )

    def _visit(self, node: Node) -> None:
        names = [*self.graph.dependencies(node), *filter(None, node.outputs)]
        if node.domain or not all(name in self.shapes.dtypes for name in names):
            return  # sequences, and types that NumPy does not have
        output = node.outputs[0]
        try:
            values = self._transfer(node)
        except ConversionError:
            values = None
        if values is not None:
            self.known.update(
                dict.fromkeys(node.outputs if node.op == "Split" else [output], values)
            )

    def _of(self, name: str) -> Values:
        if name in self.graph.constants:
            array = self.graph.array(name)
            unique = np.unique(array) if array.size <= LARGEST_TRIAL else array.reshape(-1)
            if unique.dtype.kind not in "biuf" or unique.size == 0:
                return ANYTHING
            if len(unique) <= MOST:
                return unique
            return Range(float(unique.min()), float(unique.max()))
        dtype = self.shapes.dtypes.get(name)
        if name not in self.known and dtype is not None and dtype.name in SMALL_TYPES:
            return _all_of(dtype)
        return self.known.get(name, ANYTHING)

    def _transfer(self, node: Node) -> Values | None:
        if node.op in COMPARISONS:
            return np.array([False, True])
        if node.op == "Sign" and self._never_zero(node.inputs[0]):
            return np.array([-1, 1], self.shapes.dtypes[node.inputs[0]])
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

    def _never_zero(self, name: str) -> bool:
        """Whether a tensor is an odd number of products +-1, times scales."""
        node = self._producers.get(name)
        while node is not None and node.op in ("Mul", "Div") and not node.domain:
            name, factor = node.inputs
            if factor not in self.graph.constants and node.op == "Mul":
                name, factor = factor, name
            if factor not in self.graph.constants or not self.graph.array(factor).all():
                return False
            node = self._producers.get(name)
        if node is None or node.op not in ("Conv", "Gemm", "MatMul") or node.domain:
            return False
        if (len(node.inputs) > 2 and node.inputs[2]) or node.inputs[1] not in self.graph.constants:
            return False
        code, weights = self.codes(node.inputs[0]), self.graph.array(node.inputs[1])
        if code is None or code.kind != "binary" or is_padded(node) or weights.dtype.kind != "f":
            return False
        axis = 0 if node.op == "Conv" or node.attributes.get("transB", 0) else weights.ndim - 1
        found = classify(weights, axis, node.inputs[1])
        each = weights.size // max(weights.shape[axis], 1)
        return found.binary and found.symmetric and each % 2 == 1

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
        if values.integer and node.op in ("Cast", "Identity"):
            return True
        if not values.integer or node.op not in INTEGERS:
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


def dynamic_scale(graph: Graph, node: Node) -> list[tuple[str, str]]:
    """Which inputs of a node may be codes and a scale computed at run time."""
    if node.op not in ("Mul", "Div") or any(name in graph.constants for name in node.inputs):
        return []
    first, second = node.inputs
    return [(first, second)] if node.op == "Div" else [(first, second), (second, first)]


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
