"""Cells that are not always read alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.chips.chances import otherwise
from ternary_engine.errors import LayerErrors
from ternary_engine.layer import Layer

__all__ = ["WeakCells", "read_errors"]


@dataclass(frozen=True, eq=False)
class WeakCells:
    """Cells of one layer that are read otherwise than usual with a chance of 2**-64 or more.

    Attributes:
        plane: int32, trit plane of each.
        cell: int64, index into the flattened weights.
        usual: int8, what it is read as most often; the layer of the chip holds that.
        chances: float64 [cells, 3], of being read as -1, 0, +1.
    """

    plane: npt.NDArray[np.int32]
    cell: npt.NDArray[np.int64]
    usual: npt.NDArray[np.int8]
    chances: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.cell)

    @property
    def otherwise(self) -> npt.NDArray[np.float64]:
        """Chance of each cell to be read otherwise than usual; accurate where it is small."""
        return otherwise(self.chances, self.usual)


def read_errors(layer: Layer, weak: WeakCells) -> LayerErrors:
    """Errors of a layer's reads.

    Their table is the mean over the cells, from what they are usually read as.
    """
    changes = np.zeros((3, 3))
    np.add.at(changes, weak.usual + 1, weak.chances)
    counts = np.bincount(layer.trits.reshape(-1) + 1, minlength=3)
    off = changes * (1.0 - np.eye(3)) / np.maximum(counts, 1)[:, None]
    return LayerErrors(off + np.diag(1.0 - off.sum(axis=1)), "read", weak)
