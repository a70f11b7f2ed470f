"""Compares a converted network, run by the interpreter, with its source, tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper

from ternary_engine.converters import convert
from ternary_engine.network import Network
from tests.oracles import interpreter

Array = npt.NDArray[Any]


@dataclass
class Agreement:
    """What a comparison found."""

    network: Network
    codes: int  # code elements compared
    different: int  # of which unlike the source
    output_error: float  # largest difference relative to the largest output
    kinds: tuple[str, ...]  # of the steps


def source_values(model: onnx.ModelProto, feeds: dict[str, Array]) -> dict[str, Array]:
    """Every tensor of the source graph, by ONNX Runtime with its optimisations off."""
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    known = {o.name for o in probe.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in known:
                probe.graph.output.append(helper.make_empty_tensor_value_info(name))
    names = [o.name for o in probe.graph.output]
    values = interpreter.run_onnx(probe.SerializeToString(), feeds)
    return {**feeds, **dict(zip(names, values, strict=True))}


def compare(model: onnx.ModelProto, feeds: dict[str, Array]) -> Agreement:
    """Convert a model and compare every code and every output with the source."""
    network = convert(model)
    values = interpreter.trace(network, feeds)
    wanted = source_values(model, feeds)
    total = different = 0
    for name, image in values.items():
        tensor, colon, axis = name.partition(":codes")
        if not colon or "/" in axis or tensor not in wanted:
            continue
        codes = interpreter.codes_of(network, name)
        index = np.searchsorted(np.array(codes.integers), image)
        real = np.array(codes.values, np.float32)[index]
        truth = interpreter.to_image(wanted[tensor], channels_last=axis == "2")
        truth = truth.reshape(real.shape)  # a flattened image keeps its order
        total += truth.size
        different += int((truth != real).sum())
    error = max(_error(values[p.name], wanted[p.name]) for p in network.outputs)
    kinds = tuple(type(step).__name__ for step in network.steps)
    return Agreement(network, total, different, error, kinds)


def _error(got: Array, wanted: Array) -> float:
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    if not got.size:
        return 0.0
    difference = np.abs(got.astype(np.float64) - wanted)
    return float(difference.max() / max(np.abs(wanted).max(), 1e-30))


def normal(*shape: int, seed: int = 5, scale: float = 1.0) -> Array:
    """Normal float32 numbers."""
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)
