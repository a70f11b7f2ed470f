"""The weak cells of a layer as the kernels take them: sorted, in whole numbers, where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ternary_engine.chips.weak import WeakCells
from ternary_engine.layer import Layer
from ternary_engine.runtime.noise import log_keep
from ternary_engine.steps import Geometry

Int64Array = npt.NDArray[np.int64]

FREQUENT = 2.0**-8  # chance from which on reads are drawn in blocks of 64
_RARE = (2.0**-8, 2.0**-12, 2.0**-16, 2.0**-20, 2.0**-24)  # largest chance of each class
_VALUES = np.array([[-1, 0, 1], [0, -1, 1], [1, -1, 0]], np.int8)  # usual, then the others
_ALWAYS = np.uint64(2**64 - 1)
_LAST = float(2**64 - 2048)  # the largest below 2**64


@dataclass(frozen=True, eq=False)
class WeakTables:
    """The weak cells of one trit plane, as `kernels.weak_reads` takes them.

    Attributes:
        numbers, values, shares, chances, frequent, classes, log_keeps, accepted: see there.
    """

    numbers: Int64Array
    values: npt.NDArray[np.int8]
    shares: npt.NDArray[np.uint64]
    chances: npt.NDArray[np.uint64]
    frequent: int
    classes: Int64Array
    log_keeps: npt.NDArray[np.float64]
    accepted: npt.NDArray[np.uint64]

    @property
    def draws(self) -> tuple[Any, ...]:
        """What says which reads change, in the kernels' order."""
        return (
            self.values, self.shares, self.chances, self.frequent, self.classes, self.log_keeps,
            self.accepted,
        )  # fmt: skip


def _units(chance: npt.NDArray[np.float64]) -> npt.NDArray[np.uint64]:
    """Chances in units of 2**-64, rounded down; 1 becomes the largest number."""
    units = np.floor(np.ldexp(chance, 64))
    return np.where(chance < 1.0, np.minimum(units, _LAST).astype(np.uint64), _ALWAYS)


def plane_tables(weak: WeakCells, plane: int) -> WeakTables:
    """Sort the weak cells of a plane: those drawn by blocks first, then by class of rarity."""
    mine = np.flatnonzero(weak.plane == plane)
    otherwise = weak.otherwise[mine]
    kind = np.zeros(mine.size, np.int64)
    for number, rate in enumerate(_RARE, 1):
        kind[(otherwise <= rate) & (otherwise < FREQUENT)] = number
    order = np.lexsort((weak.cell[mine], kind))
    mine, kind, otherwise = mine[order], kind[order], otherwise[order]
    values = _VALUES[weak.usual[mine] + 1]
    first = np.take_along_axis(weak.chances[mine], values[:, 1:2] + np.intp(1), axis=1)[:, 0]
    values[first <= 0.0] = values[first <= 0.0][:, [0, 2, 1]]
    alone = (first <= 0.0) | (first >= otherwise)
    classes = np.searchsorted(kind, np.arange(1, len(_RARE) + 2))
    return WeakTables(
        numbers=weak.cell[mine],
        values=values,
        shares=np.where(alone, _ALWAYS, _units(first / otherwise)),
        chances=_units(otherwise),
        frequent=int(classes[0]),
        classes=classes.astype(np.int64),
        log_keeps=np.array([log_keep(rate) for rate in _RARE]),
        accepted=_units(otherwise / np.array((1.0, *_RARE))[kind]),
    )


class TablesOfPlanes:
    """The tables of the cells that were asked for last; a layer of a chip has one set of cells."""

    def __init__(self) -> None:
        self._held: tuple[WeakCells | None, dict[int, WeakTables]] = None, {}

    def __call__(self, weak: WeakCells, plane: int) -> WeakTables:
        """Tables of one plane's cells."""
        cells, tables = self._held
        if cells is not weak:
            tables = {}
            self._held = weak, tables
        if plane not in tables:
            tables[plane] = plane_tables(weak, plane)
        return tables[plane]


class Where(NamedTuple):
    """Where cells lie: output, channel of the image and tap of each."""

    outputs: Int64Array
    channels: Int64Array
    taps: Int64Array


def find_cells(numbers: Int64Array, layer: Layer, geometry: Geometry) -> Where:
    """Split indices into the flattened weights.

    Args:
        numbers: as in `WeakCells.cell`.
        layer: whose weights these are. geometry: of its window.
    """
    taps = geometry.kernel[0] * geometry.kernel[1]
    inputs = layer.cells // layer.planes // layer.outputs
    if layer.output_axis == 0:
        outputs, rest = numbers // inputs, numbers % inputs
    else:
        outputs, rest = numbers % layer.outputs, numbers // layer.outputs
    group = outputs // (layer.outputs // geometry.groups)
    return Where(outputs, group * (inputs // taps) + rest // taps, rest % taps)


def stream_name(layer: Layer, presentation: int, plane: int) -> str:
    """Name of the random stream of one read of a layer's weak cells."""
    return f"{layer.name}/weak/{presentation}/{plane}"
