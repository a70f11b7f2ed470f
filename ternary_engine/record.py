"""What went wrong in a run: every sense error, cell by cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import Per

COLUMNS = ("sample", "position", "presentation", "plane", "cell", "stored", "read")


@dataclass(frozen=True, eq=False)
class LayerRecord:
    """The errors of one layer.

    Attributes:
        per: what one draw lasted for.
        table: float64 [3, 3], P[stored, read] they were drawn from, in the order -1, 0, +1.
        sample: int64; the sample of the run. For errors per batch the number of the batch, per
            program 0.
        position: int64; output position, row times columns plus column; -1 where an error lasts for
            all reads of the cell.
        presentation: int64; which read of the position: number of the input's bit plane; -1 as
            above. Ternary and binary inputs are presented at once (0), or, with errors that treat
            -1 and +1 differently and in grouped layers, inputs +1 first (0), then inputs -1 (1).
        plane: int64; trit plane of the weight, 0 for ternary and binary weights.
        cell: int64; index of the weight in the flattened array `Layer.weights`.
        stored, read: int8; trit stored and trit read.
    """

    per: Per
    table: npt.NDArray[np.float64]
    sample: npt.NDArray[np.int64]
    position: npt.NDArray[np.int64]
    presentation: npt.NDArray[np.int64]
    plane: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    stored: npt.NDArray[np.int8]
    read: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True, eq=False)
class ErrorRecord:
    """The errors of one run, from `Network.run` with ``record=True``.

    Attributes:
        layers: by layer name; every layer that could err has an entry.
        batch_size: of the run.
    """

    layers: Mapping[str, LayerRecord]
    batch_size: int

    def __len__(self) -> int:
        return sum(len(layer) for layer in self.layers.values())

    def rows(self) -> Iterator[dict[str, Any]]:
        """One dict per error: layer, per and the columns of `LayerRecord`."""
        for name, layer in self.layers.items():
            columns = [getattr(layer, column).tolist() for column in COLUMNS]
            for values in zip(*columns, strict=True):
                yield {"layer": name, "per": layer.per, **dict(zip(COLUMNS, values, strict=True))}
