"""Cells of a chip as data: which are weak, which are read wrong, how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.chips.weak import WeakCells

if TYPE_CHECKING:
    from ternary_engine.chips.cells import LayerCells
    from ternary_engine.layer import Layer

__all__ = ["CellTable", "layer_rates", "layer_table", "misreads"]

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CellTable:
    """Some cells of a chip, one entry each.

    Attributes:
        layer: name of the layer.
        plane: int32, trit plane of the weight.
        output: int64, output that it belongs to.
        cell: int64, index into the flattened weights.
        stored: int8, trit that was programmed.
        usual: int8, what it is read as most often.
        p_minus, p_zero, p_plus: float64, chances of being read as -1, 0 and +1.
        p_wrong: float64, chance of being read as another trit than the stored one.
        r_bl, r_blb: float64, ohms.
        stuck: bool, one of its devices is.
    """

    layer: npt.NDArray[np.str_]
    plane: npt.NDArray[np.int32]
    output: Int64Array
    cell: Int64Array
    stored: npt.NDArray[np.int8]
    usual: npt.NDArray[np.int8]
    p_minus: Float64Array
    p_zero: Float64Array
    p_plus: Float64Array
    p_wrong: Float64Array
    r_bl: Float64Array
    r_blb: Float64Array
    stuck: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.cell)

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dict for each cell, ready for ``pandas.DataFrame``."""
        columns = self.columns()
        for values in zip(*(column.tolist() for column in columns.values()), strict=True):
            yield dict(zip(columns, values, strict=True))

    def columns(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @staticmethod
    def joined(tables: list[CellTable]) -> CellTable:
        """All cells of some tables."""
        names = [field.name for field in fields(CellTable)]
        return CellTable(*(np.concatenate([getattr(one, n) for one in tables]) for n in names))


def misreads(stored: Layer, usual: Layer, weak: WeakCells | None) -> Float64Array:
    """Chance of every cell to be read as another trit than the stored one; [planes, *shape]."""
    wrong = (stored.trits != usual.trits).astype(np.float64).reshape(stored.planes, -1)
    if weak is not None:
        where = weak.plane, weak.cell
        right = stored.trits.reshape(stored.planes, -1)[where]
        others = np.arange(3) != right[:, None] + 1
        wrong[where] = np.where(others, weak.chances, 0.0).sum(axis=1)
    shaped: Float64Array = wrong.reshape(stored.planes, *stored.shape)
    return shaped


def layer_rates(stored: Layer, usual: Layer, weak: WeakCells | None) -> Float64Array:
    """Mean P[stored, read] over the cells of a layer; float64 [3, 3], a row of NaN for no cells."""
    each = 3 * (stored.trits.reshape(stored.planes, -1) + 1) + 1
    trits = usual.trits.reshape(usual.planes, -1)
    counts = np.bincount((each + trits).reshape(-1), minlength=9).reshape(3, 3).astype(np.float64)
    if weak is not None:
        where = weak.plane, weak.cell
        np.add.at(counts, (each[where] // 3, trits[where] + 1), -1.0)
        np.add.at(counts, each[where] // 3, weak.chances)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=1, keepdims=True))


def layer_table(
    cells: LayerCells, usual: Layer, weak: WeakCells | None, above: float, *, wrong_ones: bool
) -> CellTable:
    """Cells that are misread more often than ``above``, weak or always.

    Args:
        cells: of the layer.
        usual: the layer as it is usually read.
        weak: its weak cells.
        above: a chance.
        wrong_ones: also those that are always read wrong.
    """
    stored = cells.layer
    wrong = misreads(stored, usual, weak).reshape(stored.planes, -1)
    chosen = wrong > above
    if not wrong_ones:
        chosen &= wrong < 1.0
    plane, cell = np.nonzero(chosen)
    trits, reads = (one.trits.reshape(one.planes, -1)[plane, cell] for one in (stored, usual))
    chances = np.eye(3)[reads + 1]
    if weak is not None:
        size = stored.cells // stored.planes
        flat, order = plane * size + cell, np.argsort(weak.plane * size + weak.cell)
        keys = (weak.plane * size + weak.cell)[order]
        at = np.minimum(np.searchsorted(keys, flat), len(keys) - 1)
        found = keys[at] == flat
        chances[found] = weak.chances[order[at[found]]]
    some = WeakCells(plane.astype(np.int32), cell.astype(np.int64), reads, chances)
    numbers = cells.numbers_of(some)
    r_bl, r_blb = cells.resistances_of(numbers)
    return CellTable(
        layer=np.full(cell.size, stored.name),
        plane=some.plane,
        output=numbers // cells.inputs // stored.planes,
        cell=some.cell,
        stored=trits,
        usual=reads,
        p_minus=chances[:, 0],
        p_zero=chances[:, 1],
        p_plus=chances[:, 2],
        p_wrong=wrong[plane, cell],
        r_bl=r_bl,
        r_blb=r_blb,
        stuck=cells.stuck_of(numbers),
    )
