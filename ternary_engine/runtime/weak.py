"""Crossbar layers of a chip: an error-free product of what is usually read, and the weak cells."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import LayerErrors
from ternary_engine.kernels import epilogue, weak_reads
from ternary_engine.kernels.layout import PANEL, WORD_BITS, panels_for
from ternary_engine.layer import Layer
from ternary_engine.runtime.crossbar import CrossbarOperation
from ternary_engine.runtime.layout import ImageLayout, tap_offsets, window_starts
from ternary_engine.runtime.noise import Noise, sample_streams
from ternary_engine.runtime.reads import ReadErrors
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weak_tables import WeakTables, find_cells, stream_name
from ternary_engine.runtime.windows import Windows, find_windows, is_gathered
from ternary_engine.steps import Geometry

Array = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]


@dataclass(eq=False)
class WeakReads:
    """Runs a crossbar layer of a chip: fast where every read is the usual one."""

    operation: CrossbarOperation
    reads: ReadErrors
    _places: dict[tuple[WeakTables, ImageLayout], tuple[Int64Array, Int64Array]] = field(
        default_factory=dict
    )

    def __call__(self, chunk: Chunk, noise: Noise, errors: LayerErrors) -> None:
        """Run on one chunk."""
        operation, geometry = self.operation, self.operation.step.geometry
        assert errors.cells is not None
        self.product(chunk)
        source, sums = chunk.codes[operation.step.source], chunk.sums[operation.step.target].sums
        for number, presentation in enumerate(self.reads.presentations(errors)):
            layout, codes = self.reads.presented(chunk, presentation)
            if geometry.groups > 1:
                windows = self._whole_windows(chunk, layout, codes)
            elif codes is source.codes:
                windows = operation.windows(chunk)
            else:
                windows = self._windows(chunk, layout, codes)
            for plane in range(operation.layer.planes):
                tables = self.reads.tables(errors.cells, plane)
                factor = presentation.coefficient * 3**plane
                self._add(chunk, noise, (number, plane), tables, layout, windows, factor, sums)
        if operation.finish.step is not None:
            self._finish(chunk, sums)

    @functools.cached_property
    def product(self) -> CrossbarOperation:
        """The same layer, giving its sums."""
        operation = self.operation
        return CrossbarOperation(
            operation.step, operation.layer, operation.code, None, (0, 0, 0, 0)
        )

    def _finish(self, chunk: Chunk, sums: npt.NDArray[np.int32]) -> None:
        """Codes from the sums, as the product itself would have made them."""
        finish, target = self.operation.finish, self.operation.target(chunk)
        pitch = panels_for(self.operation.layer.outputs) * PANEL
        epilogue.finish_sums(sums, pitch, finish.mode, *finish.arrays, target.places, target.codes)

    def _windows(self, chunk: Chunk, layout: ImageLayout, codes: Array) -> Windows:
        geometry, outputs = self.operation.step.geometry, self.operation.layer.outputs
        return find_windows(
            chunk, layout, codes, geometry, outputs, f"{self.operation.step.target}/inputs"
        )

    def _whole_windows(self, chunk: Chunk, layout: ImageLayout, codes: Array) -> Windows:
        """Windows over the channels of all groups."""
        geometry = self.operation.step.geometry
        starts = window_starts(layout, geometry, chunk.images)
        offsets = tap_offsets(layout, geometry)
        return Windows(codes, starts, offsets, layout.words, np.zeros(1, np.int64))

    def _add(
        self,
        chunk: Chunk,
        noise: Noise,
        read: tuple[int, int],
        tables: WeakTables,
        layout: ImageLayout,
        windows: Windows,
        factor: int,
        sums: npt.NDArray[np.int32],
    ) -> None:
        layer, geometry = self.operation.layer, self.operation.step.geometry
        if (tables, layout) not in self._places:
            self._places[tables, layout] = _bits_of(tables.numbers, layer, geometry, layout)
        outputs, places = self._places[tables, layout]
        purpose = stream_name(layer, *read)
        keys = sample_streams(noise.seed, purpose, chunk.first, chunk.images)
        blocks = -(-windows.starts.size // chunk.images // WORD_BITS)
        room = windows.offsets.size * windows.words * WORD_BITS * 2 * blocks
        weak_reads.add_weak_reads(
            windows.codes,
            windows.starts,
            windows.offsets,
            windows.words,
            keys,
            factor,
            tables.numbers,
            outputs,
            places,
            *tables.draws,
            chunk.word_buffer("weak/columns", room),
            sums,
            panels_for(layer.outputs) * PANEL,
        )


def _bits_of(
    numbers: Int64Array, layer: Layer, geometry: Geometry, layout: ImageLayout
) -> tuple[Int64Array, Int64Array]:
    """Output of each cell, and the bit of its input in a window."""
    where = find_cells(numbers, layer, geometry)
    gathered = is_gathered(geometry, layout.channels)
    pitch = layout.channels if gathered else layout.words * WORD_BITS
    return where.outputs, where.taps * pitch + where.channels
