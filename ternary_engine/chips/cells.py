"""The cells of one layer of a chip: resistances, amplifiers, what they are read as.

Cells are taken as a matrix: a line for each output and trit plane, an entry for each input of
that output, as in `ternary_engine.mapping`. Device i of a side is entry i of the flat matrix.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from ternary_engine.chips import chances
from ternary_engine.chips.parameters import ChipParameters
from ternary_engine.chips.weak import WeakCells
from ternary_engine.device import State, standard_normals
from ternary_engine.layer import Layer
from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.offsets import OffsetTable, offset_table

__all__ = ["LayerCells", "from_lines", "to_lines"]

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


@dataclass(frozen=True, eq=False)
class LayerCells:
    """The cells of a layer on a chip.

    Attributes:
        layer: with the weights to be stored.
        parameters: of the chip.
    """

    layer: Layer
    parameters: ChipParameters

    @property
    def lines(self) -> int:
        """Lines of the matrix."""
        return self.layer.outputs * self.layer.planes

    @property
    def inputs(self) -> int:
        """Entries of a line."""
        return self.layer.cells // max(self.lines, 1)

    def resistances(self) -> tuple[FloatArray, FloatArray]:
        """Ohms of the devices at BL and at BLb; float64 [planes, *shape]."""
        stored = to_lines(self.layer).reshape(-1)
        both = [np.empty(stored.size), np.empty(stored.size)]
        for part in self._parts():
            numbers = np.arange(part.start, part.stop)
            for found, side in zip(both, SIDES, strict=True):
                found[part] = self._side(side, stored[part], numbers)
        bl, blb = (from_lines(found, self.layer) for found in both)
        return cast(FloatArray, bl), cast(FloatArray, blb)

    def offsets(self) -> FloatArray:
        """Volts, offset of each cell's amplifier; float64 [planes, *shape]."""
        numbers = np.arange(self.lines * self.inputs)
        return cast(FloatArray, from_lines(self._offsets(numbers), self.layer))

    def sensed(self) -> tuple[Layer, WeakCells]:
        """The layer as it is usually read, and the cells that are not always."""
        stored = to_lines(self.layer).reshape(-1)
        table = offset_table(self.parameters.sense, self.layer.binary)
        usual = np.empty(stored.size, np.int8)
        found, likely = [np.zeros(0, np.int64)], [np.zeros((0, 3))]
        for part in self._parts():
            numbers = np.arange(part.start, part.stop)
            usual[part], weak, each = self._read(stored[part], numbers, table)
            found.append(weak)
            likely.append(each)
        weak, each = np.concatenate(found), np.concatenate(likely)
        usual[weak] = each.argmax(axis=1) - 1
        trits = cast(Int8Array, from_lines(usual, self.layer))
        layer = dataclasses.replace(self.layer, pairs=Layer.pack_planes(trits))
        return layer, self._weak_cells(weak, usual[weak], each)

    def _weak_cells(self, weak: Int64Array, usual: Int8Array, each: FloatArray) -> WeakCells:
        line, entry = weak // self.inputs, weak % self.inputs
        output, plane = line // self.layer.planes, line % self.layer.planes
        cell = output * self.inputs + entry
        if self.layer.output_axis != 0:
            cell = entry * self.layer.outputs + output
        return WeakCells(plane.astype(np.int32), cell, usual, each)

    def _parts(self) -> Iterator[slice]:
        for first in range(0, self.lines * self.inputs, _PART):
            yield slice(first, min(first + _PART, self.lines * self.inputs))

    def _side(self, side: str, stored: Int8Array, numbers: Int64Array) -> FloatArray:
        """Ohms of the devices of one side that is programmed for some trits."""
        setup = self.parameters
        low = stored == SIDES[side]
        found = np.empty(stored.size)
        for state, those in (("lrs", low), ("hrs", ~low)):
            found[those] = setup.device.resistances(
                cast(State, state),
                numbers[those],
                setup.seed,
                setup.cycle,
                f"{self.layer.name}/{side}/",
            )
        return found

    def _offsets(self, numbers: Int64Array) -> FloatArray:
        """Volts, offset of the amplifier at the foot of each cell's column."""
        setup = self.parameters
        line, entry = numbers // self.inputs, numbers % self.inputs
        if setup.outputs == "rows":
            amplifier = line // setup.array[0] * self.inputs + entry
        else:
            amplifier = entry // setup.array[0] * self.lines + line
        z = standard_normals(setup.seed, f"{self.layer.name}/amplifier", amplifier)
        return setup.sense.offset_sigma * z

    def _read(
        self, stored: Int8Array, numbers: Int64Array, table: OffsetTable
    ) -> tuple[Int8Array, Int64Array, FloatArray]:
        """Usual reads of some cells; numbers and chances of the weak ones."""
        noise = self.parameters.sense.noise_sigma
        bl, blb = (self._side(side, stored, numbers) for side in SIDES)
        plus, minus = table.margins(bl, blb, self._offsets(numbers), chances.sure_margin(noise))
        if self.layer.binary:
            minus = -plus
        usual = chances.usual_reads(plus, minus)
        weak = np.flatnonzero(~chances.is_sure(plus, minus, noise))
        if not weak.size:
            return usual, numbers[:0], np.zeros((0, 3))
        each = chances.read_chances(plus[weak], minus[weak], noise, self.layer.binary)
        return usual, numbers[weak], each
