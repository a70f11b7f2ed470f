"""Chips whose cells have chances given by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

import ternary_engine as te
from ternary_engine.chips.cells import Programmed
from ternary_engine.chips.chip import Chip
from ternary_engine.chips.weak import WeakCells
from ternary_engine.layer import Layer
from ternary_engine.network import Network

Float64Array = npt.NDArray[np.float64]

DESIGN = te.ChipDesign(device=te.Device(), sense=te.SenseAmp())


def chip_of(network: Network, chances: dict[str, Float64Array]) -> Chip:
    """A chip of a network.

    Args:
        network: what it stores.
        chances: by layer, [planes, *shape, 3], of being read as -1, 0, +1.
    """
    layers, weak = [], {}
    for layer in network.layers:
        if layer.name in chances:
            layer, weak[layer.name] = sensed(layer, chances[layer.name])
        layers.append(layer)
    fields = {f.name: getattr(network, f.name) for f in dataclasses.fields(Network)}
    fields["layers"] = tuple(layers)
    took = {name: Programmed(0, 0, 0) for name in chances}
    return Chip(
        **fields, stored_layers=network.layers, design=DESIGN, seed=0, weak=weak, programmed=took
    )


def sensed(layer: Layer, chances: Float64Array) -> tuple[Layer, WeakCells]:
    usual = chances.argmax(axis=-1).astype(np.int8) - 1
    plane, cell = np.nonzero((chances.max(axis=-1) < 1.0).reshape(layer.planes, -1))
    where = (plane, cell)
    weak = WeakCells(
        plane.astype(np.int32),
        cell,
        usual.reshape(layer.planes, -1)[where],
        chances.reshape(layer.planes, -1, 3)[where],
    )
    return layer.with_trits(usual), weak


def mixed_chances(layer: Layer, random: np.random.Generator, *, binary: bool) -> Float64Array:
    """Chances of every kind: certain, even, uneven, of two values and of three, rare."""
    size = layer.cells
    likely = np.zeros((size, 3))
    first = random.integers(0, 3, size)
    if binary:
        first = random.choice([0, 2], size)
    step = 2 if binary else random.integers(1, 3, size)
    second, third = (first + step) % 3, (first - step) % 3
    if binary:
        second, third = 2 - first, np.ones(size, np.int64)
    levels = np.array([0.0, 0.5, 0.3, 0.05, 0.01, 2.0**-8, 1e-3, 2e-4, 1e-5, 1e-7])
    other = random.choice(levels, size)
    more = np.where((random.random(size) < 0.3) & (other < 0.4), 0.5 * other, 0.0) * (not binary)
    rows = np.arange(size)
    likely[rows, second] = other
    likely[rows, third] += more
    likely[rows, first] = 1.0 - other - more
    return likely.reshape(layer.planes, *layer.shape, 3)
