"""Wrong reads of single cells: drawn or replayed, applied to a layer's result, and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.chips.weak import WeakCells
from ternary_engine.errors import LayerErrors
from ternary_engine.kernels import cell_reads, weak_reads
from ternary_engine.layer import Layer
from ternary_engine.runtime.noise import Noise, log_keep, sample_streams, share_levels
from ternary_engine.runtime.recording import recorded_rows
from ternary_engine.runtime.weak_tables import TablesOfPlanes, find_cells, stream_name
from ternary_engine.steps import Geometry

Array = npt.NDArray[Any]
Pitches = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Reads:
    """All reads of one presentation of a chunk's inputs to one trit plane.

    Attributes:
        layer: the layer. plane: which trit plane.
        trits: int8 [outputs, taps, channels of a group], as stored.
        geometry: the window.
        x, x_pitches: flat inputs and where they lie.
        size, out_size: rows and columns of the input and the output image.
        first, images: samples of the chunk.
        presentation: number of the presentation.
        purpose: names the random stream; that of a chip's weak cells has a name of its own.
        tables: of the weak cells, if there are any.
    """

    layer: Layer
    plane: int
    trits: npt.NDArray[np.int8]
    geometry: Geometry
    x: Array
    x_pitches: Pitches
    size: tuple[int, int]
    out_size: tuple[int, int]
    first: int
    images: int
    presentation: int
    purpose: str
    tables: TablesOfPlanes

    @property
    def _window(self) -> npt.NDArray[np.int64]:
        geometry = self.geometry
        places = (*self.size, *self.out_size, geometry.kernel[1])
        return np.array(
            (*places, *geometry.strides, *geometry.pads[:2], *geometry.dilations), np.int64
        )

    @property
    def _cells(self) -> tuple[Any, ...]:
        by_output = self.layer.output_axis == 0
        return (self.x, self.x_pitches, self._window, self.geometry.groups, self.trits, by_output)

    def wrong(self, noise: Noise, errors: LayerErrors) -> tuple[Array, Array]:
        """Which reads are wrong: int64 [events, 3] (image, position, cell), int8 [events].

        They are drawn, or taken from the record that is replayed, and noted in the one that is
        made.
        """
        if noise.replay is not None:
            return self._replayed(noise)
        cells = errors.cells
        where, read = self._drawn(noise, errors) if cells is None else self._weak(noise, cells)
        if noise.recorder is not None:
            stored = self.layer.trits[self.plane].reshape(-1)[where[:, 2]]
            same = (self.presentation, self.plane)
            columns = (where[:, 0] + self.first, where[:, 1], *same, where[:, 2], stored, read)
            rows = np.stack([np.broadcast_to(c, len(read)) for c in columns], axis=1)
            noise.recorder.add(self.layer.name, rows.astype(np.int64))
        return where, read

    def _drawn(self, noise: Noise, errors: LayerErrors) -> tuple[Array, Array]:
        rate, levels = share_levels(errors.table)
        keys = sample_streams(noise.seed, self.purpose, self.first, self.images)
        positions = self.images * self.out_size[0] * self.out_size[1]
        expected = float(positions) * self.trits.size * rate
        room = int(expected + 8.0 * np.sqrt(expected) + 16.0)
        while True:
            where, read = np.empty((room, 3), np.int64), np.empty(room, np.int8)
            found = cell_reads.draw_read_events(
                *self._cells, log_keep(rate), levels, keys, where, read
            )
            if found <= room:
                return where[:found], read[:found]
            room = found

    def _weak(self, noise: Noise, cells: WeakCells) -> tuple[Array, Array]:
        """Reads that differ from what the weak cells of a chip are usually read as."""
        tables = self.tables(cells, self.plane)
        purpose = stream_name(self.layer, self.presentation, self.plane)
        keys = sample_streams(noise.seed, purpose, self.first, self.images)
        place = find_cells(tables.numbers, self.layer, self.geometry)
        positions = self.images * self.out_size[0] * self.out_size[1]
        expected = positions * float(cells.otherwise[cells.plane == self.plane].sum())
        room = int(expected + 8.0 * np.sqrt(expected) + 16.0)
        while True:
            where, read = np.empty((room, 3), np.int64), np.empty(room, np.int8)
            found = weak_reads.draw_weak_events(
                self.x,
                self.x_pitches,
                self._window,
                place.channels,
                place.taps,
                keys,
                tables.numbers,
                *tables.draws,
                where,
                read,
            )
            if found <= room:
                return where[:found], read[:found]
            room = found

    def _replayed(self, noise: Noise) -> tuple[Array, Array]:
        assert noise.replay is not None
        record = noise.replay.layers[self.layer.name]
        rows = recorded_rows(record, self.first, self.first + self.images)
        rows = rows[(rows[:, 2] == self.presentation) & (rows[:, 3] == self.plane)]
        where = np.stack([rows[:, 0] - self.first, rows[:, 1], rows[:, 4]], axis=1)
        return np.ascontiguousarray(where), rows[:, 6].astype(np.int8)

    def apply(
        self, wrong: tuple[Array, Array], values: Array, out: Array, pitches: Pitches
    ) -> None:
        """Add what wrong reads change to the flat results ``out``.

        Args:
            wrong: from `wrong`.
            values: [outputs, 3], weight of a cell read as -1, 0, +1.
            out, pitches: flat results and where they lie.
        """
        cell_reads.apply_read_events(*self._cells, *wrong, values, out, pitches)
