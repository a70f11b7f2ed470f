"""What the runtime does for one step, on one chunk: everything but the crossbar products."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.kernels import join, pack, pool, sums
from ternary_engine.kernels.layout import pack_channels
from ternary_engine.runtime.guards import check_form, check_real, check_rows, check_same_size
from ternary_engine.runtime.layout import (
    Border,
    ImageLayout,
    position_starts,
    tap_offsets,
    valid_taps,
    window_counts,
    window_starts,
)
from ternary_engine.runtime.values import Chunk, CodeImages, SumImages
from ternary_engine.steps import (
    Decode,
    Encode,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    ScaleReal,
    Threshold,
)

Array = npt.NDArray[Any]
Pitches = tuple[int, int, int]  # image, channel, position


class Operation(Protocol):
    """One step of the plan; immutable, so that any number of threads may run it at once."""

    def __call__(self, chunk: Chunk) -> None:
        """Read the step's sources from the chunk, put its targets there."""
        ...


def plane_meaning(codes: Codes) -> int:
    """How the kernels are told what the planes of a code mean."""
    if codes.kind == "binary":
        return pack.BINARY_PLANES
    return pack.TERNARY_PLANES if codes.kind == "ternary" else pack.DIGIT_PLANES


def channel_bits(flags: npt.NDArray[np.bool_], channels: int) -> npt.NDArray[np.uint64]:
    """Pack one flag per channel into words, spare bits zero; a single flag serves all."""
    return pack_channels(np.broadcast_to(flags, (channels,)))


def are_whole(thresholds: Array) -> bool:
    """Whether all channels share thresholds that are whole numbers from 0 on, one after another."""
    if len(thresholds) > 1 or thresholds.shape[1] == 0:
        return False
    first = thresholds[0, 0]
    if not 0 <= first < 1 << 20 or first != int(first):
        return False
    return bool((thresholds[0] == first + np.arange(thresholds.shape[1])).all())


def _reads_as(form: str, channels: int, height: int, width: int) -> tuple[tuple[int, ...], Pitches]:
    """Shape of one sample of a real value in that form, and how its elements are strided."""
    positions = height * width
    if form == "NTC":
        return (width, channels), (positions * channels, 1, channels)
    shapes = {"NCHW": (channels, height, width), "NCL": (channels, width), "NC": (channels,)}
    return shapes[form], (positions * channels, positions, 1)


class EncodeOperation:
    """real -> codes."""

    def __init__(self, step: Encode, border: Border) -> None:
        self.step = step
        self.border = border
        self.integers = np.array(step.codes.integers, np.int64)
        self.simple = step.codes.kind in ("binary", "ternary")
        self.tables: dict[int, tuple[Array, ...]] = {}

    def _table(self, channels: int) -> tuple[Array, ...]:
        if channels not in self.tables:
            thresholds = np.broadcast_to(
                self.step.thresholds, (channels, self.step.thresholds.shape[1])
            )
            flips = np.broadcast_to(self.step.decreasing, (channels,))
            low, high = (np.ascontiguousarray(thresholds[:, side]) for side in (0, -1))
            self.tables[channels] = low, high, flips.copy(), channel_bits(flips, channels)
        return self.tables[channels]

    def _layout(self, values: Array) -> ImageLayout:
        if self.step.channels_last:
            channels, height, width = values.shape[-1], 1, int(np.prod(values.shape[1:-1]))
        else:
            spatial = (1, 1, *values.shape[2:])[-2:]
            channels, (height, width) = values.shape[1], spatial
        return ImageLayout(channels, height, width, self.step.codes.planes, self.border)

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        values, step = chunk.real[self.step.source], self.step
        check_real(values, chunk.images, step.target, flatten=step.flatten, last=step.channels_last)
        if self.step.flatten:
            values = values.reshape(len(values), -1)
        if values.dtype != np.float32 or not values.flags.c_contiguous:
            as_float = chunk.real_buffer(f"{self.step.target}/float", values.shape)
            chunk.call(np.copyto, as_float, values)
            values = as_float
        layout = self._layout(values)
        check_rows(len(step.thresholds), layout.channels, step.target)
        codes = chunk.code_buffer(self.step.target, layout)
        chunk.codes[self.step.target] = CodeImages(layout, codes)
        targets = position_starts(layout, chunk.images)
        flat = values.reshape(-1)
        by_rows = self.step.channels_last or layout.positions == 1
        if self.simple:
            low, high, flips, flip_words = self._table(layout.channels)
            arguments = (layout.planes, targets, codes)
            if by_rows:
                chunk.call(
                    pack.encode_rows, flat, layout.channels, low, high, flip_words, *arguments
                )
            else:
                chunk.call(
                    pack.encode_images,
                    flat,
                    layout.channels,
                    layout.positions,
                    low,
                    high,
                    flips,
                    *arguments,
                )
            return
        size = layout.channels * layout.positions
        pitches = (size, 1, layout.channels) if by_rows else (size, layout.positions, 1)
        chunk.call(
            pack.encode_levels,
            flat,
            layout.channels,
            *pitches,
            layout.positions,
            self.step.thresholds.reshape(-1),
            len(self.step.thresholds) > 1,
            are_whole(self.step.thresholds),
            self.step.decreasing,
            self.integers,
            plane_meaning(self.step.codes),
            layout.planes,
            targets,
            codes,
        )


