"""Shapes, types and the batch axis, learnt by running the graph on random samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.sessions import Session, TooLargeError, TooLongError
from ternary_engine.exceptions import ConversionError

SEVERAL = 3  # samples in a trial batch
FREE_SIZES = (32, 28, 64, 224, 16, 8, 96, 1)  # tried for axes of unknown size
LARGEST_INPUT = 1 << 27  # elements of a trial input
SCALES = (1.0, 16.0, 128.0)  # of random inputs: networks differ in what they are fed

Shape = tuple[int | None, ...]


@dataclass
class Shapes:
    """What running showed.

    Attributes:
        shapes: of each value; the first axis is None where it counts samples.
        dtypes: of each value.
        batching: as `network.Network.batching`.
        open_sizes: an input has a free axis besides the batch.
        problem: why the graph could not be run on random inputs; nothing else is known then.
    """

    shapes: dict[str, Shape]
    dtypes: dict[str, np.dtype[Any]]
    batching: str
    open_sizes: bool = False
    problem: str = ""

    def per_sample(self, name: str) -> Shape | None:
        """Shape of one sample's part of a value, None where it has none."""
        shape = self.shapes.get(name)
        return shape[1:] if shape and shape[0] is None else None


class Sampler:
    """Draws random inputs of any batch size.

    Attributes:
        graph: whose inputs to feed.
        carriers: inputs whose first axis is the batch.
        has_batch: whether there is one.
        fixed: batch size written into the model, 0 where it is free or there is none.
        open_sizes: another axis is free too.
        free_size: used for axes of unknown size.
    """

    def __init__(self, graph: Graph, free_size: int) -> None:
        self.graph = graph
        self.free_size = free_size
        self.dims = {i.name: declared_shape(i) for i in graph.inputs}
        first = {name: dims[0] for name, dims in self.dims.items() if dims}
        free = {name for name, size in first.items() if not size}
        self.carriers = free or (set(first) if len(set(first.values())) == 1 else set())
        self.fixed: int = 0 if free else next(iter(first.values()), 0)
        self.has_batch = bool(self.carriers)
        self.open_sizes = any(0 in dims[1:] for dims in self.dims.values())

    def draw(self, batch: int, scale: float, seed: int) -> dict[str, Array]:
        """Random inputs."""
        random = np.random.default_rng(seed)
        feeds = {}
        for info in self.graph.inputs:
            dims = [d or self.free_size for d in self.dims[info.name]]
            if info.name in self.carriers:
                dims[0] = batch
            _check_room(info.name, dims)
            kind = info.type.tensor_type.elem_type
            feeds[info.name] = _draw(random, helper.tensor_dtype_to_np_dtype(kind), dims, scale)
        return feeds

    def part(self, feeds: Mapping[str, Array], start: int, count: int) -> dict[str, Array]:
        """Some of the samples."""
        return {
            name: value[start : start + count] if name in self.carriers else value
            for name, value in feeds.items()
        }


def _check_room(name: str, dims: list[int]) -> None:
    count = math.prod(dims)
    if count > LARGEST_INPUT:
        shape = " x ".join(map(str, dims))
        raise ConversionError(f"input {name!r}: {shape} random numbers are too many for a trial")


def _draw(
    random: np.random.Generator, dtype: np.dtype[Any], dims: list[int], scale: float
) -> Array:
    if dtype == np.bool_:
        return np.asarray(random.random(dims) < 0.5)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        high = min(int(info.max), 255) if dtype.itemsize == 1 else 1
        low = max(int(info.min), -128) * (high > 1)
        return np.asarray(random.integers(low, high + 1, dims), dtype)
    values = random.normal(0, 1, dims) * scale
    return np.asarray(np.abs(values) if scale > 64 else values).astype(dtype)


def declared_shape(info: onnx.ValueInfoProto) -> list[int]:
    """Sizes that a port declares; 0 where free."""
    return [max(d.dim_value, 0) for d in info.type.tensor_type.shape.dim]


def study(graph: Graph) -> Shapes:
    """Free the batch axis where that is possible and learn all shapes; changes the graph."""
    names = _values(graph)
    if not names:
        return Shapes({}, {}, "whole")
    problem: ConversionError | None = None
    for size in FREE_SIZES:
        sampler = Sampler(graph, size)
        try:
            shapes = _study(graph, sampler)
            shapes.open_sizes = sampler.open_sizes
            return shapes
        except TooLongError as error:
            return Shapes({}, {}, "whole", problem=str(error))
        except ConversionError as error:
            problem = problem or error
        if all(all(dims[1:]) for dims in sampler.dims.values()):
            break
    if isinstance(problem, TooLargeError):
        raise problem
    return Shapes({}, {}, "whole", problem=str(problem))


