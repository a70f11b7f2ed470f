"""A slow, plain interpreter of a network's steps: the oracle of the runtime.

Codes and sums are int64 arrays (sample, channel, row, column); nothing is packed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from ternary_engine import steps as s
from ternary_engine.converters.exact_integers import exact
from ternary_engine.encoding import pack_trits
from ternary_engine.layer import Layer
from ternary_engine.network import Network

Array = npt.NDArray[Any]


def run(network: Network, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run a network; all values of all steps are kept until the end."""
    values = trace(network, inputs)
    return {port.name: values[port.name] for port in network.outputs}


def trace(network: Network, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Run a network and give every named value."""
    values: dict[str, Array] = dict(inputs)
    layers = {layer.name: layer for layer in network.layers}
    single = network.batching == "single"
    for step in network.steps:
        match step:
            case s.Encode():
                values[step.target] = encode(step, values[step.source])
            case s.Crossbar():
                layer = layers[step.layer]
                sums = crossbar_apart if step.apart else crossbar
                values[step.target] = sums(step.geometry, layer, values[step.source])
            case s.RealCrossbar():
                feeds = {
                    step.source: values[step.source],
                    "weights": layers[step.layer].real_weights(),
                }
                (values[step.target],) = run_onnx(step.model, feeds)
            case s.Threshold():
                values[step.target] = threshold(step, values[step.source])
            case s.LookupCodes():
                values[step.target] = lookup(step.table, step.minimum, values[step.source])
            case s.LookupReal():
                table = lookup(step.table, step.minimum, values[step.source])
                values[step.target] = from_image(table, step.form)
            case s.ScaleReal():
                values[step.target] = scale(step, values[step.source])
            case s.Pool():
                values[step.target] = pool(step, values[step.source])
            case s.Join():
                values[step.target] = np.concatenate([values[n] for n in step.sources], axis=1)
            case s.Decode():
                values[step.target] = decode(step, codes_of(network, step.source), values)
            case s.Digital():
                feeds = {name: values[name] for name in step.sources}
                results = digital(step.model, feeds, single=single)
                values.update(zip(step.targets, results, strict=True))
    return values


def codes_of(network: Network, name: str) -> Any:
    """The code of a value."""
    for step in network.steps:
        if getattr(step, "target", None) == name:
            if isinstance(step, s.Pool | s.Join):
                return codes_of(network, s.sources(step)[0])
            return step.codes
    raise KeyError(name)


# ---- real values and images ----


def to_image(real: Array, *, channels_last: bool = False) -> Array:
    """(N, C), (N, C, L), (N, C, H, W) or (N, T, C) -> (N, C, H, W)."""
    if channels_last:
        real = np.moveaxis(real, -1, 1).reshape(len(real), real.shape[-1], -1)
    if real.ndim == 2:
        return real[:, :, None, None]
    if real.ndim == 3:
        return real[:, :, None, :]
    return real


def from_image(image: Array, form: str) -> Array:
    """(N, C, H, W) -> the layout of the source graph."""
    if form == "NCHW":
        return image
    if form == "NC":
        return image[:, :, 0, 0]
    assert image.shape[2] == 1
    return image[:, :, 0] if form == "NCL" else np.moveaxis(image[:, :, 0], 1, 2)


def _indices_to_codes(index: Array, codes: Any) -> Array:
    return np.array(codes.integers, np.int64)[index]


def _count(image: Array, thresholds: Array, decreasing: Array, levels: int) -> Array:
    """Number of thresholds reached per element, turned round on decreasing channels."""
    rows = np.broadcast_to(thresholds, (image.shape[1], thresholds.shape[1]))
    count = np.zeros(image.shape, np.int64)
    for k in range(rows.shape[1]):
        count += image >= rows[:, k][None, :, None, None]
    turn = np.broadcast_to(decreasing, image.shape[1])[None, :, None, None]
    return np.where(turn, levels - 1 - count, count)


def encode(step: s.Encode, real: Array) -> Array:
    if step.flatten:
        real = real.reshape(len(real), -1)
    image = to_image(np.asarray(real, np.float32), channels_last=step.channels_last)
    index = _count(image, step.thresholds, step.decreasing, len(step.codes.values))
    return _indices_to_codes(index, step.codes)


def threshold(step: s.Threshold, sums: Array) -> Array:
    index = _count(sums, step.thresholds, step.decreasing, len(step.codes.values))
    return _indices_to_codes(index, step.codes)


def lookup(table: Array, minimum: int, sums: Array) -> Array:
    channels = np.arange(sums.shape[1])[None, :, None, None]
    found = table[channels, sums - minimum]
    return found.astype(np.int64) if found.dtype == np.int16 else found


def scale(step: s.ScaleReal, sums: Array) -> Array:
    spread = (None, slice(None), None, None)
    if step.negative is None:
        real = sums.astype(np.float32) * step.scale[spread]
    else:
        plus, minus = (sums[:, side::2].astype(np.float32) for side in (0, 1))
        real = plus * step.scale[spread] - minus * step.negative[spread]
    if step.offset is not None:
        real = real + step.offset[spread]
    return from_image(real, step.form)


def decode(step: s.Decode, codes: Any, values: Mapping[str, Array]) -> Array:
    integers = list(codes.integers)
    table = np.array(codes.values, np.float32)
    image = values[step.source]
    index = (image + 1) // 2 if codes.kind == "binary" else image - integers[0]
    return from_image(table[index], step.form)


# ---- windows ----


def _output_size(size: int, before: int, after: int, k: int, stride: int, dilation: int,
                 *, ceil: bool) -> int:  # fmt: skip
    room = size + before + after - ((k - 1) * dilation + 1)
    count = -(-room // stride) + 1 if ceil else room // stride + 1
    if ceil and (count - 1) * stride >= size + before:
        count -= 1  # the last window would start in the padding behind
    return count


def _windows(image: Array, g: s.Geometry, fill: int) -> list[Array]:
    """The image seen through each tap of the window, padded with a number."""
    top, left, bottom, right = g.pads
    rows = _output_size(image.shape[2], top, bottom, g.kernel[0], g.strides[0], g.dilations[0],
                        ceil=g.ceil_mode)  # fmt: skip
    columns = _output_size(image.shape[3], left, right, g.kernel[1], g.strides[1], g.dilations[1],
                           ceil=g.ceil_mode)  # fmt: skip
    extra = (g.strides[0], g.strides[1]) if g.ceil_mode else (0, 0)
    widths = [(0, 0), (0, 0), (top, bottom + extra[0]), (left, right + extra[1])]
    padded = np.pad(image, widths, constant_values=fill)
    taps = []
    for i in range(g.kernel[0]):
        for j in range(g.kernel[1]):
            r, c = i * g.dilations[0], j * g.dilations[1]
            taps.append(
                padded[
                    :,
                    :,
                    r : r + (rows - 1) * g.strides[0] + 1 : g.strides[0],
                    c : c + (columns - 1) * g.strides[1] + 1 : g.strides[1],
                ]
            )
    return taps


def filters(layer: Layer, geometry: s.Geometry) -> Array:
    """int64 weights as (outputs, channels per group, kernel rows, kernel columns)."""
    assert layer.weights is not None
    codes = np.moveaxis(layer.weights.astype(np.int64), layer.output_axis, 0)
    return codes.reshape(len(codes), -1, *geometry.kernel)


def crossbar(geometry: s.Geometry, layer: Layer, image: Array) -> Array:
    """Integer sums, tap by tap."""
    weights = filters(layer, geometry)
    groups = geometry.groups
    outputs, inputs = len(weights) // groups, weights.shape[1]
    assert image.shape[1] == inputs * groups, (image.shape, weights.shape, groups)
    total = 0
    taps = _windows(image.astype(np.int64), geometry, 0)
    for index, tap in enumerate(taps):
        i, j = divmod(index, geometry.kernel[1])
        parts = []
        for group in range(groups):
            w = weights[group * outputs : (group + 1) * outputs, :, i, j]
            x = tap[:, group * inputs : (group + 1) * inputs]
            # float64 is exact for these integers and much faster than int64
            product = np.tensordot(w.astype(np.float64), x.astype(np.float64), axes=(1, 1))
            parts.append(np.moveaxis(product, 0, 1))
        total = total + np.concatenate(parts, axis=1)
    return np.rint(total).astype(np.int64)


def crossbar_apart(geometry: s.Geometry, layer: Layer, image: Array) -> Array:
    """Sums over the cells that store +1, and over those that store -1, in turn."""
    sides = []
    for trits in (layer.trits > 0, -1 * (layer.trits < 0)):
        part = replace(layer, pairs=np.stack([pack_trits(p.astype(np.int8)) for p in trits]))
        sides.append(crossbar(geometry, part, image))
    sums = np.stack([sides[0], -sides[1]], axis=2)
    return sums.reshape(len(sums), -1, *sums.shape[3:])


def pool(step: s.Pool, image: Array) -> Array:
    spread = np.broadcast_to(step.smallest, image.shape[1])[None, :, None, None]
    turned = np.where(spread, -image, image)
    best = np.max(np.stack(_windows(turned, step.geometry, -(1 << 40))), axis=0)
    return np.where(spread, -best, best)


# ---- ONNX Runtime ----


def run_onnx(model: bytes, feeds: Mapping[str, Array]) -> list[Array]:
    """Run a model with every optimisation off, and integer products exact on any processor."""
    if b"Q" in model or b"MatMulInteger" in model:
        model = exact(onnx.ModelProto.FromString(model)).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, dict(feeds)))


def digital(model: bytes, feeds: Mapping[str, Array], *, single: bool) -> list[Array]:
    """Run a piece on the whole batch, or one sample at a time."""
    if not single or not feeds:
        return run_onnx(model, feeds)
    count = len(next(iter(feeds.values())))
    parts = [run_onnx(model, {n: v[i : i + 1] for n, v in feeds.items()}) for i in range(count)]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