class SumsToCodes:
    """sums -> codes of any number of levels, through thresholds or a table."""

    def __init__(self, step: Threshold | LookupCodes, border: Border) -> None:
        self.step = step
        self.border = border
        if isinstance(step, Threshold):
            self.thresholds, self.decreasing = step.thresholds, step.decreasing
            self.integers = np.array(step.codes.integers, np.int64)
        else:  # the table's columns are the codes, so a number is encoded as itself
            low, high = int(step.table.min()), int(step.table.max())
            self.integers = np.arange(low, high + 1)
            self.thresholds = np.arange(low + 1, high + 1, dtype=np.int32)[None]
            self.decreasing = np.zeros(1, np.bool_)

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.sums[self.step.source]
        layout = ImageLayout(
            source.channels, source.height, source.width, self.step.codes.planes, self.border
        )
        codes = chunk.code_buffer(self.step.target, layout)
        chunk.codes[self.step.target] = CodeImages(layout, codes)
        values = source.sums
        if isinstance(self.step, LookupCodes):
            values = chunk.sum_buffer(f"{self.step.target}/looked up", source.sums.size)
            chunk.call(self._look_up, source, values)
        chunk.call(
            pack.encode_levels,
            values,
            source.channels,
            source.positions * source.pitch,
            1,
            source.pitch,
            source.positions,
            self.thresholds.reshape(-1),
            len(self.thresholds) > 1,
            are_whole(self.thresholds),
            self.decreasing,
            self.integers,
            plane_meaning(self.step.codes),
            layout.planes,
            position_starts(layout, chunk.images),
            codes,
        )

    def _look_up(self, source: SumImages, found: npt.NDArray[np.int32]) -> None:
        """Replace sums by the code integers that the table has for them."""
        assert isinstance(self.step, LookupCodes)
        columns = source.sums.reshape(-1, source.pitch)[:, : source.channels] - self.step.minimum
        rows = found.reshape(-1, source.pitch)
        rows[:, : source.channels] = self.step.table[np.arange(source.channels), columns]


class SumsToReal:
    """sums -> real, through a table or a scale."""

    def __init__(self, step: LookupReal | ScaleReal) -> None:
        self.step = step
        if isinstance(step, ScaleReal):
            zeros = np.zeros_like(step.scale)
            self.offset = zeros if step.offset is None else step.offset

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.sums[self.step.source]
        check_form(self.step.form, source.height, source.width, self.step.target)
        shape, pitches = _reads_as(self.step.form, source.channels, source.height, source.width)
        values = chunk.real_buffer(self.step.target, (chunk.images, *shape))
        chunk.real[self.step.target] = values
        where = (source.sums, source.pitch, source.channels, source.positions)
        flat = values.reshape(-1)
        if isinstance(self.step, LookupReal):
            chunk.call(sums.look_up, *where, self.step.minimum, self.step.table, *pitches, flat)
        else:
            chunk.call(sums.scale, *where, self.step.scale, self.offset, *pitches, flat)


class DecodeOperation:
    """codes -> real."""

    def __init__(self, step: Decode, codes: Codes) -> None:
        self.step = step
        self.code = codes
        table = codes.values
        if codes.kind == "binary":  # a place for the missing zero
            table = (codes.values[0], 0.0, codes.values[1])
        self.table = np.array(table, np.float32)

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.codes[self.step.source]
        layout = source.layout
        check_form(self.step.form, layout.height, layout.width, self.step.target)
        shape, pitches = _reads_as(self.step.form, layout.channels, layout.height, layout.width)
        values = chunk.real_buffer(self.step.target, (chunk.images, *shape))
        chunk.real[self.step.target] = values
        chunk.call(
            pack.decode,
            source.codes,
            layout.channels,
            plane_meaning(self.code),
            layout.planes,
            self.code.kind == "signed",
            self.code.minimum,
            self.table,
            position_starts(layout, chunk.images),
            layout.positions,
            *pitches,
            values.reshape(-1),
        )


