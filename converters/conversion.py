"""From an ONNX model to a Network."""

from __future__ import annotations

import contextlib
import dataclasses
from dataclasses import dataclass

import numpy as np
import onnx

from ternary_engine.converters import (
    batch,
    biases,
    blocks,
    concats,
    divisions,
    exchange,
    fixed_point,
    fold,
    load,
    lower,
    lower_channels_last,  # noqa: F401  (the dialects register themselves)
    lower_finn,  # noqa: F401
    lower_integers,  # noqa: F401
    lower_pact,  # noqa: F401
    lower_qonnx,  # noqa: F401
    transposes,
)
from ternary_engine.converters.graph import Graph
from ternary_engine.converters.partition import Partition
from ternary_engine.converters.recipes import Cook
from ternary_engine.converters.rescale import rescale
from ternary_engine.converters.sessions import Session
from ternary_engine.converters.simplify import simplify
from ternary_engine.converters.values import Analysis
from ternary_engine.converters.weighted import Weighted, find_layers
from ternary_engine.exceptions import ConversionError
from ternary_engine.network import Network, Port
from ternary_engine.steps import Digital


def convert(
    model: load.Source,
    *,
    input_bits: int | None = None,
    calibration: fixed_point.Calibration | None = None,
) -> Network:
    """Convert an ONNX model.

    Args:
        model: path of an ONNX file, its bytes, or an ``onnx.ModelProto`` (left unchanged).
        input_bits: quantise real-valued inputs of crossbar layers to fixed point of so many bits,
            1 to 8, presented bit by bit: symmetric, one range per tensor. Defaults to None: they
            stay real, true to the source. The effect is told in ``network.notes``.
        calibration: sample inputs that show the ranges for ``input_bits``: an array, or a dict by
            input name. Defaults to None.

    Returns:
        The network: few-bit layers on the crossbar, all else digital.

    Raises:
        ConversionError: the model cannot be imported; the message says which node and why.
        ValueError: ``input_bits`` out of range, or without the calibration data it needs.

    Example:
        >>> network = convert("model.onnx")  # doctest: +SKIP
    """
    return convert_openly(model, input_bits, calibration).network


def is_importable(model: load.Source) -> bool:
    """Whether `convert` takes a model, as far as its operators and types tell."""
    try:
        source, _ = exchange.exchangeable(load.load(model)[0])
        _runnable(source, recent=False)
    except ConversionError:
        return False
    return True


@dataclass(frozen=True)
class Conversion:
    """A network and what it was made of.

    Attributes:
        network: the network.
        source: the model as it was read, its ports of types that arrays can have.
        graph: standard operators that do the same, constants folded.
        cook: the layers and chains of the graph; None where everything is digital.
    """

    network: Network
    source: onnx.ModelProto
    graph: Graph
    cook: Cook | None


def convert_openly(
    model: load.Source,
    input_bits: int | None = None,
    calibration: fixed_point.Calibration | None = None,
) -> Conversion:
    """Convert a model as `convert` does, and keep the workings."""
    fixed_point.check_options(input_bits, calibration)
    source, provenance = load.load(model)
    source, told = exchange.exchangeable(source)
    try:
        graph = _runnable(source, recent=input_bits is not None)
        ports = [_port(info) for info in (*graph.inputs, *graph.outputs)]
        inputs, outputs = ports[: len(graph.inputs)], ports[len(graph.inputs) :]
        network, cook = _network(graph, inputs, outputs, provenance, input_bits, calibration)
        network = dataclasses.replace(network, notes=(*told, *network.notes))
        return Conversion(network, source, graph, cook)
    except ConversionError as error:
        raise ConversionError(f"{provenance['file']}: {error}") from error


def _runnable(source: onnx.ModelProto, *, recent: bool) -> Graph:
    """A graph that ONNX Runtime takes, in an older opset where it does not know the model's."""
    lower.check_operators(source.graph)
    _check_ports(source.graph)
    graph = _prepare(source, recent=recent)
    try:
        Session(graph.whole())
    except ConversionError:
        for older in lower.older(source):
            with contextlib.suppress(ConversionError):
                graph = _prepare(older, recent=recent)
                Session(graph.whole())
                return graph
        raise
    return graph


def _prepare(source: onnx.ModelProto, *, recent: bool) -> Graph:
    """Standard operators only, constants folded."""
    graph = fold.from_model(lower.modernise(source, recent=recent))
    lower.check_inputs(graph)
    divisions.guard(graph)
    fold.fold(graph)
    lower.lower(graph)
    fold.fold(graph)
    transposes.sink(graph)
    blocks.split(graph)
    biases.detach(graph)
    graph.prune()
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
    for info in [*graph.input, *graph.output]:
        kind = info.type.tensor_type.elem_type
        if kind not in onnx.TensorProto.DataType.values():
            raise ConversionError(f"port {info.name!r} is of type {kind}, which ONNX has not")


def _network(
    graph: Graph,
    inputs: list[Port],
    outputs: list[Port],
    provenance: dict[str, str],
    input_bits: int | None,
    calibration: fixed_point.Calibration | None,
) -> tuple[Network, Cook | None]:
    shapes = batch.study(graph)
    if shapes.problem:
        return _all_digital(graph, inputs, outputs, provenance, shapes.problem), None
    simplify(graph, shapes)
    analysis, layers = _analyse(graph, shapes)
    notes = []
    if input_bits is not None:
        effect = _quantise_inputs(graph, shapes, layers, input_bits, calibration)
        notes.append(effect or f"input_bits={input_bits}: no crossbar layer has a real input")
        analysis, layers = _analyse(graph, shapes)
    if concats.sink(graph, shapes, analysis, layers):
        analysis, layers = _analyse(graph, shapes)
    cook = Cook(graph, shapes, analysis, layers)
    steps = Partition(cook).steps()
    network = Network(
        inputs=tuple(_with_batch(p, shapes) for p in inputs),
        outputs=tuple(_output(p, shapes) for p in outputs),
        layers=tuple(item.layer() for item in layers.values()),
        steps=steps,
        batching=shapes.batching,
        provenance=provenance,
        notes=(*notes, *_notes(layers, shapes.batching)),
    )
    return network, cook


def _analyse(graph: Graph, shapes: batch.Shapes) -> tuple[Analysis, dict[str, Weighted]]:
    analysis = Analysis(graph, shapes)
    rescale(graph, shapes, analysis)
    return analysis, find_layers(graph, shapes, analysis)


def _quantise_inputs(
    graph: Graph,
    shapes: batch.Shapes,
    layers: dict[str, Weighted],
    bits: int,
    calibration: fixed_point.Calibration | None,
) -> str:
    """Quantise real inputs of crossbar layers; returns what that does to the outputs."""
    sources = fixed_point.real_inputs(layers, shapes)
    if not sources:
        return ""
    feeds = fixed_point.samples_of(graph, calibration, bits)
    names = [*graph.output_names, *sources]
    values = fixed_point.run(graph, shapes, feeds, names)
    count = len(graph.output_names)
    fixed_point.quantise(graph, shapes, sources, values[count:], bits)
    after = fixed_point.run(graph, shapes, feeds, graph.output_names)
    return fixed_point.effect(values[:count], after, sum(map(len, sources.values())), bits)


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
    sizes = info.type.tensor_type.shape.dim
    dims = tuple(
        d.dim_value if d.HasField("dim_value") and d.dim_value >= 0 else None for d in sizes
    )
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
