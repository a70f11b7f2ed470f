"""Custom operators to standard ONNX: the registry, opset versions and the list of what is unknown.

A dialect registers one function per operator; it gets the node with its constants at hand and
returns standard nodes with the same outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy.typing as npt
import onnx
from onnx import helper, shape_inference, version_converter

from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.sessions import brief
from ternary_engine.exceptions import ConversionError

OPSET = 17  # what older models are brought to
OLDEST = 13  # from here on every operator that the lowering emits exists in its present form
LONG_KNOWN = 21  # what every ONNX Runtime that we take knows
BROADCASTING = 7  # before it, Add and Mul took an attribute to broadcast

Lowering = Callable[["Context"], None]
_REGISTRY: dict[tuple[str, str], Lowering] = {}


class Inferred(NamedTuple):
    """Numbers of axes and ONNX types of values, by name, as far as inference tells them."""

    ranks: Mapping[str, int]
    types: Mapping[str, int]


class Context:
    """What a lowering function works with: a node, its parameters, and a place for new nodes."""

    def __init__(self, graph: Graph, node: Node, known: Inferred) -> None:
        self.graph = graph
        self.node = node
        self.ranks = known.ranks
        self.types = known.types
        self.nodes: list[Node] = []

    @property
    def rank(self) -> int | None:
        """Number of axes of the first input, where it is known."""
        return self.ranks.get(self.node.inputs[0])

    @property
    def origin(self) -> str:
        """The initialiser that the weights go back to."""
        name = self.node.inputs[min(3, len(self.node.inputs) - 1) if "QL" in self.node.op else 1]
        return self.graph.origins.get(name, name)

    def has(self, index: int) -> bool:
        """Whether an optional input is there."""
        return index < len(self.node.inputs) and bool(self.node.inputs[index])

    def constant(self, index: int) -> Array | None:
        """A constant input; None where it is missing or computed."""
        if not self.has(index) or self.node.inputs[index] not in self.graph.constants:
            return None
        return self.graph.array(self.node.inputs[index])

    def decline(self) -> None:
        """Leave the node to ONNX Runtime."""
        self.nodes = [self.node]

    def parameter(self, index: int, what: str) -> Array:
        """A constant input."""
        name = self.node.inputs[index] if index < len(self.node.inputs) else ""
        if name not in self.graph.constants:
            raise ConversionError(
                f"node {self.node.label}: its {what} must be constant; "
                + (f"{name!r} is computed at run time" if name else "it is missing")
            )
        return self.graph.array(name)

    def text(self, attribute: str, default: str) -> str:
        """A string attribute."""
        value = self.node.attributes.get(attribute, default)
        return value.decode() if isinstance(value, bytes) else str(value)

    def emit(
        self, op: str, *inputs: str | npt.ArrayLike, label: str = "", **attributes: Any
    ) -> str:
        """Add a standard node called ``label``; arrays among the inputs become constants."""
        base = self.node.outputs[0]
        names = [i if isinstance(i, str) else self.graph.add_constant(i, base) for i in inputs]
        output = self.graph.new_name(base)
        proto = helper.make_node(op, names, [output], label, **attributes)
        self.nodes.append(Node(proto))
        return output

    def finish(self, value: str) -> list[Node]:
        """Rename a value to the node's output."""
        for node in self.nodes:
            node.outputs = [self.node.outputs[0] if o == value else o for o in node.outputs]
        return self.nodes


def lowers(op: str, domains: Sequence[str]) -> Callable[[Lowering], Lowering]:
    """Register a function for an operator in several domains."""

    def register(function: Lowering) -> Lowering:
        for domain in domains:
            _REGISTRY[domain, op] = function
        return function

    return register


def _key(proto: onnx.NodeProto) -> tuple[str, str]:
    return ("" if proto.domain == "ai.onnx" else proto.domain, proto.op_type)


def is_custom(proto: onnx.NodeProto) -> bool:
    """Whether a dialect has a lowering for the node."""
    return _key(proto) in _REGISTRY


def is_dialect(proto: onnx.NodeProto) -> bool:
    """Whether ONNX Runtime does not know the node, but a dialect here does."""
    domain, op = _key(proto)
    standard = domain.startswith("com.microsoft") or (not domain and onnx.defs.has(op))
    return is_custom(proto) and not standard


