"""Evaluates a network's steps one by one on plain integers; knows no packing, chunks or threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from ternary_engine import steps
from ternary_engine.codes import Codes
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from tests.oracles import products

Array = npt.NDArray[Any]


def evaluate(network: Network, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Every named value of a run: real arrays, or integers (N, C, H, W)."""
    values: dict[str, Array] = dict(inputs)
    codes: dict[str, Codes] = {}
    layers = {layer.name: layer for layer in network.layers}
    for step in network.steps:
        if isinstance(step, steps.Digital | steps.RealCrossbar):
            values.update(_digital(step, values, layers))
            continue
        source = values[step.source]
        if isinstance(step, steps.Encode | steps.Threshold | steps.LookupCodes):
            codes[step.target] = step.codes
        elif isinstance(step, steps.Pool):
            codes[step.target] = codes[step.source]
        values[step.target] = _one(step, source, codes.get(step.source), layers)
    return values


def _one(step: steps.Step, source: Array, codes: Codes | None, layers: dict[str, Layer]) -> Array:
    if isinstance(step, steps.Encode):
        real = np.moveaxis(source, -1, 1) if step.channels_last else source
        integers = products.encode(real, step.thresholds, step.decreasing, step.codes)
        if step.channels_last:
            return integers.reshape(*integers.shape[:2], 1, -1)
        return integers.reshape(*integers.shape[:2], *(1, 1, *integers.shape[2:])[-2:])
    if isinstance(step, steps.Crossbar):
        return products.convolve(source, windows(layers[step.layer], step.geometry), step.geometry)
    if isinstance(step, steps.Threshold):
        return products.encode(source, step.thresholds, step.decreasing, step.codes)
    if isinstance(step, steps.LookupCodes):
        return products.look_up(source, step.table, step.minimum).astype(np.int64)
    if isinstance(step, steps.LookupReal):
        return in_form(products.look_up(source, step.table, step.minimum), step.form)
    if isinstance(step, steps.ScaleReal):
        return in_form(products.scale(source, step.scale, step.offset), step.form)
    if isinstance(step, steps.Pool):
        return products.pool(source, step.geometry, step.smallest)
    assert isinstance(step, steps.Decode)
    assert codes is not None
    return in_form(products.decode(source, codes), step.form)


def windows(layer: Layer, geometry: steps.Geometry) -> Array:
    """Integer weights as (outputs, channels of a group, kernel rows, kernel columns)."""
    weights = layer.weights
    assert weights is not None
    outputs_first = np.moveaxis(weights.astype(np.int64), layer.output_axis, 0)
    return outputs_first.reshape(layer.outputs, -1, *geometry.kernel)


def in_form(image: Array, form: str) -> Array:
    """An image (N, C, H, W) in the shape that the source graph gives it."""
    if form == "NCHW":
        return image
    if form == "NC":
        return image.reshape(image.shape[:2])
    line = image[:, :, 0]
    return line if form == "NCL" else line.transpose(0, 2, 1)


def _digital(
    step: steps.Digital | steps.RealCrossbar, values: Mapping[str, Array], layers: dict[str, Layer]
) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(step.model, options)
    if isinstance(step, steps.RealCrossbar):
        feeds = {step.source: values[step.source], "weights": layers[step.layer].real_weights()}
        return {step.target: session.run([step.target], feeds)[0]}
    feeds = {name: values[name] for name in step.sources}
    return dict(zip(step.targets, session.run(list(step.targets), feeds), strict=True))
