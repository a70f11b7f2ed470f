"""Every value of a source graph, by ONNX Runtime with its optimisations off."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from ternary_engine.converters import lower
from ternary_engine.converters.conversion import Conversion
from ternary_engine.converters.exact_integers import exact
from ternary_engine.converters.graph import Array, Graph, Node, typed
from ternary_engine.converters.sessions import Session
from ternary_engine.exceptions import ConversionError


class SourceValues:
    """Every value of the source: of the model itself, or of its standard form."""

    def __init__(self, conversion: Conversion) -> None:
        graph = conversion.graph
        names = list(dict.fromkeys(o for node in graph.nodes for o in node.outputs if o))
        self._standard = _opened(graph.model(graph.nodes, graph.inputs, names))
        self._model: tuple[Session, list[str]] | None = None
        self._fixed = 0
        model = conversion.source
        if not any(lower.is_dialect(node) for node in model.graph.node):
            probe = onnx.ModelProto()
            probe.CopyFrom(model)
            known = [o.name for o in probe.graph.output]
            inner = [o for node in model.graph.node for o in node.output if o and o not in known]
            probe.graph.output.extend(map(helper.make_empty_tensor_value_info, inner))
            constants = {t.name for t in model.graph.initializer}
            sizes = [
                i.type.tensor_type.shape.dim[0].dim_value
                for i in model.graph.input
                if i.name not in constants and i.type.tensor_type.shape.dim
            ]
            self._fixed = max(sizes, default=0)
            try:
                self._model = _opened(exact(probe))
            except ConversionError:  # e.g. values that are no tensors: the standard form will do
                self._model = None

    def __call__(self, feeds: dict[str, Array], batching: str) -> dict[str, Array]:
        """Values by name, the inputs too."""
        values = dict(feeds)
        if batching == "whole":
            for form in filter(None, (self._standard, self._model)):
                values |= _run(*form, feeds)
            return values
        count = len(next(iter(feeds.values())))
        if batching == "single" and count > 1:
            values |= _run_parts(*self._standard, feeds, 1)
        else:
            values |= _run(*self._standard, feeds)
        if self._model is not None:
            size = self._fixed or count
            if count % max(size, 1) == 0:
                values |= _run_parts(*self._model, feeds, size or 1)
        return values


def _opened(model: onnx.ModelProto) -> tuple[Session, list[str]]:
    """A session, and those of its outputs that NumPy can hold."""
    session = Session(model)
    readable = session.readable
    return session, [port.name for port in model.graph.output if port.name in readable]


def _run(session: Session, names: list[str], feeds: Mapping[str, Array]) -> dict[str, Array]:
    """Run on all samples at once; sequences are left out."""
    results = dict(zip(names, session(feeds, names), strict=True))
    return {name: value for name, value in results.items() if isinstance(value, np.ndarray)}


def _run_parts(
    session: Session, names: list[str], feeds: dict[str, Array], size: int
) -> dict[str, Array]:
    """Run so many samples at a time."""
    count = len(next(iter(feeds.values())))
    parts = [
        session({n: v[i : i + size] for n, v in feeds.items()}, names)
        for i in range(0, max(count, 1), size)
    ]
    if len(parts) == 1:
        return {n: v for n, v in zip(names, parts[0], strict=True) if isinstance(v, np.ndarray)}
    return {
        name: np.concatenate(column)
        for name, column in zip(names, zip(*parts, strict=True), strict=True)
        if isinstance(column[0], np.ndarray) and column[0].shape[:1] == (size,)
    }


def run_between(graph: Graph, start: str, end: str, values: Mapping[str, Array]) -> Array:
    """The operators between two tensors on given values."""
    producers, needed = graph.producers(), {end}
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs) and start not in node.outputs:
            nodes.append(node)
            needed.update(graph.dependencies(node))
    fed = {n for n in needed if n == start or n not in producers}
    inputs = [typed(n, values[n].dtype, [None] * values[n].ndim) for n in sorted(fed)]
    session = Session(graph.model(nodes[::-1], inputs, [end]))
    return session({name: values[name] for name in fed}, [end])[0]
