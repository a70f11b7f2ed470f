"""Which steps make the outputs: demands flow from the outputs back to the inputs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from onnx import TensorProto, helper

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.graph import Graph, Node, typed
from ternary_engine.converters.recipes import Cook, codes_name, sums_name
from ternary_engine.converters.weighted import Weighted
from ternary_engine.converters.windows import layer_geometry
from ternary_engine.exceptions import ConversionError
from ternary_engine.steps import Crossbar, Decode, Digital, Join, RealCrossbar, Step, sources


@dataclass
class Demand:
    """In which forms later steps want a tensor."""

    real: bool = False
    sums: bool = False
    axes: set[int] = field(default_factory=set)  # channel axes of the wanted codes


class Partition:
    """Turns a graph into steps.

    Tensors are visited from the last to the first; each is made in the forms that later ones
    want, and passes its wants on to earlier ones.
    """

    def __init__(self, cook: Cook) -> None:
        self.cook = cook
        self.graph: Graph = cook.graph
        self.shapes: Shapes = cook.shapes
        self.demands: dict[str, Demand] = {}
        self.made: list[Step | Node] = []  # last first
        self.nodes: set[Node] = set()

    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        for name in self.graph.output_names:
            self._want(name).real = True
        tensors = [o for node in self.graph.nodes for o in node.outputs if o]
        for name in reversed(tensors):
            if name in self.demands:
                self._make(name)
        for name in self.graph.input_names:
            self._make_codes(name)
        return Assembly(self.graph, self.shapes).assemble(self.made[::-1])

    def _want(self, tensor: str) -> Demand:
        return self.demands.setdefault(tensor, Demand())

    def _make(self, tensor: str) -> None:
        demand = self.demands[tensor]
        self._make_codes(tensor)
        if demand.real and not self._decode(tensor):
            self._make_real(tensor)
        if demand.sums:
            self._make_sums(tensor)

    def _make_codes(self, tensor: str) -> None:
        for axis in sorted(self.demands[tensor].axes if tensor in self.demands else ()):
            recipe = self.cook.codes(tensor, axis)
            self.made += recipe.steps[::-1]
            for name in recipe.joined:
                self._want(name).axes.add(axis)
            if recipe.sums is not None:
                self._want(recipe.sums).sums = True
            elif recipe.real is not None:
                self._want(recipe.real).real = True

    def _decode(self, tensor: str) -> bool:
        """Take the real values from the codes where those exist anyway."""
        for axis in sorted(self.demands[tensor].axes):
            recipe = self.cook.codes(tensor, axis)
            rank = len(self.shapes.shapes[tensor])
            form = {2: "NC", 3: "NCL" if axis == 1 else "NTC", 4: "NCHW"}.get(rank)
            from_itself = recipe.real == tensor or self.shapes.dtypes[tensor] != np.float32
            if not recipe.flat and form and not from_itself:
                source = codes_name(tensor, axis)
                # made before the codes are, in reverse: it must run after them
                self._insert_after_codes(Decode(source=source, target=tensor, form=form))
                return True
        return False

    def _insert_after_codes(self, step: Decode) -> None:
        place = next(
            index
            for index, made in enumerate(self.made)
            if not isinstance(made, Node) and getattr(made, "target", None) == step.source
        )
        self.made.insert(place, step)

    def _make_real(self, tensor: str) -> None:
        item = self.cook.layers.get(tensor)
        if item is not None and item.where == "real crossbar":
            self._real_crossbar(item)
            return
        for axis in self._axes(tensor):
            table = self.cook.real(tensor, axis)
            if table is not None:
                step, source = table
                self.made.append(step)
                self._want(source).sums = True
                return
        node = self.cook.walker.producers[tensor]
        if node in self.nodes:
            return
        self.nodes.add(node)
        self.made.append(node)
        for name in self.graph.dependencies(node):
            self._want(name).real = True

    def _axes(self, tensor: str) -> tuple[int, ...]:
        return (1, 2) if len(self.shapes.shapes.get(tensor, ())) == 3 else (1,)

    def _real_crossbar(self, item: Weighted) -> None:
        target = item.node.outputs[0]
        model = real_crossbar_model(self.graph, self.shapes, item)
        self.made.append(
            RealCrossbar(
                source=item.source,
                target=target,
                layer=item.name,
                model=model,
                geometry=layer_geometry(item.node, self.shapes, item.shape, (1, 1), (0, 0, 0, 0)),
                form=self._form(item),
                factor=float(item.node.attributes.get("alpha", 1.0)),
            )
        )
        self._want(item.source).real = True

    def _form(self, item: Weighted) -> str:
        """How the values around a layer with a real input are laid out."""
        if item.node.op == "Conv":
            return "NCL" if len(item.shape) == 3 else "NCHW"
        return "NC" if len(self.shapes.shapes[item.source]) == 2 else "NTC"

    def _make_sums(self, tensor: str) -> None:
        item = self.cook.layers[tensor]
        axis = self.cook.channel_axis(tensor)
        recipe = self.cook.codes(item.source, axis)
        image = recipe.image if item.node.op != "MatMul" or axis == 1 else (1, 1)
        self.made.append(
            Crossbar(
                source=codes_name(item.source, axis),
                target=sums_name(tensor),
                layer=item.name,
                geometry=layer_geometry(item.node, self.shapes, item.shape, image, item.pads),
                apart=item.apart,
            )
        )
        self._want(item.source).axes.add(axis)


def real_crossbar_model(graph: Graph, shapes: Shapes, item: Weighted) -> bytes:
    """A model of one node with the weights as its second input, called ``weights``."""
    node = Node(item.node.proto)
    node.inputs = [item.source, "weights", *item.node.inputs[2:]]
    node.outputs = list(item.node.outputs)
    nodes = [node]
    kind = shapes.dtypes[item.source]
    if kind != np.float32:
        node.inputs[1] = "weights/cast"
        cast = helper.make_node(
            "Cast", ["weights"], ["weights/cast"], to=helper.np_dtype_to_tensor_dtype(kind)
        )
        nodes = [Node(cast), node]
    inputs = [
        typed(item.source, kind, _open(shapes, item.source)),
        typed("weights", TensorProto.FLOAT, item.shape),
    ]
    target = node.outputs[0]
    outputs = [typed(target, shapes.dtypes[target], _open(shapes, target))]
    return bytes(graph.model(nodes, inputs, outputs).SerializeToString())


def _open(shapes: Shapes, name: str) -> list[int | str | None] | None:
    """A shape for a port: the batch free, other sizes where they are certain."""
    shape = shapes.shapes.get(name)
    if shape is None:
        return None
    certain = shape[:1] == (None,) and not shapes.open_sizes
    return ["N" if place == 0 else size if certain else None for place, size in enumerate(shape)]


class Assembly:
    """Puts digital nodes into as few pieces as possible: one per depth."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self.graph = graph
        self.shapes = shapes
        self.depths: dict[str, int] = {}

    def assemble(self, made: list[Step | Node]) -> tuple[Step, ...]:
        """Steps in order, with digital pieces in place of nodes."""
        made = merge_equal(made)
        pieces: dict[int, list[Node]] = {}
        others: dict[int, list[Step]] = {}
        for item in made:
            if isinstance(item, Node):
                depth = max(
                    [self.depths.get(d, 0) for d in self.graph.dependencies(item)], default=0
                )
                self.depths.update(dict.fromkeys(item.outputs, depth))
                pieces.setdefault(depth, []).append(item)
            else:
                assert not isinstance(item, Digital)
                depth = max(self.depths.get(name, 0) for name in sources(item)) + 1
                self.depths[item.target] = depth
                others.setdefault(depth, []).append(item)
        wanted = set(self.graph.output_names)
        wanted |= {name for level in others.values() for s in level for name in sources(s)}
        for nodes in pieces.values():
            inside = {o for node in nodes for o in node.outputs}
            wanted |= {d for n in nodes for d in self.graph.dependencies(n)} - inside
        steps: list[Step] = []
        for depth in range(max([*pieces, *others], default=0) + 1):
            steps += others.get(depth, [])
            if depth in pieces:
                steps.append(self._digital(pieces[depth], wanted))
        constant = [o for o in self.graph.output_names if o in self.graph.constants]
        if constant:
            steps.append(self._digital([], set(constant)))
        return tuple(steps)

    def _digital(self, nodes: list[Node], wanted: set[str]) -> Digital:
        order = {id(node): index for index, node in enumerate(self.graph.nodes)}
        nodes = sorted(nodes, key=lambda node: order.get(id(node), -1))
        inside = list(dict.fromkeys(o for node in nodes for o in node.outputs if o))
        read = list(
            dict.fromkeys(
                d for node in nodes for d in self.graph.dependencies(node) if d not in inside
            )
        )
        targets = [o for o in inside if o in wanted] if nodes else sorted(wanted)
        for name in read:
            if name not in self.shapes.dtypes:
                raise ConversionError(
                    f"value {name!r} is no tensor, and more than one piece uses it"
                )
        ports = {info.name: info for info in self.graph.inputs}
        inputs = [
            ports.get(s) or typed(s, self.shapes.dtypes[s], _open(self.shapes, s)) for s in read
        ]
        model = self.graph.model(nodes, inputs, targets)
        return Digital(sources=tuple(read), targets=tuple(targets), model=model.SerializeToString())


def merge_equal(made: list[Step | Node]) -> list[Step | Node]:
    """Drop steps that do what an earlier one does, and read that one's target instead."""
    alias: dict[str, str] = {}
    seen: dict[tuple[object, ...], str] = {}
    kept: list[Step | Node] = []
    for item in made:
        if isinstance(item, Node | Digital):
            kept.append(item)
            continue
        if isinstance(item, Join):
            read = tuple(alias.get(name, name) for name in item.sources)
            item = dataclasses.replace(item, sources=read)
        else:
            item = dataclasses.replace(item, source=alias.get(item.source, item.source))
        fields = {f.name: getattr(item, f.name) for f in dataclasses.fields(item)}
        target = fields.pop("target")
        key = (type(item), *(_key(value) for value in fields.values()))
        if key in seen and not isinstance(item, RealCrossbar):
            alias[target] = seen[key]
            if not target.endswith((":sums",)) and ":codes" not in target:
                alias.pop(target)
                kept.append(item)
            continue
        seen[key] = target
        kept.append(item)
    return kept


def _key(value: object) -> object:
    if isinstance(value, np.ndarray):
        return (value.shape, value.dtype.str, value.tobytes())
    return value
