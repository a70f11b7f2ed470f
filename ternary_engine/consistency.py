"""Whether the parts of a network that comes from a file fit one another.

Kernels index memory by what layers and steps say. A network that the converter made fits by
construction; of one from a file, everything that they rely on is checked here, before any of it
runs. What depends on the sizes of a user's input is checked by the operations themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ternary_engine.codes import MAX_BITS, Codes
from ternary_engine.encoding import check_pairs, has_zero
from ternary_engine.exceptions import FormatError
from ternary_engine.layer import Layer
from ternary_engine.network import Network, Port
from ternary_engine.steps import (
    Crossbar,
    Decode,
    Digital,
    Encode,
    Geometry,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    RealCrossbar,
    ScaleReal,
    Step,
    Threshold,
)
from ternary_engine.typed import mistyped

__all__ = ["check"]

FORMS = ("NCHW", "NCL", "NC", "NTC")
BATCHING = ("free", "single", "whole")
MOST_PLANES = 6  # trit planes of a weight
LARGEST_SUM = (1 << 31) - 1
MOST_AXES = 32
LARGEST_SIZE = 1 << 24  # of a window, in one direction


@dataclass(frozen=True)
class _Value:
    """What is known of a named value.

    Attributes:
        kind: ``real``, ``codes`` or ``sums``.
        channels: how many; None where the input decides.
        codes: of codes. reach: largest magnitude of sums. apart: two sums per output.
    """

    kind: str
    channels: int | None = None
    codes: Codes | None = None
    reach: int = 0
    apart: bool = False


def check(network: Network) -> None:
    """Refuse a network whose parts do not fit.

    Raises:
        FormatError: what does not fit, and where.
    """
    place = mistyped(network)
    _require(not place, f"{place} holds a value of the wrong type")
    _require(network.batching in BATCHING, f"batching {network.batching!r} is unknown")
    _check_ports(network)
    layers = {layer.name: layer for layer in network.layers}
    _require(len(layers) == len(network.layers), "two layers have the same name")
    for layer in network.layers:
        _check_layer(layer)
    values = {port.name: _Value("real") for port in network.inputs}
    for number, step in enumerate(network.steps):
        try:
            made = _CHECKS[type(step)](step, values, layers)
        except FormatError as error:
            raise FormatError(f"step {number} ({type(step).__name__}): {error}") from error
        for name, value in made.items():
            _require(name not in values, f"step {number}: value {name!r} is made twice")
            values[name] = value
    for port in network.outputs:
        fits = port.name in values and values[port.name].kind == "real"
        _require(fits, f"no step makes the output {port.name!r}")


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise FormatError(problem)


def _check_ports(network: Network) -> None:
    names = [port.name for port in network.inputs]
    _require(len(set(names)) == len(names), "two inputs have the same name")
    for port in (*network.inputs, *network.outputs):
        _require(_is_numeric(port), f"port {port.name!r}: dtype {port.dtype!r} is no number")
        sizes = [size for size in port.shape if size is not None]
        _require(all(size >= 0 for size in sizes), f"port {port.name!r}: a size is negative")
        _require(len(port.shape) <= MOST_AXES, f"port {port.name!r}: too many axes")


def _is_numeric(port: Port) -> bool:
    try:
        return np.dtype(port.dtype).kind in "biufcTUO" and port.dtype == np.dtype(port.dtype).name
    except TypeError:
        return (
            port.dtype in ("bfloat16", "int4", "uint4", "int2", "uint2") or "float8" in port.dtype
        )


# ---- layers ----


def _check_layer(layer: Layer) -> None:
    where = f"layer {layer.name!r}"
    _require(all(size >= 0 for size in layer.shape), f"{where}: a size is negative")
    crossbar = layer.placement == "crossbar"
    _require(crossbar == (layer.pairs is not None), f"{where}: pairs and placement disagree")
    if layer.shape or crossbar:
        inside = 0 <= layer.output_axis < len(layer.shape)
        _require(inside, f"{where}: output axis {layer.output_axis} of shape {layer.shape}")
    if layer.pairs is None:
        return
    size = math.prod(layer.shape)
    planes, row = (*layer.pairs.shape, 0, 0)[:2] if layer.pairs.ndim == 2 else (0, 0)
    fits = 1 <= planes <= MOST_PLANES and row == -(-size // 4)
    _require(fits, f"{where}: {layer.pairs.shape} pairs for weights of shape {layer.shape}")
    _check_scales(layer, where)
    for plane in layer.pairs:
        check_pairs(plane, layer.shape)
        nonzero = not (layer.binary and has_zero(plane, layer.shape))
        _require(nonzero, f"{where}: a binary layer stores a 0")


def _check_scales(layer: Layer, where: str) -> None:
    shape = layer.scales.shape
    counts = (1, layer.outputs)
    fits = len(shape) in (1, 2) and shape[0] in counts and shape[1:] in ((), (2,))
    _require(fits, f"{where}: scales of shape {shape} for {layer.outputs} outputs")
    _require(len(shape) == 1 or layer.planes == 1, f"{where}: two scales, several planes")
    _require(bool(np.isfinite(layer.scales).all()), f"{where}: a scale is NaN or infinite")


# ---- steps ----

Values = dict[str, _Value]
Layers = dict[str, Layer]


def _source(name: str, values: Values, kind: str) -> _Value:
    value = values.get(name)
    _require(value is not None, f"nothing makes its source {name!r}")
    assert value is not None
    _require(value.kind == kind, f"its source {name!r} is {value.kind}, not {kind}")
    return value


def _check_codes(codes: Codes) -> None:
    simple = codes.kind in ("binary", "ternary")
    _require(1 <= codes.bits <= (1 if simple else MAX_BITS), f"a code of {codes.bits} bits")
    _require(math.isfinite(codes.scale) and codes.scale > 0, f"a code with step {codes.scale}")
    count = len(codes.values)
    if simple:
        _require(count == (2 if codes.kind == "binary" else 3), f"a code of {count} values")
    else:
        _require(1 <= count <= 1 << codes.bits, f"{count} values in {codes.bits} bits")
    _require(all(map(math.isfinite, codes.values)), "a code's value is NaN or infinite")


def _check_rows(rows: int, channels: int | None, what: str, *, one: bool) -> None:
    fits = (one and rows == 1) or (rows == channels) or (channels is None and rows > 0)
    _require(fits, f"{what} for {rows} channels; its source has {channels}")


def _check_thresholds(step: Encode | Threshold, channels: int | None, *, one: bool) -> None:
    _check_codes(step.codes)
    thresholds = step.thresholds
    fits = thresholds.ndim == 2 and thresholds.shape[1] == len(step.codes.values) - 1
    _require(fits, f"thresholds {thresholds.shape} for {len(step.codes.values)} values")
    _check_rows(len(thresholds), channels, "thresholds", one=one)
    turned = step.decreasing.shape
    _require(turned == (len(thresholds),), f"directions {turned} for thresholds {thresholds.shape}")
    falls = thresholds[:, 1:] < thresholds[:, :-1]
    _require(not falls.any(), "thresholds are not ascending")
    lost = np.isnan(thresholds[:, :-1]) & ~np.isnan(thresholds[:, 1:])
    _require(not lost.any(), "thresholds are not ascending: NaN before a number")


def _encode(step: Encode, values: Values, layers: Layers) -> Values:
    _source(step.source, values, "real")
    _check_thresholds(step, None, one=True)
    _require(not (step.channels_last and step.flatten), "channels last, and flattened")
    channels = len(step.thresholds) if len(step.thresholds) > 1 else None
    return {step.target: _Value("codes", channels, step.codes)}


def _check_geometry(geometry: Geometry, *, pool: bool = False) -> None:
    whole = (*geometry.kernel, *geometry.strides, *geometry.dilations, geometry.groups)
    fits = min(whole) >= 1 and max(whole) <= LARGEST_SIZE
    fits = fits and min(geometry.pads) >= 0 and max(geometry.pads) <= LARGEST_SIZE
    _require(fits, f"a window that makes no sense: {geometry}")
    if pool:
        for axis in range(2):
            span = (geometry.kernel[axis] - 1) * geometry.dilations[axis]
            _require(
                max(geometry.pads[axis::2]) <= span, f"a window may lie in the padding: {geometry}"
            )


def _layer(name: str, layers: Layers) -> Layer:
    layer = layers.get(name)
    _require(layer is not None and layer.pairs is not None, f"no crossbar layer {name!r}")
    assert layer is not None
    return layer


def _inputs_each(layer: Layer, geometry: Geometry) -> int:
    """Weights of one output at one tap."""
    each = math.prod(layer.shape) // max(layer.outputs, 1)
    taps = math.prod(geometry.kernel)
    fits = layer.outputs > 0 and each > 0 and each % taps == 0
    _require(fits, f"weights {layer.shape} under a window {geometry.kernel}")
    _require(layer.outputs % geometry.groups == 0, f"{layer.outputs} outputs in {geometry.groups}")
    return each // taps


def _crossbar(step: Crossbar, values: Values, layers: Layers) -> Values:
    source, layer = _source(step.source, values, "codes"), _layer(step.layer, layers)
    _check_geometry(step.geometry)
    inputs = _inputs_each(layer, step.geometry) * step.geometry.groups
    fits = source.channels in (None, inputs)
    _require(fits, f"weights for {inputs} channels; its source has {source.channels}")
    two = layer.scales.ndim == 2
    _require(step.apart == two, "one sum for two scales, or two sums for one")
    codes = source.codes
    assert codes is not None
    widest = max(abs(codes.integers[0]), abs(codes.integers[-1]))
    if codes.kind == "signed":  # its bit planes err on their own
        widest = (1 << codes.bits) - 1
    each = math.prod(layer.shape) // layer.outputs
    reach = each * widest * (3**layer.planes - 1) // 2
    _require(reach <= LARGEST_SUM, f"sums of up to {reach:,} do not fit 32 bits")
    channels = layer.outputs * (2 if step.apart else 1)
    return {step.target: _Value("sums", channels, reach=reach, apart=step.apart)}


def _real_crossbar(step: RealCrossbar, values: Values, layers: Layers) -> Values:
    _source(step.source, values, "real")
    _check_geometry(step.geometry)
    _inputs_each(_layer(step.layer, layers), step.geometry)
    _require(step.form in FORMS, f"form {step.form!r}")
    _require(math.isfinite(step.factor), f"factor {step.factor}")
    return {step.target: _Value("real")}


def _sums(name: str, values: Values) -> _Value:
    source = _source(name, values, "sums")
    _require(not source.apart, "its source has two sums per output")
    return source


def _threshold(step: Threshold, values: Values, layers: Layers) -> Values:
    source = _sums(step.source, values)
    _check_thresholds(step, source.channels, one=False)
    return {step.target: _Value("codes", source.channels, step.codes)}


def _check_table(step: LookupCodes | LookupReal, source: _Value) -> None:
    table = step.table
    _require(table.ndim == 2, f"a table of shape {table.shape}")
    _check_rows(len(table), source.channels, "a table", one=False)
    last = step.minimum + table.shape[1] - 1
    fits = step.minimum <= -source.reach and last >= source.reach
    _require(fits, f"a table from {step.minimum} to {last}; sums reach {source.reach}")


def _lookup_codes(step: LookupCodes, values: Values, layers: Layers) -> Values:
    source = _sums(step.source, values)
    _check_codes(step.codes)
    _check_table(step, source)
    known = np.isin(step.table, np.array(step.codes.integers, np.int16)).all()
    _require(bool(known), "a table with numbers that the code has not")
    return {step.target: _Value("codes", source.channels, step.codes)}


def _lookup_real(step: LookupReal, values: Values, layers: Layers) -> Values:
    _check_table(step, _sums(step.source, values))
    _require(step.form in FORMS, f"form {step.form!r}")
    return {step.target: _Value("real")}


def _scale_real(step: ScaleReal, values: Values, layers: Layers) -> Values:
    source = _source(step.source, values, "sums")
    _require(source.apart == (step.negative is not None), "one scale for two sums, or two for one")
    channels = (source.channels or 0) // (2 if source.apart else 1)
    for name, array in (("scale", step.scale), ("offset", step.offset), ("-1", step.negative)):
        fits = array is None or array.shape == (channels,)
        _require(fits, f"{name} of another shape than [{channels}]")
    _require(step.form in FORMS, f"form {step.form!r}")
    return {step.target: _Value("real")}


def _pool(step: Pool, values: Values, layers: Layers) -> Values:
    source = _source(step.source, values, "codes")
    _check_geometry(step.geometry, pool=True)
    _require(step.geometry.groups == 1, "a pool in groups")
    _require(step.smallest.ndim == 1, f"directions of shape {step.smallest.shape}")
    _check_rows(len(step.smallest), source.channels, "directions", one=True)
    return {step.target: source}


def _join(step: Join, values: Values, layers: Layers) -> Values:
    _require(len(step.sources) > 0, "nothing to join")
    parts = [_source(name, values, "codes") for name in step.sources]
    _require(all(part.codes == parts[0].codes for part in parts), "sources of different codes")
    counts = [part.channels for part in parts]
    known = [count for count in counts if count is not None]
    channels = sum(known) if len(known) == len(counts) else None
    return {step.target: _Value("codes", channels, parts[0].codes)}


def _decode(step: Decode, values: Values, layers: Layers) -> Values:
    _source(step.source, values, "codes")
    _require(step.form in FORMS, f"form {step.form!r}")
    return {step.target: _Value("real")}


def _digital(step: Digital, values: Values, layers: Layers) -> Values:
    for name in step.sources:
        _source(name, values, "real")
    _require(len(set(step.targets)) == len(step.targets), "a target twice")
    return dict.fromkeys(step.targets, _Value("real"))


_CHECKS: dict[type[Any], Callable[[Any, Values, Layers], Values]] = {
    Encode: _encode,
    Crossbar: _crossbar,
    RealCrossbar: _real_crossbar,
    Threshold: _threshold,
    LookupCodes: _lookup_codes,
    LookupReal: _lookup_real,
    ScaleReal: _scale_real,
    Pool: _pool,
    Join: _join,
    Decode: _decode,
    Digital: _digital,
}
assert set(_CHECKS) == set(Step.__args__)
