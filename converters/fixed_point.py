"""Real inputs of crossbar layers as fixed-point numbers, presented bit by bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from onnx import helper

from ternary_engine.converters.batch import Shapes
from ternary_engine.converters.graph import Array, Graph, Node
from ternary_engine.converters.sessions import Session
from ternary_engine.converters.weighted import Weighted

MOST_BITS = 8
CHUNK = 32  # samples run at once

Calibration = Array | Mapping[str, Array]


class Range(NamedTuple):
    """What a tensor held over the calibration data."""

    low: float
    high: float
    mean_size: float


def check_options(input_bits: int | None, calibration: Calibration | None) -> None:
    """Refuse what does not fit together.

    Raises:
        ValueError: bits out of range, or calibration data without bits.
    """
    if input_bits is None:
        if calibration is not None:
            raise ValueError("calibration sets the ranges of input_bits: give both")
    elif not 1 <= input_bits <= MOST_BITS:
        raise ValueError(f"input_bits: 1 to {MOST_BITS}; got {input_bits}")


def samples_of(graph: Graph, calibration: Calibration | None, bits: int) -> dict[str, Array]:
    """Calibration data by input name, in the inputs' types.

    Raises:
        ValueError: missing, of another rank, or empty.
    """
    if calibration is None:
        raise ValueError(
            f"input_bits={bits} divides the range of each layer's input, which only data shows: "
            "give sample inputs as calibration (command line: --calibration x.npz)"
        )
    names = graph.input_names
    if not isinstance(calibration, Mapping):
        if len(names) != 1:
            raise ValueError(f"calibration: give a dict, for the model has inputs {names}")
        calibration = {names[0]: calibration}
    if sorted(calibration) != sorted(names):
        raise ValueError(f"calibration: the model has inputs {names}; got {sorted(calibration)}")
    found = {}
    for info in graph.inputs:
        kind = info.type.tensor_type
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        array = np.asarray(calibration[info.name]).astype(dtype)
        if array.ndim != len(kind.shape.dim) or not array.size:
            raise ValueError(
                f"calibration of {info.name!r}: an array of {len(kind.shape.dim)} axes that is "
                f"not empty; got shape {array.shape}"
            )
        found[info.name] = array
    return found


def run(
    graph: Graph, shapes: Shapes, feeds: Mapping[str, Array], names: Sequence[str]
) -> list[Array]:
    """Values of the graph over all samples, a few at a time where samples are independent."""
    session = Session(graph.model(graph.nodes, graph.inputs, list(names)))
    if shapes.batching == "whole":
        return session(feeds, names)
    step = 1 if shapes.batching == "single" else CHUNK
    count = len(next(iter(feeds.values())))
    parts = [
        session({name: value[i : i + step] for name, value in feeds.items()}, names)
        for i in range(0, count, step)
    ]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def real_inputs(layers: Mapping[str, Weighted], shapes: Shapes) -> dict[str, list[Weighted]]:
    """Layers on the crossbar whose input is real float32, by that input."""
    found: dict[str, list[Weighted]] = {}
    for item in layers.values():
        source = item.node.inputs[0]
        if item.where == "real crossbar" and shapes.dtypes.get(source) == np.float32:
            found.setdefault(source, []).append(item)
    return found


def quantise(
    graph: Graph,
    shapes: Shapes,
    sources: Mapping[str, list[Weighted]],
    values: Sequence[Array],
    bits: int,
) -> None:
    """Put a quantiser before every such layer, in place.

    Args:
        graph: of the model.
        shapes: of the graph.
        sources: from `real_inputs`.
        values: what they held over the calibration data.
        bits: of the codes.
    """
    first: dict[Node, list[Node]] = {}
    for (source, items), array in zip(sources.items(), values, strict=True):
        finite = array[np.isfinite(array)].astype(np.float64)
        seen = Range(
            float(finite.min(initial=0)), float(finite.max(initial=0)), float(np.abs(finite).mean())
        )
        nodes = _quantiser(graph, source, seen, bits)
        for node in nodes:
            shapes.shapes[node.outputs[0]] = shapes.shapes[source]
            shapes.dtypes[node.outputs[0]] = np.dtype(np.bool_ if node.op == "Less" else np.float32)
        for item in items:
            item.node.inputs[0] = nodes[-1].outputs[0]
        first[min((i.node for i in items), key=graph.nodes.index)] = nodes
    graph.nodes = [made for node in graph.nodes for made in (*first.get(node, ()), node)]


def _quantiser(graph: Graph, source: str, seen: Range, bits: int) -> list[Node]:
    nodes: list[Node] = []

    def emit(op: str, *inputs: str | float) -> str:
        names = [
            i if isinstance(i, str) else graph.add_constant(np.float32(i), source) for i in inputs
        ]
        output = graph.new_name(source)
        nodes.append(Node(helper.make_node(op, names, [output])))
        return output

    unsigned = seen.low >= 0
    if bits == 1 and not unsigned:  # the best two levels, not the largest ones
        size = seen.mean_size or 1.0
        emit("Where", emit("Less", source, 0.0), -size, size)
        return nodes
    top = (1 << bits) - 1 if unsigned else (1 << (bits - 1)) - 1
    scale = max(-seen.low, seen.high) / top or 1.0
    y = emit("Round", emit("Div", source, scale))
    y = emit("Max", emit("Min", y, float(top)), 0.0 if unsigned else float(-top))
    emit("Mul", y, scale)
    return nodes


def effect(before: Sequence[Array], after: Sequence[Array], layers: int, bits: int) -> str:
    """What quantising did to the outputs, for the network's notes."""
    text = f"input_bits={bits}: inputs of {layers} layer{'s'[: layers != 1]} quantised"
    exact, fixed = before[0], after[0]
    samples = f"over {len(exact)} calibration samples"
    if exact.dtype.kind != "f" or not np.abs(exact).max(initial=0):
        same = float((exact == fixed).mean())
        return f"{text}; {samples} {same:.2%} of the output values stay"
    change = np.abs(fixed.astype(np.float64) - exact)
    largest = float(np.abs(exact).max())
    root = float(np.sqrt(np.mean(change**2)))
    text += f"; {samples} the output changes by {root / largest:.2%} of its largest value (root "
    text += f"mean square), at most {float(change.max()) / largest:.2%}"
    if exact.ndim > 1 and exact.shape[-1] > 1:
        same = float((exact.argmax(-1) == fixed.argmax(-1)).mean())
        text += f"; argmax agrees on {same:.2%}"
    return text