class JoinOperation:
    """codes -> codes: the channels of several images, one image after another."""

    def __init__(self, step: Join, codes: Codes, border: Border) -> None:
        self.step = step
        self.planes = codes.planes
        self.border = border

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        sources = [chunk.codes[name] for name in self.step.sources]
        layouts = [source.layout for source in sources]
        check_same_size(layouts, self.step.target)
        channels = sum(layout.channels for layout in layouts)
        height, width = layouts[0].height, layouts[0].width
        joined = ImageLayout(channels, height, width, self.planes, self.border)
        codes = chunk.code_buffer(self.step.target, joined)
        chunk.codes[self.step.target] = CodeImages(joined, codes)
        targets, first = position_starts(joined, chunk.images), 0
        for source, layout in zip(sources, layouts, strict=True):
            starts = position_starts(layout, chunk.images)
            one = (source.codes, self.planes, layout.channels, starts)
            chunk.call(join.join_channels, *one, first, targets, codes)
            first += layout.channels


class PoolOperation:
    """codes -> codes: the largest (or smallest) of each window."""

    def __init__(self, step: Pool, codes: Codes, border: Border) -> None:
        self.step = step
        self.code = codes
        self.border = border

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.codes[self.step.source]
        layout, geometry = source.layout, self.step.geometry
        check_rows(len(self.step.smallest), layout.channels, self.step.target)
        height, width = window_counts(layout, geometry)
        pooled = ImageLayout(layout.channels, height, width, layout.planes, self.border)
        codes = chunk.code_buffer(self.step.target, pooled)
        chunk.codes[self.step.target] = CodeImages(pooled, codes)
        rows, columns = valid_taps(layout, geometry)
        valid = (rows[:, None, :, None] & columns[None, :, None, :]).reshape(height * width, -1)
        windows = (window_starts(layout, geometry, chunk.images), valid)
        targets = position_starts(pooled, chunk.images)
        smallest = channel_bits(self.step.smallest, layout.channels)
        offsets = tap_offsets(layout, geometry)
        if self.code.kind == "ternary":
            chunk.call(
                pool.pool_ternary,
                source.codes,
                layout.words,
                *windows,
                offsets,
                smallest,
                targets,
                codes,
            )
        elif self.code.kind == "binary":
            real = channel_bits(np.ones(1, np.bool_), layout.channels)
            chunk.call(
                pool.pool_binary,
                source.codes,
                layout.words,
                *windows,
                offsets,
                smallest,
                real,
                targets,
                codes,
            )
        else:
            self._pool_levels(chunk, source, pooled, valid, codes)

    def _pool_levels(
        self,
        chunk: Chunk,
        source: CodeImages,
        pooled: ImageLayout,
        valid: npt.NDArray[np.bool_],
        codes: npt.NDArray[np.uint64],
    ) -> None:
        layout, channels = source.layout, source.layout.channels
        size = layout.positions * channels
        pitches = (size, 1, channels)
        meaning, signed = plane_meaning(self.code), self.code.kind == "signed"
        integers = np.arange(self.code.minimum, self.code.minimum + (1 << self.code.bits))
        values = chunk.real_buffer(f"{self.step.target}/values", (chunk.images * size,), np.int16)
        chunk.call(
            pack.decode,
            source.codes,
            channels,
            meaning,
            layout.planes,
            signed,
            self.code.minimum,
            integers.astype(np.int16),
            position_starts(layout, chunk.images),
            layout.positions,
            *pitches,
            values,
        )
        # The same tables for an image of one int16 per channel instead of packed words.
        flat = _Unpacked(channels, layout.height, layout.width)
        shape = (chunk.images * pooled.positions, channels)
        best = chunk.real_buffer(f"{self.step.target}/best", shape, np.int16)
        chunk.call(
            pool.pool_values,
            values,
            channels,
            flat.starts(self.step, chunk.images),
            valid,
            flat.offsets(self.step),
            np.broadcast_to(self.step.smallest, (channels,)).copy(),
            best,
        )
        chunk.call(
            pack.encode_levels,
            best.reshape(-1),
            channels,
            pooled.positions * channels,
            1,
            channels,
            pooled.positions,
            integers[1:].astype(np.int16),
            False,
            False,
            np.zeros(1, np.bool_),
            integers,
            meaning,
            pooled.planes,
            position_starts(pooled, chunk.images),
            codes,
        )


class _Unpacked:
    """Window tables of a plain channels-last array."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.channels = channels
        self.layout = ImageLayout(1, height, width, 1, (0, 0, 0, 0))

    def starts(self, step: Pool, images: int) -> npt.NDArray[np.int64]:
        return window_starts(self.layout, step.geometry, images) * self.channels

    def offsets(self, step: Pool) -> npt.NDArray[np.int64]:
        return tap_offsets(self.layout, step.geometry) * self.channels
