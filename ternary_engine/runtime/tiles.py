"""Error-free crossbar layers on the matrix tiles of the processor (Intel AMX), where it has them.

Sums are the same integers that popcounts give, so results are equal bit for bit. Reads with errors
stay with the packed planes, which is where the errors are.

``TERNARY_ENGINE_AMX=0`` in the environment keeps everything on popcounts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.encoding import from_trit_planes
from ternary_engine.kernels import epilogue, tile_layout, tile_product
from ternary_engine.kernels.layout import WORD_BITS, panels_for, words_for
from ternary_engine.kernels.tiles import are_supported
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import (
    ImageLayout,
    tap_classes,
    tap_offsets,
    valid_taps,
    window_counts,
    window_starts,
)
from ternary_engine.runtime.values import Chunk, Target
from ternary_engine.runtime.weights import as_windows
from ternary_engine.runtime.windows import is_gathered
from ternary_engine.steps import Crossbar, Threshold

Array = npt.NDArray[Any]

SWITCH = "TERNARY_ENGINE_AMX"
_SECOND_CACHE = 1 << 20  # bytes; larger weights come from further away, once a chunk


def available() -> bool:
    """Whether layers may run on tiles: the machine can, and the user has not switched it off."""
    return os.environ.get(SWITCH) != "0" and are_supported()


def _aligned(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """From the first cache line on."""
    return words[-words.ctypes.data % 64 // 8 :]


@dataclass(frozen=True, eq=False)
class _Tables:
    """What depends on the layout of the source images.

    Attributes:
        sources, places, blocks: see `kernels.tile_product.convolve_tiles`.
        classes: int32 [positions of an image]. base: by class.
    """

    sources: Array
    places: Array
    blocks: Array
    classes: Array
    base: Array


class TileProduct:
    """The product of one crossbar layer on matrix tiles."""

    def __init__(
        self, step: Crossbar, layer: Layer, codes: Codes, threshold: Threshold | None
    ) -> None:
        self.step = step
        self.layer = layer
        self.code = codes
        self.falling: npt.NDArray[np.bool_] = np.zeros(layer.outputs, np.bool_)
        self.mode, self.thresholds = epilogue.STORE, np.zeros(0, np.int32)
        if threshold is not None:
            ternary = threshold.codes.kind == "ternary"
            self.mode = epilogue.TERNARY if ternary else epilogue.BINARY
            self.falling = np.asarray(threshold.decreasing, np.bool_)
            self.thresholds = tile_layout.thresholds(threshold.thresholds, self.falling)
        self.form, self.low = tile_layout.byte_form(codes.kind, codes.planes)
        self._packed: tuple[Array, Array] | None = None
        self._tables: dict[ImageLayout, _Tables] = {}

    @staticmethod
    def suits(step: Crossbar, layer: Layer, codes: Codes) -> bool:
        """Whether a layer can run on tiles at all."""
        if step.geometry.groups != 1 or codes.planes > tile_layout.MAX_PLANES:
            return False
        if not available():
            return False
        if layer.planes <= 5:  # codes of -121 to 121
            return True
        return int(np.abs(from_trit_planes(layer.trits)).max(initial=0)) <= np.iinfo(np.int8).max

    def __call__(self, chunk: Chunk, target: Target) -> None:
        """Run on one chunk."""
        source = chunk.codes[self.step.source]
        tiles, tables = self._weights()[0], self._tables_for(source.layout)
        rows, part = tile_layout.room_for(tables.blocks, self.layer.outputs)
        rows_room = chunk.word_buffer("tiles/rows", rows // 8 + 8)
        part_room = chunk.word_buffer("tiles/part", part // 2 + 8)
        chunk.call(
            tile_product.convolve_tiles,
            source.codes,
            tiles,
            window_starts(source.layout, self.step.geometry, chunk.images),
            self.form,
            tables.sources,
            tables.places,
            tables.blocks,
            np.tile(tables.classes, chunk.images),
            tables.base,
            panels_for(self.layer.outputs),
            self.mode,
            self.thresholds,
            target.places,
            target.codes,
            target.sums,
            _aligned(rows_room).view(np.int8),
            _aligned(part_room).view(np.int32),
        )

    def _weights(self) -> tuple[Array, Array]:
        """Weights as tiles, and their sums over the channels, int64 [outputs, taps].

        Where the code falls as the sum rises, the weights change sign: then it rises.
        """
        if self._packed is None:  # two threads may both pack; a lock could be held over a fork
            codes = from_trit_planes(self.layer.trits).astype(np.int8)
            windows = as_windows(codes, self.layer, self.step.geometry)
            windows[self.falling] *= -1
            tiles = tile_layout.pack_tiles(windows.reshape(len(windows), -1))
            room = _aligned(np.empty(tiles.size // 8 + 8, np.uint64)).view(np.int8)
            room[: tiles.size] = tiles
            self._packed = room, windows.sum(axis=2, dtype=np.int64)
        return self._packed

    def _tables_for(self, layout: ImageLayout) -> _Tables:
        if layout not in self._tables:
            geometry, sums = self.step.geometry, self._weights()[1]
            classes, base = np.zeros(1, np.int32), self.low * sums.sum(axis=1)[None]
            rows, columns = valid_taps(layout, geometry)
            if self.code.kind == "binary":
                classes, taps = tap_classes(rows, columns)
                base = np.negative(~taps @ sums.T)  # 0 in the border reads as +1
            else:
                classes = np.zeros(len(rows) * len(columns), np.int32)
            offsets = tap_offsets(layout, geometry)
            steps = tile_layout.spread_steps(offsets, layout.channels, layout.planes)
            self._tables[layout] = _Tables(*steps, classes, tile_layout.spread_pairs(base))
        return self._tables[layout]

    def pays(self, layout: ImageLayout, images: int) -> bool:
        """Whether tiles are faster than popcounts, by the cycles that either takes.

        The numbers are fitted to linear layers of 64 to 4096 inputs, 10 to 1024 outputs and 1 to
        64 positions, and to convolutions of 4 x 4 to 16 x 16, on a Xeon of the Granite Rapids
        kind. Tiles pay from some 30 positions on, sooner with many planes.
        """
        geometry, outputs = self.step.geometry, self.layer.outputs
        height, width = window_counts(layout, geometry)
        positions = images * height * width
        taps = geometry.kernel[0] * geometry.kernel[1]
        dense, steps = words_for(taps * layout.channels), taps * layout.words
        panels, pairs = panels_for(outputs), -(-outputs // tile_layout.PAIR)

        bytes_ = dense * WORD_BITS * pairs * tile_layout.PAIR
        from_memory = bytes_ // 6 if bytes_ > _SECOND_CACHE else 0
        step = pairs * (64 * dense + 150) + tile_layout.ROWS * steps * 4
        tiles = 4500 + from_memory + -(-positions // tile_layout.ROWS) * step

        each = 6 if self.code.kind == "ternary" else 3 * layout.planes
        if self.code.kind == "binary" and self.layer.binary:
            each = 2
        gathered = is_gathered(geometry, layout.channels)
        popcounts = panels * (15 + each * (dense if gathered else steps)) * self.layer.planes
        gathering = 8 * taps if gathered else 0
        return positions * (popcounts + gathering) > tiles
