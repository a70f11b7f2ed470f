"""What a product kernel reads: windows of packed codes, in place or gathered."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels import gather
from ternary_engine.kernels.layout import WORD_BITS, panels_for, words_for
from ternary_engine.runtime.layout import (
    ImageLayout,
    Int64Array,
    group_window,
    merge_runs,
    tap_offsets,
    window_starts,
)
from ternary_engine.runtime.values import Chunk
from ternary_engine.steps import Geometry


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of a chunk, as the kernels of `kernels.convolution` take them.

    Attributes:
        codes: flat uint64.
        starts: int64 [positions], where a window begins.
        offsets: int64 [runs], where its runs of consecutive words begin.
        words: words of a run.
        panel_starts: int64 [panels], what a panel adds to a window's start.
    """

    codes: npt.NDArray[np.uint64]
    starts: Int64Array
    offsets: Int64Array
    words: int
    panel_starts: Int64Array

    @property
    def arrays(self) -> tuple[Int64Array, Int64Array, int, Int64Array]:
        """Starts, offsets, words and panel starts, in the kernels' order."""
        return self.starts, self.offsets, self.words, self.panel_starts

    def of_image(self, image: int, images: int) -> Windows:
        """The windows of one of the chunk's images."""
        each = self.starts.size // images
        return replace(self, starts=self.starts[image * each : (image + 1) * each])


def is_gathered(geometry: Geometry, channels: int) -> bool:
    """Whether windows are gathered first: where that saves two words in five or more."""
    taps = geometry.kernel[0] * geometry.kernel[1]
    if geometry.groups > 1 or channels >= WORD_BITS:
        return False
    return 5 * words_for(taps * channels) <= 3 * taps


def find_windows(
    chunk: Chunk,
    layout: ImageLayout,
    codes: npt.NDArray[np.uint64],
    geometry: Geometry,
    outputs: int,
    name: str,
) -> Windows:
    """The windows of a chunk's codes; gathered ones lie in a buffer of that name."""
    starts = window_starts(layout, geometry, chunk.images)
    if is_gathered(geometry, layout.channels):
        offsets = tap_offsets(layout, geometry)
        words = words_for(offsets.size * layout.channels)
        size = words * starts.size * layout.planes
        gathered = chunk.word_buffer(f"{name}/gathered", size)
        chunk.call(
            gather.gather_windows,
            codes, layout.planes, layout.channels, starts, offsets, gathered,
        )  # fmt: skip
        rows = np.arange(starts.size, dtype=np.int64) * layout.planes
        runs = np.arange(words, dtype=np.int64) * (starts.size * layout.planes)
        return Windows(gathered, rows, runs, 1, np.zeros(panels_for(outputs), np.int64))
    window = group_window(layout.channels, outputs, geometry.groups)
    offsets, words = _runs(layout, geometry, window.words)
    panel_starts = np.array(window.first, np.int64) * layout.planes
    return Windows(codes, starts, offsets, words, panel_starts)


@functools.lru_cache(maxsize=256)
def _runs(layout: ImageLayout, geometry: Geometry, words: int) -> tuple[Int64Array, int]:
    """Where the runs of a window begin, and their words; ``words`` are read at each tap."""
    offsets = tap_offsets(layout, geometry)
    return merge_runs(offsets, words, layout.planes) if words == layout.words else (offsets, words)
