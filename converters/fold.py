"""Constant folding: everything that no graph input reaches is evaluated once."""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from ternary_engine.converters import sizes
from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.grids import Tracer
from ternary_engine.converters.sessions import TooLongError
from ternary_engine.exceptions import ConversionError

RANDOM = frozenset(
    ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
     "Bernoulli")
)  # fmt: skip
LARGEST = 1 << 28  # bytes: a larger constant is left to be computed at run time
_CONSTANT_FIELDS = {
    "value_float": np.float32,
    "value_floats": np.float32,
    "value_int": np.int64,
    "value_ints": np.int64,
}


def from_model(model: onnx.ModelProto) -> Graph:
    """Take a model apart; Constant nodes become constants, initialised inputs are none.

    Raises:
        ConversionError: a value too large, a cycle, or names that do not fit together.
    """
    sizes.check(model)
    proto = model.graph
    constants = {t.name: t for t in proto.initializer}
    nodes = []
    for item in proto.node:
        tensor = _constant(item)
        if tensor is None:
            nodes.append(Node(item))
        else:
            constants[item.output[0]] = named = onnx.TensorProto()
            named.CopyFrom(tensor)
            named.name = item.output[0]
    opsets = {("" if o.domain == "ai.onnx" else o.domain): o.version for o in model.opset_import}
    for node in nodes:
        opsets.setdefault(node.domain, 1)
    inputs = [i for i in proto.input if i.name not in constants]
    graph = Graph(nodes, constants, inputs, list(proto.output), opsets, model.ir_version)
    _sort(graph)
    graph.prune()
    return graph


def _constant(proto: onnx.NodeProto) -> onnx.TensorProto | None:
    tensor: onnx.TensorProto
    if proto.op_type != "Constant" or proto.domain not in ("", "ai.onnx"):
        return None
    for attribute in proto.attribute:
        if attribute.name == "value":
            tensor = attribute.t
            return tensor
        if attribute.name in _CONSTANT_FIELDS:
            value = onnx.helper.get_attribute_value(attribute)
            tensor = numpy_helper.from_array(np.asarray(value, _CONSTANT_FIELDS[attribute.name]))
            return tensor
    return None


def _sort(graph: Graph) -> None:
    """Topological order; refuse cycles and names that nothing defines."""
    known = set(graph.input_names) | set(graph.constants)
    waiting = list(graph.nodes)
    outputs: dict[str, Node] = {}
    for node in waiting:
        for output in filter(None, node.outputs):
            if output in outputs or output in known:
                raise ConversionError(f"node {node.label}: the name {output!r} is defined twice")
            outputs[output] = node
    missing: dict[Node, set[str]] = {}
    users: dict[str, list[Node]] = {}
    for node in waiting:
        needs = {d for d in graph.dependencies(node) if d not in known}
        for name in needs:
            if name not in outputs and name not in node.captured:
                raise ConversionError(f"node {node.label}: nothing defines its input {name!r}")
        missing[node] = {name for name in needs if name in outputs}
        for name in missing[node]:
            users.setdefault(name, []).append(node)
    order = {node: index for index, node in enumerate(waiting)}
    _place(graph, missing, users, order)
    for name in graph.output_names:
        if name not in outputs and name not in known:
            raise ConversionError(f"nothing defines the graph output {name!r}")


def _place(
    graph: Graph,
    missing: dict[Node, set[str]],
    users: dict[str, list[Node]],
    order: dict[Node, int],
) -> None:
    ready = [(order[node], node) for node, needs in missing.items() if not needs]
    heapq.heapify(ready)
    placed: list[Node] = []
    while ready:
        _, node = heapq.heappop(ready)
        placed.append(node)
        for output in node.outputs:
            for user in users.get(output, ()):
                missing[user].discard(output)
                if not missing[user]:
                    users[output] = [u for u in users[output] if u is not user]
                    heapq.heappush(ready, (order[user], user))
    if len(placed) < len(order):
        stuck = next(node for node in order if missing[node])
        raise ConversionError(f"node {stuck.label}: it depends on itself: the graph has a cycle")
    graph.nodes = placed


def fold(graph: Graph) -> None:
    """Evaluate what depends on constants only, in place."""
    constant = set(graph.constants)
    folded: list[Node] = []
    rest: list[Node] = []
    for node in graph.nodes:
        if _foldable(node, constant):
            folded.append(node)
            constant.update(filter(None, node.outputs))
        else:
            rest.append(node)
    if not folded:
        return
    graph.trace_origins(folded)
    used = {n for node in rest for n in (*node.inputs, *node.captured)} | set(graph.output_names)
    wanted = [o for node in folded for o in node.outputs if o in used]
    tracer = Tracer(graph, folded)
    names = list(dict.fromkeys([*wanted, *tracer.needed(wanted)]))
    try:
        values = dict(zip(names, graph.evaluate(folded, {}, names), strict=True))
    except TooLongError:
        return  # and is left to be computed at run time
    except ConversionError:
        _fold_singly(graph)
        return
    if all(_keep(values[name]) for name in wanted):
        _find_steps(graph, tracer, wanted, values)
        _store(graph, {name: values[name] for name in wanted})
        graph.nodes = rest
        graph.prune()


def _find_steps(
    graph: Graph, tracer: Tracer, names: list[str], values: Mapping[str, Array]
) -> None:
    """Note the grids of weights."""

    def value(name: str) -> Array:
        return values[name] if name in values else graph.array(name)

    for name in names:
        if values[name].ndim > 1 and values[name].dtype.kind == "f":
            with contextlib.suppress(ConversionError):  # then the values alone must do
                step = tracer.step(name, value)
                if step is not None:
                    graph.steps[name] = step


def _foldable(node: Node, constant: set[str]) -> bool:
    standard = not node.domain or node.domain.startswith("com.microsoft")
    if not standard or node.op in RANDOM or not any(node.outputs):
        return False
    if not (onnx.defs.has(node.op) or node.domain):
        return False
    return all(n in constant for n in (*node.inputs, *node.captured) if n)


def _fold_singly(graph: Graph) -> None:
    """One bad node must not keep the others from being folded."""
    rest: list[Node] = []
    for node in graph.nodes:
        if not _foldable(node, set(graph.constants)):
            rest.append(node)
            continue
        names = [o for o in node.outputs if o]
        try:
            values = graph.evaluate([node], {}, names)
        except ConversionError:
            values = []
        if values and all(_keep(value) for value in values):
            _store(graph, dict(zip(names, values, strict=True)))
        else:
            rest.append(node)
    graph.nodes = rest
    graph.prune()


def _keep(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.nbytes <= LARGEST


def _store(graph: Graph, values: dict[str, Array]) -> None:
    for name, value in values.items():
        graph.constants[name] = numpy_helper.from_array(value, name)