def check_operators(graph: onnx.GraphProto) -> None:
    """Refuse operators that nothing here and nothing in ONNX Runtime knows, all at once."""
    unknown = [f"{Node(p).label}" for p in _all_nodes(graph) if not _is_known(p)]
    if unknown:
        known = ", ".join(sorted({op for _, op in _REGISTRY if not onnx.defs.has(op)}))
        raise ConversionError(
            f"{len(unknown)} unsupported node{'s' if len(unknown) > 1 else ''}:\n  "
            + "\n  ".join(unknown)
            + f"\nSupported: standard ONNX, com.microsoft, and {known} of QONNX, FINN and QuantLib"
        )


def check_inputs(graph: Graph) -> None:
    """Refuse standard nodes that lack an input or output that they need."""
    version = min(graph.opsets.get("", OPSET), onnx.defs.onnx_opset_version())
    for node in graph.nodes:
        if node.domain or not onnx.defs.has(node.op, version):
            continue
        needed = onnx.defs.get_schema(node.op, version)
        if len(node.inputs) < needed.min_input or len(node.outputs) < needed.min_output:
            raise ConversionError(
                f"node {node.label}: it has {len(node.inputs)} inputs and {len(node.outputs)} "
                f"outputs; {node.op} takes at least {needed.min_input} and {needed.min_output}"
            )


