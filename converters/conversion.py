"""From an ONNX model to a Network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnx

from ternary_engine.converters import (
    batch,
    biases,
    blocks,
    fold,
    load,
    lower,
    lower_finn,  # noqa: F401  (the dialects register themselves)
    lower_integers,  # noqa: F401
    lower_pact,  # noqa: F401
    lower_qonnx,  # noqa: F401
)
from ternary_engine.converters.graph import Graph
from ternary_engine.converters.partition import Partition
from ternary_engine.converters.recipes import Cook
from ternary_engine.converters.rescale import rescale
from ternary_engine.converters.simplify import simplify
from ternary_engine.converters.values import Analysis
from ternary_engine.converters.weighted import Weighted, find_layers
from ternary_engine.exceptions import ConversionError
from ternary_engine.network import Network, Port
from ternary_engine.steps import Digital

if TYPE_CHECKING:
    from ternary_engine.converters.graph import Array


def convert(
    model: load.Source, *, input_bits: int | None = None, calibration: Array | None = None
) -> Network:
    """Convert an ONNX model.

    Args:
        model: path of an ONNX file, its bytes, or an ``onnx.ModelProto`` (left unchanged).
        input_bits: Defaults to None: real-valued inputs stay real.
        calibration: Defaults to None. Sample inputs for ``input_bits``.

    Returns:
        The network: few-bit layers on the crossbar, all else digital.

    Raises:
        ConversionError: the model cannot be imported; the message says which node and why.
        NotImplementedError: ``input_bits`` or ``calibration`` is given.

    Example:
        >>> network = convert("model.onnx")  # doctest: +SKIP
    """
    if input_bits is not None or calibration is not None:
        raise NotImplementedError(
            "input_bits and calibration are not supported yet: real-valued inputs stay real"
        )
    source, provenance = load.load(model)
    try:
        graph = _prepare(source)
        ports = [_port(info) for info in (*graph.inputs, *graph.outputs)]
        inputs, outputs = ports[: len(graph.inputs)], ports[len(graph.inputs) :]
        return _network(graph, inputs, outputs, provenance)
    except ConversionError as error:
        raise ConversionError(f"{provenance['file']}: {error}") from error


def _prepare(source: onnx.ModelProto) -> Graph:
    """Standard operators only, constants folded."""
    lower.check_operators(source.graph)
    _check_ports(source.graph)
    graph = fold.from_model(lower.modernise(source))
    fold.fold(graph)
    lower.lower(graph)
    fold.fold(graph)
    blocks.split(graph)
    biases.detach(graph)
    return graph


def _check_ports(graph: onnx.GraphProto) -> None:
    constants = {t.name for t in graph.initializer}
    if not graph.output:
        raise ConversionError("the graph has no output")
    for info in [*(i for i in graph.input if i.name not in constants), *graph.output]:
        kind = info.type.WhichOneof("value")
        if kind not in (None, "tensor_type"):
            raise ConversionError(f"port {info.name!r} is a {kind}; only tensors are supported")
    for info in graph.input:
        if info.name in constants:
            continue
        tensor = info.type.tensor_type
        if not tensor.elem_type or not tensor.HasField("shape"):
            raise ConversionError(f"graph input {info.name!r} has no type and shape")


def _network(
    graph: Graph, inputs: list[Port], outputs: list[Port], provenance: dict[str, str]
) -> Network:
    shapes = batch.study(graph)
    if shapes.problem:
        return _all_digital(graph, inputs, outputs, provenance, shapes.problem)
    simplify(graph, shapes)
    analysis = Analysis(graph, shapes)
    rescale(graph, shapes, analysis)
    layers = find_layers(graph, shapes, analysis)
    steps = Partition(Cook(graph, shapes, analysis, layers)).steps()
    records = tuple(item.layer() for item in layers.values())
    notes = _notes(layers, shapes.batching)
    return Network(
        inputs=tuple(_with_batch(p, shapes) for p in inputs),
        outputs=tuple(_output(p, shapes) for p in outputs),
        layers=records,
        steps=steps,
        batching=shapes.batching,
        provenance=provenance,
        notes=notes,
    )


def _all_digital(
    graph: Graph, inputs: list[Port], outputs: list[Port], provenance: dict[str, str], problem: str
) -> Network:
    """One piece, for graphs that random inputs say nothing about."""
    piece = Digital(
        sources=tuple(graph.input_names),
        targets=tuple(graph.output_names),
        model=graph.whole().SerializeToString(),
    )
    note = f"everything is computed digitally: trial runs on random inputs failed: {problem}"
    return Network(
        inputs=tuple(inputs), outputs=tuple(outputs), layers=(), steps=(piece,), batching="whole",
        provenance=provenance, notes=(note,),
    )  # fmt: skip


def _port(info: onnx.ValueInfoProto) -> Port:
    kind = info.type.tensor_type.elem_type
    dtype = onnx.helper.tensor_dtype_to_np_dtype(kind).name if kind else "float32"
    dims = tuple(d.dim_value or None for d in info.type.tensor_type.shape.dim)
    return Port(info.name, dtype, dims)


def _with_batch(port: Port, shapes: batch.Shapes) -> Port:
    shape = shapes.shapes.get(port.name)
    if shape and shape[0] is None:
        return Port(port.name, port.dtype, (None, *port.shape[1:]))
    return port


def _output(port: Port, shapes: batch.Shapes) -> Port:
    shape = shapes.shapes.get(port.name)
    dtype = shapes.dtypes.get(port.name, np.dtype(port.dtype))
    return Port(port.name, dtype.name, port.shape if shape is None else shape)


def _notes(layers: dict[str, Weighted], batching: str) -> tuple[str, ...]:
    notes = []
    if not any(item.where != "digital" for item in layers.values()):
        notes.append("no layer is on the crossbar: everything is computed digitally")
    if batching == "single":
        notes.append("digital pieces take one sample at a time: the model is fixed at batch 1")
    if batching == "whole":
        notes.append("samples of a batch influence one another: a batch is never split")
    return tuple(notes)
