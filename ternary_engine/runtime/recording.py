"""Collects the errors of a recorded run, and hands them out again for a replay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import LayerErrors
from ternary_engine.record import COLUMNS, ErrorRecord, LayerRecord

Int64Array = npt.NDArray[np.int64]
Rows = npt.NDArray[np.int64]  # [errors, 7], the columns of `record.COLUMNS`


class Recorder:
    """Takes errors from any number of threads."""

    def __init__(self) -> None:
        self._rows: defaultdict[str, list[Rows]] = defaultdict(list)

    def add(self, layer: str, rows: Rows) -> None:
        """Note errors of a layer."""
        self._rows[layer].append(rows)  # appending is atomic

    def record(self, errors: Mapping[str, LayerErrors], batch_size: int) -> ErrorRecord:
        """Everything noted, in order."""
        layers = {}
        for name, one in errors.items():
            rows = np.concatenate([np.empty((0, len(COLUMNS)), np.int64), *self._rows[name]])
            # Chunks of a batch, and workers, note the same draw of stored weights again.
            rows = np.unique(rows, axis=0)
            columns = dict(zip(COLUMNS, rows.T, strict=True))
            layers[name] = LayerRecord(
                per=one.per,
                table=one.table,
                **{
                    column: values.astype(np.int8) if column in ("stored", "read") else values
                    for column, values in columns.items()
                },
            )
        return ErrorRecord(layers, batch_size)


def recorded_rows(layer: LayerRecord, first: int, last: int) -> Rows:
    """Errors of the samples (or draws) from ``first`` up to ``last``."""
    begin, end = np.searchsorted(layer.sample, [first, last])
    return np.stack([getattr(layer, column)[begin:end] for column in COLUMNS], axis=1).astype(
        np.int64
    )
