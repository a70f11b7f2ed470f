"""The cells of one layer of a chip: resistances, amplifiers, what they are read as.

Cells are taken as a matrix: a line for each output and trit plane, an entry for each input of
that output, as in `ternary_engine.mapping`. Device i of a side is entry i of the flat matrix of
places, where `repair` may have put another line or input.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from ternary_engine.chips import chances
from ternary_engine.chips.design import ChipDesign
from ternary_engine.chips.repair import Arrangement, Faults, arrange, in_order
from ternary_engine.chips.weak import WeakCells
from ternary_engine.device import Device, State, standard_normals
from ternary_engine.layer import Layer
from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.offsets import OffsetTable, offset_table

__all__ = ["LayerCells", "Programmed", "from_lines", "to_lines"]

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]

SIDES = {"BL": 1, "BLb": -1}  # the trit for which the device of a side is in LRS
_PART = 1 << 16  # cells at a time; their arrays stay in the cache


def to_lines(layer: Layer) -> Int8Array:
    """Trits of a layer as a matrix; int8 [outputs * planes, inputs]."""
    by_output = np.moveaxis(layer.trits, 1 + layer.output_axis, 0)
    return np.ascontiguousarray(by_output).reshape(layer.outputs * layer.planes, -1)


def from_lines(lines: npt.NDArray[np.generic], layer: Layer) -> npt.NDArray[np.generic]:
    """The inverse of `to_lines` for any values: [planes, *shape]."""
    rest = [size for axis, size in enumerate(layer.shape) if axis != layer.output_axis]
    by_output = lines.reshape(layer.outputs, layer.planes, *rest)
    return np.moveaxis(by_output, 0, 1 + layer.output_axis)


@dataclass(frozen=True)
class Programmed:
    """What programming the devices of a layer took.

    Attributes:
        devices: that hold weights. pulses: of all of them.
        failed: devices that write-verify gave up on; 0 without it.
    """

    devices: int
    pulses: int
    failed: int


@dataclass(frozen=True, eq=False)
class LayerCells:
    """The cells of a layer on a chip.

    Attributes:
        layer: with the weights to be stored.
        design, seed, cycle: of the chip, see `Chip`.
    """

    layer: Layer
    design: ChipDesign
    seed: int
    cycle: int = 0

    @functools.cached_property
    def stored(self) -> Int8Array:
        """The weights as a matrix; int8 [lines, inputs]."""
        return to_lines(self.layer)

    @property
    def inputs(self) -> int:
        """Entries of a line."""
        return int(self.stored.shape[1])

    @functools.cached_property
    def arrangement(self) -> Arrangement:
        """Where lines and inputs lie."""
        repair, (lines, inputs) = self.design.repair, self.stored.shape
        if repair is None or not repair.moves:
            return in_order(lines, inputs)
        down, across = self.design.array
        width = across if self.design.outputs == "rows" else down
        return arrange(self.stored, self._faults(lines + repair.spares), repair, width)

    def _faults(self, places: int) -> Faults:
        """Stuck devices of both sides, on all places."""
        found: list[tuple[Int64Array, Int8Array]] = []
        for part in _parts(places * self.inputs):
            numbers = np.arange(part.start, part.stop)
            for side, low in SIDES.items():
                stuck = self.design.device.stuck(numbers, self.seed, self._place(side))
                for state, held in stuck.items():
                    wants_low = np.arange(-1, 2) == low
                    wrong = ~wants_low if state == "lrs" else wants_low
                    where = numbers[held]
                    found.append((where, np.broadcast_to(wrong, (where.size, 3)).astype(np.int8)))
        where = np.concatenate([np.zeros(0, np.int64), *(one for one, _ in found)])
        wrong = np.concatenate([np.zeros((0, 3), np.int8), *(one for _, one in found)])
        return Faults(where // self.inputs, where % self.inputs, wrong.astype(np.int64))

    def _place(self, side: str) -> str:
        return f"{self.layer.name}/{side}/"

    def places(self, numbers: Int64Array) -> Int64Array:
        """Numbers of the places where entries of the flat matrix lie."""
        where = self.arrangement
        line, entry = numbers // self.inputs, numbers % self.inputs
        return where.lines[line] * self.inputs + where.inputs[entry]

    def numbers_of(self, cells: WeakCells) -> Int64Array:
        """Entries of the flat matrix, from indices into the flattened weights."""
        if self.layer.output_axis == 0:
            output, entry = cells.cell // self.inputs, cells.cell % self.inputs
        else:
            output, entry = cells.cell % self.layer.outputs, cells.cell // self.layer.outputs
        return (output * self.layer.planes + cells.plane) * self.inputs + entry

    def resistances(self) -> tuple[FloatArray, FloatArray]:
        """Ohms of the devices at BL and at BLb; float64 [planes, *shape].

        Of a line that is stored negated, BL is the device that would be BLb's.
        """
        bl, blb = self.resistances_of(np.arange(self.stored.size))
        bl, blb = (cast(FloatArray, from_lines(found, self.layer)) for found in (bl, blb))
        return bl, blb

    def resistances_of(self, numbers: Int64Array) -> tuple[FloatArray, FloatArray]:
        """The same for some entries of the flat matrix."""
        found = [np.empty(numbers.size), np.empty(numbers.size)]
        for part in _parts(numbers.size):
            some = numbers[part]
            bl, blb, _ = self._pairs(some)
            negated = self._signs(some) < 0
            found[0][part] = np.where(negated, blb, bl)
            found[1][part] = np.where(negated, bl, blb)
        return found[0], found[1]

    def offsets(self) -> FloatArray:
        """Volts, offset of each cell's amplifier; float64 [planes, *shape]."""
        places = self.places(np.arange(self.stored.size))
        return cast(FloatArray, from_lines(self._offsets(places), self.layer))

    def stuck(self) -> dict[State, int]:
        """How many devices that hold weights are stuck, by state."""
        total: dict[State, int] = {"lrs": 0, "hrs": 0}
        for part in _parts(self.stored.size):
            places = self.places(np.arange(part.start, part.stop))
            for side in SIDES:
                found = self.design.device.stuck(places, self.seed, self._place(side))
                for state, held in found.items():
                    total[state] += int(held.sum())
        return total

    def stuck_of(self, numbers: Int64Array) -> npt.NDArray[np.bool_]:
        """Whether a device of an entry of the flat matrix is stuck."""
        places, found = self.places(numbers), np.zeros(numbers.size, np.bool_)
        for side in SIDES:
            for held in self.design.device.stuck(places, self.seed, self._place(side)).values():
                found |= held
        return found

    def sensed(self, threads: int = 1) -> tuple[Layer, WeakCells, Programmed]:
        """The layer as it is usually read, the cells that are not always, what it took."""
        table = offset_table(self.design.sense, self.layer.binary)
        _ = self.arrangement  # before several threads ask for it

        def sense(part: slice) -> _Sensed:
            return self._sense(np.arange(part.start, part.stop), table)

        with ThreadPoolExecutor(threads) as pool:
            found = list(pool.map(sense, _parts(self.stored.size)))
        usual = np.concatenate([np.zeros(0, np.int8), *(one.usual for one in found)])
        weak = np.concatenate([np.zeros(0, np.int64), *(one.weak for one in found)])
        each = np.concatenate([np.zeros((0, 3)), *(one.chances for one in found)])
        layer = self.layer.with_trits(cast(Int8Array, from_lines(usual, self.layer)))
        pulses, failed = (sum(getattr(one, name) for one in found) for name in ("pulses", "failed"))
        programmed = Programmed(2 * self.stored.size, pulses, failed)
        return layer, self._weak_cells(weak, usual[weak], each), programmed

    def _weak_cells(self, weak: Int64Array, usual: Int8Array, each: FloatArray) -> WeakCells:
        line, entry = weak // self.inputs, weak % self.inputs
        output, plane = line // self.layer.planes, line % self.layer.planes
        cell = output * self.inputs + entry
        if self.layer.output_axis != 0:
            cell = entry * self.layer.outputs + output
        return WeakCells(plane.astype(np.int32), cell, usual, each)

    def _signs(self, numbers: Int64Array) -> Int8Array:
        return self.arrangement.signs[numbers // self.inputs]

    def _pairs(self, numbers: Int64Array) -> tuple[FloatArray, FloatArray, tuple[int, int]]:
        """Ohms of both devices as they lie; pulses, and devices that were given up on."""
        trits = self.stored.reshape(-1)[numbers] * self._signs(numbers)
        places = self.places(numbers)
        pulses = failed = 0
        both = []
        for side, low in SIDES.items():
            found, took = self._programmed(side, trits == low, places)
            pulses, failed = pulses + took[0], failed + took[1]
            both.append(found)
        return both[0], both[1], (pulses, failed)

    def _programmed(
        self, side: str, low: npt.NDArray[np.bool_], places: Int64Array
    ) -> tuple[FloatArray, tuple[int, int]]:
        """Ohms of the devices of one side; pulses, and devices that were given up on."""
        device, verify = self.design.device, self.design.verify
        pulse = np.zeros(places.size, np.int64)
        if verify is None:
            return self._resistances(device, side, low, places, pulse), (places.size, 0)
        fresh = replace(device, age=0.0)
        limits = self._limits
        found = self._resistances(fresh, side, low, places, pulse)
        for _ in range(verify.most - 1):
            bad = np.flatnonzero(np.where(low, found >= limits["lrs"], found <= limits["hrs"]))
            if not bad.size:
                break
            pulse[bad] += 1
            found[bad] = self._resistances(fresh, side, low[bad], places[bad], pulse[bad])
        failed = np.where(low, found >= limits["lrs"], found <= limits["hrs"])
        if device.age:
            found = self._resistances(device, side, low, places, pulse)
        return found, (int(pulse.sum()) + places.size, int(failed.sum()))

    @functools.cached_property
    def _limits(self) -> dict[str, float]:
        assert self.design.verify is not None
        return self.design.verify.limits(replace(self.design.device, age=0.0), self.design.sense)

    def _resistances(
        self,
        device: Device,
        side: str,
        low: npt.NDArray[np.bool_],
        places: Int64Array,
        pulse: Int64Array,
    ) -> FloatArray:
        found = np.empty(places.size)
        for state, those in (("lrs", low), ("hrs", ~low)):
            found[those] = device.resistances(
                cast(State, state),
                places[those],
                self.seed,
                self.cycle,
                pulse[those],
                self._place(side),
            )
        return found

    def _offsets(self, places: Int64Array) -> FloatArray:
        """Volts, offset of the amplifier at the foot of each place's column."""
        line, entry = places // self.inputs, places % self.inputs
        if self.design.outputs == "rows":
            amplifier = line // self.design.array[0] * self.inputs + entry
        else:
            amplifier = entry // self.design.array[0] * self.arrangement.places + line
        z = standard_normals(self.seed, f"{self.layer.name}/amplifier", amplifier)
        return self.design.sense.offset_sigma * z

    def _sense(self, numbers: Int64Array, table: OffsetTable) -> _Sensed:
        """Usual reads of some cells; which of them are weak, and the chances of these."""
        bl, blb, (pulses, failed) = self._pairs(numbers)
        noise, binary = self.design.sense.noise_sigma, self.layer.binary
        offsets = self._offsets(self.places(numbers))
        plus, minus = table.margins(bl, blb, offsets, chances.sure_margin(noise))
        if binary:
            minus = -plus
        usual = chances.usual_reads(plus, minus)
        weak = np.flatnonzero(~chances.is_sure(plus, minus, noise))
        each = np.zeros((0, 3))
        if weak.size:
            each = chances.read_chances(plus[weak], minus[weak], noise, binary)
            if self.design.votes > 1:
                each = chances.voted(each, self.design.votes)
            usual[weak] = each.argmax(axis=1) - 1
            kept = chances.otherwise(each, usual[weak]) >= chances.NEGLIGIBLE
            weak, each = weak[kept], each[kept]
        signs = self._signs(numbers)
        each = np.where(signs[weak, None] < 0, each[:, ::-1], each)
        return _Sensed(usual * signs, numbers[weak], each, pulses, failed)


class _Sensed(NamedTuple):
    """What some cells are usually read as; numbers and chances of the weak ones; what it took."""

    usual: Int8Array
    weak: Int64Array
    chances: FloatArray
    pulses: int
    failed: int


def _parts(size: int) -> Iterator[slice]:
    for first in range(0, size, _PART):
        yield slice(first, min(first + _PART, size))
