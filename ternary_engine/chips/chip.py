"""A programmed chip: a network of which every cell has its own resistances."""

from __future__ import annotations

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ternary_engine.chips.cells import LayerCells, Programmed
from ternary_engine.chips.design import ChipDesign, Repair
from ternary_engine.chips.table import CellTable, layer_rates, layer_table, misreads
from ternary_engine.chips.weak import WeakCells, read_errors
from ternary_engine.device import STATES, Drift
from ternary_engine.errors import LayerErrors, check_seed
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from ternary_engine.physics import checks
from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.offsets import offset_table
from ternary_engine.physics.programming import REFERENCE

__all__ = ["Chip", "make_chip", "warn_if_useless"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Chip(Network):
    """A network on a chip, from `Network.program` with ``device`` and ``sense``.

    Its ``layers`` hold what every cell is usually read as. `run` draws the reads of the weak
    cells, those that are read otherwise with a chance of 2**-64 or more; it takes a ``seed`` and
    no ``errors``. With ``record``, its outputs are those without, and ``stored`` of the record is
    what a cell is usually read as.

    Attributes:
        stored_layers: the layers that were programmed.
        design: what the chip is made of; its device has the age of the chip.
        seed: names the chip: its devices with their faults, its amplifiers.
        cycle: names the programming.
        weak: by layer, the cells that are not always read alike; layers without any are absent.
        programmed: by layer, what programming took.
    """

    stored_layers: tuple[Layer, ...]
    design: ChipDesign
    seed: int
    cycle: int = 0
    weak: Mapping[str, WeakCells]
    programmed: Mapping[str, Programmed]

    @functools.cached_property
    def stored(self) -> Network:
        """The network that was programmed."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(Network)}
        return Network(**fields | {"layers": self.stored_layers})

    @functools.cached_property
    def read_errors(self) -> Mapping[str, LayerErrors]:
        """Errors of every read, by layer; see `Network.read_errors`."""
        return {
            layer.name: read_errors(layer, self.weak[layer.name])
            for layer in self.layers
            if layer.name in self.weak
        }

    def reprogram(self, seed: int | None = None) -> Chip:
        """The same chip with the same weights, programmed anew just now.

        Devices, their faults and the amplifiers stay; what does not stay with a device is drawn
        afresh, see `Device.device_share`.

        Args:
            seed: names the programming; None takes the next number.
        """
        cycle = self.cycle + 1 if seed is None else check_seed(seed)
        device = dataclasses.replace(self.design.device, age=0.0, age_temperature=REFERENCE)
        design = dataclasses.replace(self.design, device=device)
        return make_chip(self.stored, design, self.seed, cycle)

    def age(self, seconds: float, temperature: float = REFERENCE) -> Chip:
        """The same chip some time later.

        Times at different temperatures add up as the drift does: what came before counts as the
        time that would have done the same at this temperature.

        Args:
            seconds: from now on.
            temperature: degrees Celsius, at which it was kept.
        """
        checks.at_least("seconds", seconds, 0.0, "seconds")
        checks.kelvin("temperature", temperature)
        device = self.design.device
        drift = device.drift or Drift()
        before = device.age
        if before:
            before *= drift.time_constant(temperature) / drift.time_constant(device.age_temperature)
        aged = dataclasses.replace(self.design, device=device.aged(before + seconds, temperature))
        return make_chip(self.stored, aged, self.seed, self.cycle)

    def program(self, **arguments: Any) -> Network:
        """Program the stored network onto another chip; see `Network.program`."""
        return self.stored.program(**arguments)

    def resistances(self, layer: str) -> tuple[FloatArray, FloatArray]:
        """Ohms of the devices at BL and at BLb of a layer's cells; float64 [planes, *shape]."""
        return self._cells(layer).resistances()

    def offsets(self, layer: str) -> FloatArray:
        """Volts, offset of the amplifier of each of a layer's cells; float64 [planes, *shape]."""
        return self._cells(layer).offsets()

    def misreads(self, layer: str) -> FloatArray:
        """Chance of each of a layer's cells to be read wrong; float64 [planes, *shape]."""
        stored, usual = self._layers(layer)
        return misreads(stored, usual, self.weak.get(layer))

    def weak_cells(
        self, layer: str | None = None, *, above: float = 0.0, always: bool = True
    ) -> CellTable:
        """Cells that are read wrong, now and then or always.

        Args:
            layer: its name; None for all.
            above: only those that are read wrong more often than this.
            always: also those that are always read wrong; defaults to True.
        """
        names = list(self.programmed) if layer is None else [layer]
        tables = []
        for name in names:
            cells, (_, usual) = self._cells(name), self._layers(name)
            tables.append(layer_table(cells, usual, self.weak.get(name), above, wrong_ones=always))
        if not tables:
            raise ValueError("no layer is on the crossbar: the chip has no cells")
        return CellTable.joined(tables)

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each crossbar layer: cells, faults, mean error rates, programming.

        ``wrong`` counts the cells that are usually read as another trit than stored; ``weak`` those
        that are not always read alike; ``sign_flip``, ``drop`` and ``rise`` are means over cells
        of one read, or of the median of several; None where there is no such cell.
        """
        return [self._row(name) for name in self.programmed]

    def _row(self, name: str) -> dict[str, Any]:
        (stored, usual), cells = self._layers(name), self._cells(name)
        table, took = layer_rates(stored, usual, self.weak.get(name)), self.programmed[name]
        stuck = cells.stuck()
        ones = (stored.trits == -1).sum(), (stored.trits == 1).sum()
        weights = [float(one) / max(sum(map(int, ones)), 1) for one in ones]
        mean = {
            "sign_flip": _mean(weights, (table[0, 2], table[2, 0])),
            "drop": _mean(weights, (table[0, 1], table[2, 1])),
            "rise": _mean([1.0], (1.0 - table[1, 1],)),
        }
        return {
            "layer": name,
            "cells": stored.cells,
            "stuck_lrs": stuck["lrs"],
            "stuck_hrs": stuck["hrs"],
            "wrong": int((stored.trits != usual.trits).sum()),
            "weak": len(self.weak[name]) if name in self.weak else 0,
            **mean,
            "pulses": took.pulses,
            "failed": took.failed,
            "energy_J": took.pulses * self.design.device.programming_energy,
        }

    def price(self) -> dict[str, float]:
        """What the chip takes: reads and cells that repair adds, pulses and energy.

        ``senses_per_read``: reads of a cell for one that counts. ``cells``: that hold weights.
        ``spare_cells``: in spare lines. ``tables_bits``: that say which line and input lies where
        and which line is negated. ``pulses``, ``energy_J``: of programming; ``test_pulses``: of
        finding the stuck devices, each set and reset once, where repair needs to know.
        """
        repair = self.design.repair or Repair()
        spare = bits = 0
        for name in self.programmed:
            layer = self._layers(name)[0]
            lines = layer.outputs * layer.planes
            inputs = layer.cells // lines
            spare += repair.spares * inputs
            bits += lines * int(repair.polarity)
            bits += lines * (lines + repair.spares - 1).bit_length() * int(repair.lines)
            bits += inputs * (self.width - 1).bit_length() * int(repair.inputs)
        cells_in_all = sum(one.devices for one in self.programmed.values()) // 2
        pulses = sum(one.pulses for one in self.programmed.values())
        return {
            "senses_per_read": self.design.votes,
            "cells": cells_in_all,
            "spare_cells": spare,
            "tables_bits": bits,
            "pulses": pulses,
            "energy_J": pulses * self.design.device.programming_energy,
            "test_pulses": 2 * (cells_in_all + spare) * int(repair.moves),
        }

    @property
    def width(self) -> int:
        """Inputs of an array."""
        down, across = self.design.array
        return across if self.design.outputs == "rows" else down

    def _layers(self, name: str) -> tuple[Layer, Layer]:
        """A layer as stored, and as usually read."""
        for stored, usual in zip(self.stored_layers, self.layers, strict=True):
            if stored.name == name and name in self.programmed:
                return stored, usual
        listed = ", ".join(map(repr, self.programmed)) or "none"
        raise ValueError(f"layer: no crossbar layer {name!r}; the crossbar layers are {listed}")

    def _cells(self, name: str) -> LayerCells:
        return LayerCells(self._layers(name)[0], self.design, self.seed, self.cycle)


def _mean(weights: list[float], rates: tuple[float, ...]) -> float | None:
    """Mean of rates that apply; None where no cell is of such a kind."""
    used = [(w, float(r)) for w, r in zip(weights, rates, strict=True) if w and r == r]
    return sum(w * r for w, r in used) if used else None


def make_chip(
    network: Network, design: ChipDesign, seed: int, cycle: int = 0, *, threads: int | None = None
) -> Chip:
    """Program a network onto a chip.

    Args:
        network: what it is to store.
        design: what it is made of.
        seed: see `Chip`.
        cycle: see `Chip`.
        threads: parts of a layer at once; None for every processor at hand.
    """
    from ternary_engine.runtime.execute import available_threads

    workers = threads or available_threads()
    layers = []
    weak: dict[str, WeakCells] = {}
    programmed: dict[str, Programmed] = {}
    for layer in network.layers:
        if layer.pairs is None or not layer.cells:
            layers.append(layer)
            continue
        made = LayerCells(layer, design, seed, cycle).sensed(workers)
        sensed, cells, programmed[layer.name] = made
        layers.append(sensed)
        if len(cells):
            weak[layer.name] = cells
    fields = {f.name: getattr(network, f.name) for f in dataclasses.fields(Network)}
    return Chip(
        **fields | {"layers": tuple(layers)},
        stored_layers=network.layers,
        design=design,
        seed=seed,
        cycle=cycle,
        weak=weak,
        programmed=programmed,
    )


def warn_if_useless(network: Network, design: ChipDesign) -> None:
    """Say so where the sense time does not resolve an LRS against an HRS, at their medians."""
    if all(layer.binary or not layer.cells for layer in network.layers):
        return
    low, high = (np.array([design.device.resistance(s).median]) for s in STATES)
    plus, _ = offset_table(design.sense).margins(low, high, np.zeros(1))
    if plus[0] <= 0.0:
        warnings.warn(
            f"sense time of {design.sense.sense_time:.3g} s: too short, {low[0]:.3g} against "
            f"{high[0]:.3g} ohms do not resolve at {design.sense.supply:g} V, so that most of the "
            "stored +1 and -1 are read as 0",
            checks.PhysicsWarning,
            stacklevel=3,
        )