def _study(graph: Graph, sampler: Sampler) -> Shapes:
    one = sampler.fixed or 1
    feeds = sampler.draw(one, 1.0, 0)
    session = Session(graph.model(graph.nodes, graph.inputs, _values(graph)))
    names = _readable(graph, session)
    small = _run(session, feeds, names)
    dtypes = {n: v.dtype for n, v in small.items() if isinstance(v, np.ndarray)}
    if not sampler.has_batch:
        return _rigid(small, dtypes, "whole")
    all_carry = len(sampler.carriers) == len(sampler.dims)
    stuck = "single" if sampler.fixed == 1 and all_carry else "whole"
    freed = _free(graph, small, one)
    try:
        trial = Session(freed.model(freed.nodes, freed.inputs, _values(freed)))
        kept = _readable(freed, trial)
        large = _run(trial, sampler.draw(SEVERAL * one, 1.0, 1), kept)
        agree = [_agrees(session, trial, sampler, seed) for seed in range(len(SCALES))]
    except ConversionError:
        return _rigid(small, dtypes, stuck)
    # one of the three may differ: rounding can push a value across a step
    independent = sum(agree) > 1 and all_carry
    if sampler.fixed and not independent:
        return _rigid(small, dtypes, stuck)
    graph.nodes, graph.constants = freed.nodes, freed.constants
    graph.inputs, graph.outputs = freed.inputs, freed.outputs
    shapes = {n: _shape(small[n], large[n], one) for n in dtypes if n in large}
    return Shapes(shapes, dtypes, "free" if independent else "whole")


def _values(graph: Graph) -> list[str]:
    names = [*graph.input_names, *(o for node in graph.nodes for o in node.outputs if o)]
    return list(dict.fromkeys(n for n in names if n not in graph.constants))


def _readable(graph: Graph, session: Session) -> list[str]:
    """Values that can be looked at."""
    readable = session.readable
    return [name for name in _values(graph) if name in readable]


def _run(session: Session, feeds: Mapping[str, Array], names: list[str]) -> dict[str, Array]:
    return dict(zip(names, session(feeds, names), strict=True))


def _shape(small: Array, large: Array, one: int) -> Shape:
    first, second = small.shape, large.shape
    batch = len(first) == len(second) > 0 and first[1:] == second[1:]
    if batch and first[0] == one and second[0] == SEVERAL * one:
        return (None, *first[1:])
    return first


def _rigid(values: dict[str, Array], dtypes: dict[str, np.dtype[Any]], batching: str) -> Shapes:
    """Shapes where the batch size cannot change; one sample at a time makes it free again."""
    shapes: dict[str, Shape] = {}
    for name in dtypes:
        shape = values[name].shape
        single = batching == "single" and len(shape) > 0 and shape[0] == 1
        shapes[name] = (None, *shape[1:]) if single else shape
    return Shapes(shapes, dtypes, batching)


def _free(graph: Graph, values: Mapping[str, Array], one: int) -> Graph:
    """A copy with a symbolic batch axis, and Reshape targets that follow it."""
    freed = Graph(
        [], dict(graph.constants), [], [], graph.opsets, graph.ir_version, graph.arrays,
        graph.origins, graph.fresh,
    )  # fmt: skip
    for node in graph.nodes:
        freed.nodes.append(_reshape(freed, node, values, one) if node.op == "Reshape" else node)
    freed.inputs = [_symbolic(i) if declared_shape(i) else i for i in graph.inputs]
    freed.outputs = [_unshaped(o) for o in graph.outputs]
    graph.fresh = freed.fresh
    freed.prune()
    return freed


def _reshape(graph: Graph, node: Node, values: Mapping[str, Array], one: int) -> Node:
    shape = values[node.outputs[0]].shape
    source = values[node.inputs[0]].shape if node.inputs[0] in values else ()
    if not shape or shape[0] % one or not source or source[0] % one or 0 in shape:
        return node
    target = graph.add_constant(np.array([-1, *shape[1:]], np.int64), node.outputs[0])
    copy = Node(node.proto)
    copy.inputs = [node.inputs[0], target]
    return copy


def _symbolic(info: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(info)
    copy.type.tensor_type.shape.dim[0].Clear()
    copy.type.tensor_type.shape.dim[0].dim_param = "N"
    return copy


def _unshaped(info: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    """Declared output shapes may hold the old batch size."""
    kind = info.type.tensor_type.elem_type or TensorProto.FLOAT
    return helper.make_tensor_value_info(info.name, kind, None)


def _agrees(source: Session, trial: Session, sampler: Sampler, seed: int) -> bool:
    """Whether a batch gives what its samples give one at a time."""
    one = sampler.fixed or 1
    feeds = sampler.draw(SEVERAL * one, SCALES[seed], seed + 10)
    names = sampler.graph.output_names
    together = trial(feeds, names)
    apart = [source(sampler.part(feeds, i * one, one), names) for i in range(SEVERAL)]
    rows = SEVERAL * one  # each sample has one, or no batch could be cut between samples
    return all(
        np.shape(whole)[:1] == (rows,) and _close(whole, [part[k] for part in apart])
        for k, whole in enumerate(together)
    )


def _close(whole: Array, parts: list[Array]) -> bool:
    if not isinstance(whole, np.ndarray) or not whole.ndim:
        return False
    if any(p.shape[:1] == () or p.shape[1:] != whole.shape[1:] for p in parts):
        return False
    stacked = np.concatenate(parts)
    if whole.shape != stacked.shape:
        return False
    if whole.dtype.kind != "f":
        return bool((whole == stacked).all())
    size = np.abs(stacked[np.isfinite(stacked)]).max(initial=0.0)
    return bool(np.allclose(whole, stacked, rtol=1e-4, atol=1e-4 * size, equal_nan=True))
