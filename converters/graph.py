"""A small mutable view of an ONNX graph, and evaluation of any piece of it."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.converters.sessions import Session, brief
from ternary_engine.exceptions import ConversionError

Array = npt.NDArray[Any]

STANDARD_DOMAINS = ("", "ai.onnx")


class Node:
    """One operator; compared by identity."""

    def __init__(self, proto: onnx.NodeProto) -> None:
        self.proto = proto
        self.op: str = proto.op_type
        self.domain: str = "" if proto.domain in STANDARD_DOMAINS else proto.domain
        self.inputs: list[str] = list(proto.input)
        self.outputs: list[str] = list(proto.output)

    def __repr__(self) -> str:
        return f"Node({self.label})"

    @functools.cached_property
    def attributes(self) -> dict[str, Any]:
        """Attribute values by name; one of no known type has none and counts as left out."""
        values = {a.name: helper.get_attribute_value(a) for a in self.proto.attribute}
        return {name: value for name, value in values.items() if value is not None}

    @functools.cached_property
    def captured(self) -> frozenset[str]:
        """Outer names that the node's subgraphs (If, Loop, Scan) may use."""
        names: set[str] = set()
        for attribute in self.proto.attribute:
            for graph in [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]:
                names |= _free_names(graph)
        return frozenset(names)

    @property
    def label(self) -> str:
        """How messages name the node."""
        where = f"{self.domain}." if self.domain else ""
        name = self.proto.name or (self.outputs[0] if self.outputs else "")
        return f"{name!r} ({where}{self.op})"

    def to_proto(self) -> onnx.NodeProto:
        """The node with its present inputs and outputs."""
        proto = onnx.NodeProto()
        proto.CopyFrom(self.proto)
        del proto.input[:], proto.output[:]
        proto.input.extend(self.inputs)
        proto.output.extend(self.outputs)
        return proto


def _free_names(graph: onnx.GraphProto) -> set[str]:
    """Names a subgraph uses and does not define."""
    defined = {i.name for i in graph.input} | {t.name for t in graph.initializer}
    used: set[str] = {o.name for o in graph.output}
    for proto in graph.node:
        node = Node(proto)
        used |= {i for i in node.inputs if i} | node.captured
        defined |= set(node.outputs)
    return used - defined


@dataclass
class Graph:
    """Nodes in topological order, constants, inputs and outputs.

    Attributes:
        nodes: in topological order.
        constants: initialisers by name.
        inputs, outputs: value infos of the graph's ports.
        opsets: version by domain.
        ir_version: of the source model.
        arrays: constants already unpacked.
        origins: for folded constants, the initialiser that they were made of.
        fresh: counts new names.
        steps: for constants on a grid that the source graph tells, the distance between levels;
            it broadcasts to the constant.
    """

    nodes: list[Node]
    constants: dict[str, TensorProto]
    inputs: list[onnx.ValueInfoProto]
    outputs: list[onnx.ValueInfoProto]
    opsets: dict[str, int]
    ir_version: int
    arrays: dict[str, Array] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    fresh: int = 0
    steps: dict[str, Array] = field(default_factory=dict)

    def array(self, name: str) -> Array:
        """The value of a constant."""
        if name not in self.arrays:
            self.arrays[name] = unpack(self.constants[name], name)
        return self.arrays[name]

    def add_constant(self, value: npt.ArrayLike, like: str) -> str:
        """Add a constant under a new name."""
        name = self.new_name(like)
        self.constants[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def new_name(self, like: str) -> str:
        """A name that no value has."""
        self.fresh += 1
        return f"{like}/te{self.fresh}"

    def dependencies(self, node: Node) -> Iterator[str]:
        """Names that the node reads and that are not constant."""
        for name in dict.fromkeys([*node.inputs, *sorted(node.captured)]):
            if name and name not in self.constants:
                yield name

    @property
    def input_names(self) -> list[str]:
        """Names of the graph inputs."""
        return [i.name for i in self.inputs]

    @property
    def output_names(self) -> list[str]:
        """Names of the graph outputs."""
        return [o.name for o in self.outputs]

    def trace_origins(self, nodes: Iterable[Node]) -> None:
        """Note which initialiser each value made of constants alone goes back to."""
        for node in nodes:
            known = [i for i in node.inputs if i in self.origins or i in self.constants]
            if known:
                largest = max(known, key=self._size_of_origin)
                self.origins.update(dict.fromkeys(node.outputs, self.origins.get(largest, largest)))

    def _size_of_origin(self, name: str) -> int:
        """Elements of the initialiser behind a value; of the value itself once that is gone."""
        tensor = self.constants.get(self.origins.get(name, name)) or self.constants.get(name)
        return 0 if tensor is None else int(np.prod(tensor.dims, dtype=np.int64))

    def producers(self) -> dict[str, Node]:
        """The node that makes each value."""
        return {output: node for node in self.nodes for output in node.outputs if output}

    def prune(self) -> None:
        """Drop nodes that no output needs, and unused constants."""
        needed = set(self.output_names)
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if needed.intersection(o for o in node.outputs if o):
                kept.append(node)
                needed.update(i for i in node.inputs if i)
                needed.update(node.captured)
        self.nodes = kept[::-1]
        self.constants = {k: v for k, v in self.constants.items() if k in needed}

    def model(
        self,
        nodes: Iterable[Node],
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[str | onnx.ValueInfoProto],
        extra: Sequence[onnx.TensorProto] = (),
    ) -> onnx.ModelProto:
        """A model of some of the nodes, with the constants they read."""
        nodes = list(nodes)
        used = {n for node in nodes for n in (*node.inputs, *node.captured)}
        used |= {o if isinstance(o, str) else o.name for o in outputs}
        graph = helper.make_graph(
            [node.to_proto() for node in nodes],
            "piece",
            list(inputs),
            [helper.make_empty_tensor_value_info(o) if isinstance(o, str) else o for o in outputs],
            [*(v for k, v in self.constants.items() if k in used), *extra],
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in self.opsets.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=max(self.ir_version, 8))

    def whole(self) -> onnx.ModelProto:
        """The graph as a model."""
        return self.model(self.nodes, self.inputs, self.outputs)

    def evaluate(
        self, nodes: Iterable[Node], feeds: Mapping[str, Array], outputs: Sequence[str]
    ) -> list[Array]:
        """Run some of the nodes on arrays, without optimisations."""
        inputs = [typed(name, value.dtype, [None] * value.ndim) for name, value in feeds.items()]
        return Session(self.model(nodes, inputs, outputs))(feeds, outputs)


def unpack(tensor: TensorProto, name: str) -> Array:
    """The values of a tensor.

    Raises:
        ConversionError: its type, sizes and data do not fit together.
    """
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except Exception as error:  # onnx raises ValueError, TypeError, KeyError, AttributeError
        raise ConversionError(
            f"tensor {name!r} cannot be read: its type, sizes and data do not fit together: "
            f"{brief(error)}"
        ) from error


def typed(
    name: str, dtype: np.dtype[Any] | int, shape: Sequence[int | str | None] | None
) -> onnx.ValueInfoProto:
    """A value info from a NumPy or ONNX type."""
    kind = dtype if isinstance(dtype, int) else helper.np_dtype_to_tensor_dtype(dtype)
    return helper.make_tensor_value_info(name, kind, shape)
