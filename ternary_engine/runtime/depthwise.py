"""Error-free depthwise convolutions, 64 channels at once.

Sums are the same integers that popcounts give, so results are equal bit for bit.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.kernels import depthwise, epilogue
from ternary_engine.kernels.layout import PANEL, panels_for
from ternary_engine.kernels.simd import LANES
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import (
    ImageLayout,
    tap_offsets,
    valid_taps,
    window_counts,
    window_starts,
)
from ternary_engine.runtime.operations import channel_bits
from ternary_engine.runtime.values import Chunk, Target
from ternary_engine.steps import Crossbar, Geometry

if TYPE_CHECKING:
    from ternary_engine.runtime.crossbar import Finish

UInt64Array = npt.NDArray[np.uint64]


class DepthwiseProduct:
    """The product of one layer whose every output sees one channel of its own."""

    def __init__(self, step: Crossbar, layer: Layer, codes: Codes, finish: Finish) -> None:
        self.step = step
        self.layer = layer
        self.code = codes
        self.finish = finish
        self.taps = step.geometry.kernel[0] * step.geometry.kernel[1]
        self.thresholds = np.zeros(0, np.uint64)
        falling = np.zeros(layer.outputs, np.bool_)
        if finish.step is not None:
            levels = finish.step.thresholds.astype(np.int64)
            self.thresholds = depthwise.slice_thresholds(levels, self.taps)
            falling |= finish.step.decreasing
        self.flips = channel_bits(falling, layer.outputs)
        self.real = channel_bits(np.ones(1, np.bool_), layer.outputs)

    @staticmethod
    def suits(step: Crossbar, layer: Layer, codes: Codes) -> bool:
        """Whether a layer can be computed so."""
        taps = step.geometry.kernel[0] * step.geometry.kernel[1]
        return (
            step.geometry.groups == layer.outputs > 1
            and layer.cells == layer.outputs * taps
            and taps <= depthwise.MOST_TAPS
            and codes.kind in ("binary", "ternary")
        )

    @functools.cached_property
    def weights(self) -> UInt64Array:
        """Packed weights."""
        return depthwise.pack_depthwise(self.layer.trits[0].reshape(self.layer.outputs, self.taps))

    def __call__(self, chunk: Chunk, target: Target, *, stored: bool = False) -> None:
        """Run on one chunk.

        Args:
            chunk: the chunk. target: where results go.
            stored: keep the sums, whatever step the layer takes in.
        """
        source, geometry = chunk.codes[self.step.source], self.step.geometry
        layout = source.layout
        count = chunk.images * layout.image_pitch // layout.pixel_pitch
        split = chunk.word_buffer("split planes", count * layout.pixel_pitch + LANES)
        chunk.call(depthwise.split_planes, source.codes, layout.pixel_pitch, count, split)
        where = layout.of_elements(1)
        columns = window_counts(layout, geometry)[1]
        chunk.call(
            depthwise.convolve_depthwise,
            split,
            count,
            layout.planes,
            layout.words,
            window_starts(where, geometry, chunk.images),
            columns,
            geometry.strides[1] == 1 and columns >= LANES,
            _outside(where, geometry) if self.code.kind == "binary" else _NOTHING_OUTSIDE,
            tap_offsets(where, geometry),
            self.weights,
            self.real,
            epilogue.STORE if stored else self.finish.mode,
            self.thresholds,
            self.flips,
            target.places >> 2,
            target.codes.view(np.uint64),
            panels_for(self.layer.outputs) * PANEL,
            target.sums,
        )


_NOTHING_OUTSIDE = np.zeros(LANES, np.uint64)


@functools.lru_cache(maxsize=256)
def _outside(layout: ImageLayout, geometry: Geometry) -> UInt64Array:
    """Taps that have no input, which binary codes do not show."""
    return depthwise.outside_words(*valid_taps(layout, geometry))
