"""Crossbar layers whose every read errs on its own: which inputs are presented, which sampler."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ternary_engine.encoding import pack_trits
from ternary_engine.errors import LayerErrors
from ternary_engine.kernels import convolution, epilogue, expand, noisy, pack, random
from ternary_engine.kernels.layout import PANEL, panels_for
from ternary_engine.runtime.cell_reads import Reads
from ternary_engine.runtime.crossbar import CrossbarOperation
from ternary_engine.runtime.layout import (
    ImageLayout,
    position_starts,
    tap_offsets,
    window_starts,
)
from ternary_engine.runtime.noise import Noise, sample_streams
from ternary_engine.runtime.operations import channel_bits, plane_meaning
from ternary_engine.runtime.read_tables import Changes, candidates, frequent_tables, rare_tables
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weak_tables import TablesOfPlanes
from ternary_engine.runtime.weights import PackedPlane, as_windows, pack_plane
from ternary_engine.runtime.windows import Windows, find_windows

Array = npt.NDArray[Any]

# Below this many candidates in the cells of an output, if all were sensed, candidates are cheaper
# than tables: on a Zen 3 some 9 ns each, where tables and their second product took 8 to 10 ns an
# output (timed by hand; no benchmark repeats it). It looks at the layer alone, never at the data:
# which sampler runs decides which random numbers are used, and those must not depend on how a batch
# is split.
RARE_CANDIDATES = 1.0


class Presentation(NamedTuple):
    """One read of the array: which inputs are on, and what its sums count."""

    which: int
    coefficient: int


def is_symmetric(table: Array) -> bool:
    """Whether a table treats -1 and +1 alike."""
    return bool((table == table[::-1, ::-1]).all())


def changes_of(table: Array) -> Changes:
    """What a product with an input +1 may change by; see `read_tables.Changes`."""
    return (
        (float(table[2, 1]), float(table[2, 0])),
        (float(table[0, 1]), float(table[0, 2])),
        (float(table[1, 2]), float(table[1, 0])),
    )


@dataclass(eq=False)
class ReadErrors:
    """Runs a crossbar layer with errors drawn anew for every read."""

    operation: CrossbarOperation
    tables: TablesOfPlanes = field(default_factory=TablesOfPlanes)
    _group_members: dict[int, PackedPlane] = field(default_factory=dict)
    _cell_places: dict[ImageLayout, tuple[Array, Array, int]] = field(default_factory=dict)

    def __call__(self, chunk: Chunk, noise: Noise, errors: LayerErrors) -> None:
        """Run on one chunk."""
        presentations = self.presentations(errors)
        if noise.by_cell:
            self._by_cell(chunk, noise, errors, presentations)
        elif self._are_rare(errors):
            self._rarely(chunk, noise, errors, presentations)
        else:
            self._frequently(chunk, noise, errors, presentations)
        self.operation.finish_sums(chunk)

    def _are_rare(self, errors: LayerErrors) -> bool:
        return candidates(changes_of(errors.table), self._cells) < RARE_CANDIDATES

    def _rarely(
        self,
        chunk: Chunk,
        noise: Noise,
        errors: LayerErrors,
        presentations: tuple[Presentation, ...],
    ) -> None:
        """Sums without errors, and what a few cells of each presentation change in them."""
        operation, layer = self.operation, self.operation.layer
        sums = operation.clean_sums(chunk)
        changes = changes_of(errors.table)
        number = 0
        for presentation in presentations:
            layout, codes = self.presented(chunk, presentation)
            starts = window_starts(layout, operation.step.geometry, chunk.images)
            for plane, pairs in enumerate(self._pairs):
                factor = presentation.coefficient * 3**plane
                tables = rare_tables(changes, self._cells, layer.outputs, factor)
                noisy.change_rarely(
                    codes,
                    starts,
                    *self._places(layout),
                    pairs,
                    tables.block,
                    tables.tails,
                    tables.guide,
                    tables.levels,
                    tables.changes,
                    self._streams(chunk, noise, number, starts.size),
                    sums.pitch,
                    sums.sums,
                )
                number += 1

    @functools.cached_property
    def _pairs(self) -> list[npt.NDArray[np.uint8]]:
        """The stored pairs of every trit plane, one output behind the other."""
        layer = self.operation.layer
        assert layer.pairs is not None
        if layer.output_axis == 0:
            return list(layer.pairs)
        return [pack_trits(np.ascontiguousarray(plane.T)) for plane in layer.trits]

    def _places(self, layout: ImageLayout) -> tuple[Array, Array, int]:
        """Where an output's cells find their inputs; see `noisy.change_rarely`."""
        if layout not in self._cell_places:
            layer, geometry = self.operation.layer, self.operation.step.geometry
            groups, taps = geometry.groups, tap_offsets(layout, geometry)
            channels = np.arange(layout.channels)[:, None]
            words = taps + (channels >> 6) * layout.planes
            places = (words << 6 | channels & 63).astype(np.int32).reshape(-1)
            group = np.arange(layer.outputs) // (layer.outputs // groups)
            self._cell_places[layout] = places, group * self._cells, self._cells
        return self._cell_places[layout]

    def _frequently(
        self,
        chunk: Chunk,
        noise: Noise,
        errors: LayerErrors,
        presentations: tuple[Presentation, ...],
    ) -> None:
        """Sums without errors, and what whole classes of cells change in them."""
        operation = self.operation
        tables = frequent_tables(changes_of(errors.table))
        planes = operation.planes(chunk.codes[operation.step.source].layout.channels, gated=True)
        single = len(planes) * len(presentations) == 1
        results = operation.sums_target(chunk).sums if single else operation.clean_sums(chunk).sums
        pitch = chunk.sums[operation.step.target].pitch
        nonzero = chunk.sum_buffer("sums/nonzero", results.size)
        part = results if single else chunk.sum_buffer("sums/part", results.size)
        number = 0
        for presentation in presentations:
            layout, codes = self.presented(chunk, presentation)
            windows = self._windows_of(chunk, layout, codes)
            counts = self._counts(chunk, layout.channels, windows)
            for j, plane in enumerate(planes):
                if operation.nibbles is not None:
                    operation.nibbles.count(chunk, layout, codes, j, part, nonzero)
                else:
                    noisy.count_products(
                        windows.codes, plane.panels, *windows.arrays, part, nonzero
                    )
                noisy.change_frequently(
                    part,
                    nonzero,
                    pitch,
                    *counts,
                    self._streams(chunk, noise, number, windows.starts.size),
                    tables.firsts,
                    tables.seconds,
                    tables.shapes,
                    presentation.coefficient * 3**j,
                    results,
                )
                number += 1

    def _by_cell(
        self,
        chunk: Chunk,
        noise: Noise,
        errors: LayerErrors,
        presentations: tuple[Presentation, ...],
    ) -> None:
        """Sums without errors, and what every single wrong read adds to them."""
        operation = self.operation
        sums = operation.clean_sums(chunk)
        for number, presentation in enumerate(presentations):
            layout, codes = self.presented(chunk, presentation)
            x = self._decoded(chunk, layout, codes)
            for plane, trits in enumerate(self._windows):
                reads = Reads(
                    layer=operation.layer,
                    plane=plane,
                    trits=trits,
                    geometry=operation.step.geometry,
                    x=x,
                    x_pitches=(x.size // chunk.images, layout.positions, 1),
                    size=(layout.height, layout.width),
                    out_size=(sums.height, sums.width),
                    first=chunk.first,
                    images=chunk.images,
                    presentation=number,
                    purpose=f"{operation.layer.name}/cells/{number}/{plane}",
                    tables=self.tables,
                )
                factor = presentation.coefficient * 3**plane
                values = np.tile(np.array([-factor, 0, factor], np.int32), (sums.channels, 1))
                pitches = (sums.positions * sums.pitch, 1, sums.pitch)
                reads.apply(reads.wrong(noise, errors), values, sums.sums, pitches)

    @functools.cached_property
    def _cells(self) -> int:
        """Cells of an output, of one trit plane."""
        return (
            self.operation.layer.cells
            // self.operation.layer.planes
            // self.operation.layer.outputs
        )

    @functools.cached_property
    def _windows(self) -> tuple[npt.NDArray[np.int8], ...]:
        operation = self.operation
        return tuple(
            as_windows(trits, operation.layer, operation.step.geometry)
            for trits in operation.layer.trits
        )

    @staticmethod
    def _decoded(
        chunk: Chunk, layout: ImageLayout, codes: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.int32]:
        """Inputs of one presentation as numbers -1, 0, +1, flat [image][channel][position]."""
        x = np.empty(chunk.images * layout.channels * layout.positions, np.int32)
        pack.decode(
            codes,
            layout.channels,
            pack.TERNARY_PLANES,
            2,
            False,
            -1,
            np.array([-1, 0, 1], np.int32),
            position_starts(layout, chunk.images),
            layout.positions,
            layout.channels * layout.positions,
            layout.positions,
            1,
            x,
        )
        return x

    def presentations(self, errors: LayerErrors) -> tuple[Presentation, ...]:
        """What is presented to the cells for one result."""
        if self.operation.code.kind in ("binary", "ternary"):
            ungrouped = self.operation.step.geometry.groups == 1
            if errors.cells is not None or (is_symmetric(errors.table) and ungrouped):
                return (Presentation(expand.BOTH_SIGNS, 1),)
            return Presentation(0, 1), Presentation(1, -1)
        coefficients = self.operation.coefficients.tolist()
        return tuple(Presentation(j, c) for j, c in enumerate(coefficients))

    def presented(
        self, chunk: Chunk, presentation: Presentation
    ) -> tuple[ImageLayout, npt.NDArray[np.uint64]]:
        """Inputs of one presentation as (non-zero, negative) planes."""
        operation = self.operation
        source = chunk.codes[operation.step.source]
        layout, codes = source.layout, source.codes
        if operation.code.kind != "ternary" or presentation.which != expand.BOTH_SIGNS:
            layout = ImageLayout(layout.channels, layout.height, layout.width, 2, layout.border)
            codes = chunk.code_buffer(f"{operation.step.target}/inputs", layout)
            expand.expand_planes(
                source.codes,
                layout.words,
                source.layout.planes,
                plane_meaning(operation.code),
                presentation.which,
                channel_bits(np.ones(1, np.bool_), layout.channels),
                position_starts(source.layout, chunk.images),
                position_starts(layout, chunk.images),
                codes,
            )
        return layout, codes

    def _windows_of(
        self, chunk: Chunk, layout: ImageLayout, codes: npt.NDArray[np.uint64]
    ) -> Windows:
        step = self.operation.step
        outputs, name = self.operation.layer.outputs, f"{step.target}/inputs"
        return find_windows(chunk, layout, codes, step.geometry, outputs, name)

    def _counts(
        self, chunk: Chunk, channels: int, windows: Windows
    ) -> tuple[npt.NDArray[np.int32], int]:
        """Inputs that each output senses; one number a position where all outputs agree."""
        geometry, layer = self.operation.step.geometry, self.operation.layer
        starts = windows.starts
        name = f"{self.operation.step.target}/counts"
        if geometry.groups == 1:
            counts = chunk.sum_buffer(name, starts.size)
            noisy.count_inputs(windows.codes, starts, windows.offsets, windows.words, counts)
            return counts, 1
        pitch = panels_for(layer.outputs) * PANEL
        counts = chunk.sum_buffer(name, starts.size * pitch)
        members = self._members(channels)
        places = np.arange(starts.size, dtype=np.int64) * pitch
        none = (np.zeros(0, np.uint64), np.zeros(0, np.uint16), places, np.zeros(0, np.uint16))
        convolution.convolve_gated(
            windows.codes, members.panels, *windows.arrays, epilogue.STORE, 1, *none, counts
        )
        return counts, pitch

    def _members(self, channels: int) -> PackedPlane:
        """Weights that are 1 for every channel of an output's group."""
        if channels not in self._group_members:
            layer = self.operation.layer
            self._group_members[channels] = pack_plane(
                np.ones(layer.shape, np.int8),
                layer,
                self.operation.step.geometry,
                channels,
                negative_only=False,
            )
        return self._group_members[channels]

    def _streams(
        self, chunk: Chunk, noise: Noise, number: int, positions: int
    ) -> npt.NDArray[np.uint64]:
        """The random stream of every position; uint64 [positions, 2]."""
        layer = self.operation.layer
        purpose = f"{layer.name}/read/{number}"
        keys = sample_streams(noise.seed, purpose, chunk.first, chunk.images)
        per_image = positions // chunk.images
        streams = np.empty((chunk.images, per_image, 2), np.uint64)
        np.add(keys[:, None, 0], _first_counters(per_image, layer.outputs), out=streams[:, :, 0])
        streams[:, :, 1] = keys[:, None, 1]
        return streams.reshape(positions, 2)


@functools.lru_cache(maxsize=256)
def _first_counters(positions: int, outputs: int) -> npt.NDArray[np.uint64]:
    """The counter of every position's first output, times GOLDEN; uint64 [positions]."""
    each = np.uint64(panels_for(outputs) * PANEL)
    return np.arange(positions, dtype=np.uint64) * each * random.GOLDEN