def _all_nodes(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes.append(node)
        for attribute in node.attribute:
            for sub in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                nodes += _all_nodes(sub)
    return nodes


def _is_known(proto: onnx.NodeProto) -> bool:
    domain, op = _key(proto)
    if (domain, op) in _REGISTRY or domain.startswith("com.microsoft"):
        return True
    return bool(onnx.defs.has(op, domain))


def modernise(model: onnx.ModelProto, *, recent: bool = False) -> onnx.ModelProto:
    """Bring an old model to an opset that the lowering can add nodes to.

    Args:
        model: with any opset.
        recent: nodes will be added even if no operator is lowered.
    """
    if not any(o.domain in ("", "ai.onnx") for o in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", OPSET))
    version = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    custom = recent or any(is_custom(node) for node in model.graph.node)
    if version >= (OLDEST if custom else BROADCASTING):
        return model
    if version < BROADCASTING:
        _spread_slopes(model)
    try:
        return _bring(model, version, OPSET)
    except ConversionError:
        single = _of_one_sample(model)
        if single is None:
            raise
        return _bring(single, version, OPSET)


def _of_one_sample(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """The model with a batch of 1 in place of a free one, which the converter cannot broadcast.

    The batch is freed again where samples turn out to be independent. None if it is not free.
    """
    single = onnx.ModelProto()
    single.CopyFrom(model)
    constants = {t.name for t in model.graph.initializer}
    inputs = [info for info in single.graph.input if info.name not in constants]
    firsts = [info.type.tensor_type.shape.dim[0] for info in inputs
              if len(info.type.tensor_type.shape.dim)]  # fmt: skip
    free = [dim for dim in firsts if not dim.dim_value]
    for dim in free:
        dim.dim_value = 1
    for info in (*single.graph.value_info, *single.graph.output):
        info.type.tensor_type.ClearField("shape")
    return single if free else None


def _spread_slopes(model: onnx.ModelProto) -> None:
    """One slope per channel met the second axis before opset 7; the converter forgets that."""
    slopes = {node.input[1] for node in model.graph.node if node.op_type == "PRelu"}
    sizes = {t.name: t for t in model.graph.initializer if t.name in slopes and len(t.dims) == 1}
    if not sizes:
        return
    infos = shape_inference.infer_shapes(model).graph
    ranks = {
        info.name: len(info.type.tensor_type.shape.dim)
        for info in (*infos.value_info, *infos.input)
    }
    for node in model.graph.node:
        if node.op_type == "PRelu" and node.input[1] in sizes:
            slope = sizes[node.input[1]]
            slope.dims.extend([1] * (ranks.get(node.input[0], 2) - 1 - len(slope.dims)))
    for info in model.graph.input:  # which declares constants too in opsets that old
        if info.name in sizes:
            tensor = helper.make_tensor_value_info(
                info.name, sizes[info.name].data_type, sizes[info.name].dims
            )
            info.CopyFrom(tensor)


def older(model: onnx.ModelProto) -> Iterator[onnx.ModelProto]:
    """The model in older and older opsets, from one below its own down to `LONG_KNOWN`."""
    version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
    for target in range(version - 1, LONG_KNOWN - 1, -1):
        try:
            yield _bring(model, version, target)
        except ConversionError:  # an operator that is newer than that
            return


def _bring(model: onnx.ModelProto, version: int, target: int) -> onnx.ModelProto:
    hidden = _hide_custom(model)
    try:
        converted = version_converter.convert_version(hidden, target)
    except Exception as error:  # the converter raises bare RuntimeErrors
        raise ConversionError(
            f"opset {version} cannot be brought to {target}: {brief(error)}"
        ) from error
    return _show_custom(converted)


_HIDDEN = "ternary_engine.hidden:"


def _hide_custom(model: onnx.ModelProto) -> onnx.ModelProto:
    """Custom operators of the default domain would stop the version converter."""
    hidden = onnx.ModelProto()
    hidden.CopyFrom(model)
    domains = set()
    for node in hidden.graph.node:
        if is_custom(node):
            node.domain = _HIDDEN + node.domain
            domains.add(node.domain)
    present = {o.domain for o in hidden.opset_import}
    for domain in sorted({n.domain for n in hidden.graph.node} - present - {"ai.onnx"}):
        hidden.opset_import.append(helper.make_opsetid(domain, 1))
    hidden.ir_version = max(hidden.ir_version, 4)
    return hidden


def _show_custom(model: onnx.ModelProto) -> onnx.ModelProto:
    for node in model.graph.node:
        node.domain = node.domain.removeprefix(_HIDDEN)
    kept = [o for o in model.opset_import if not o.domain.startswith(_HIDDEN)]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def lower(graph: Graph) -> None:
    """Replace custom nodes by standard ones, in place."""
    custom = [node for node in graph.nodes if (node.domain, node.op) in _REGISTRY]
    if not custom:
        return
    known = _infer(graph)
    nodes: list[Node] = []
    for node in graph.nodes:
        function = _REGISTRY.get((node.domain, node.op))
        if function is None:
            nodes.append(node)
            continue
        context = Context(graph, node, known)
        try:
            function(context)
        except (LookupError, TypeError, ValueError, ArithmeticError, MemoryError) as error:
            raise ConversionError(
                f"node {node.label}: its inputs or attributes do not fit together: {brief(error)}"
            ) from error
        nodes += context.nodes
    graph.nodes = nodes
    present = {n.domain for n in graph.nodes}
    graph.opsets = {d: v for d, v in graph.opsets.items() if not d or d in present}


def _infer(graph: Graph) -> Inferred:
    """Ranks and types by shape inference; most custom operators keep their input's shape."""
    model = graph.model(map(_stand_in, graph.nodes), graph.inputs, graph.outputs)
    ranks = {name: len(tensor.dims) for name, tensor in graph.constants.items()}
    types = {name: tensor.data_type for name, tensor in graph.constants.items()}
    try:
        inferred = shape_inference.infer_shapes(model).graph
    except Exception:  # they stay unknown; the lowering that needs them says so
        return Inferred(ranks, types)
    for info in [*inferred.value_info, *inferred.input, *inferred.output]:
        tensor = info.type.tensor_type
        types.setdefault(info.name, tensor.elem_type)
        if tensor.HasField("shape"):
            ranks.setdefault(info.name, len(tensor.shape.dim))
    return Inferred(ranks, types)


def _stand_in(node: Node) -> Node:
    """A standard node whose output has the same rank."""
    known = not node.domain and onnx.defs.has(node.op)
    if known or (node.domain, node.op) not in _REGISTRY:
        return node
    if "MatMul" in node.op or "Gemm" in node.op:
        return Node(helper.make_node("MatMul", node.inputs[:2], node.outputs[:1]))
    return Node(helper.make_node("Identity", node.inputs[:1], node.outputs[:1]))
