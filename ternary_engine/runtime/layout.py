"""Where codes lie in memory, and the tables that lead a kernel through windows of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.layout import PANEL, WORD_BITS, panels_for, words_for
from ternary_engine.steps import Geometry

Int64Array = npt.NDArray[np.int64]
Border = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass(frozen=True)
class ImageLayout:
    """Packed codes of one image: [row][column][word][plane], inside a border of zeros.

    Pitches are counted in uint64.
    """

    channels: int
    height: int
    width: int
    planes: int
    border: Border

    @property
    def words(self) -> int:
        """Words that hold one plane of a position."""
        return words_for(self.channels)

    @property
    def pixel_pitch(self) -> int:
        """From one column to the next."""
        return self.words * self.planes

    @property
    def row_pitch(self) -> int:
        """From one row to the next."""
        return (self.border[1] + self.width + self.border[3]) * self.pixel_pitch

    @property
    def image_pitch(self) -> int:
        """From one image to the next."""
        return (self.border[0] + self.height + self.border[2]) * self.row_pitch

    @property
    def positions(self) -> int:
        """Positions of one image, without the border."""
        return self.height * self.width

    def of_elements(self, each: int) -> ImageLayout:
        """The same positions and border, with so many elements of a flat array at each."""
        return ImageLayout(each * WORD_BITS, self.height, self.width, 1, self.border)

    def offset(self, rows: Int64Array, columns: Int64Array) -> Int64Array:
        """Where the position (row, column) lies; negative ones are in the border."""
        down, right = rows + self.border[0], columns + self.border[1]
        return down * self.row_pitch + right * self.pixel_pitch


def output_size(size: int, kernel: int, stride: int, pads: int, dilation: int, ceil: bool) -> int:
    """Number of windows along one axis, as ONNX defines it."""
    span = size + pads - dilation * (kernel - 1) - 1
    return (-(-span // stride) if ceil else span // stride) + 1


def window_counts(layout: ImageLayout, geometry: Geometry) -> tuple[int, int]:
    """Rows and columns of windows.

    Raises:
        ValueError: the window is larger than the padded image.
    """
    top, left, bottom, right = geometry.pads
    counts = []
    for size, axis, pads, before in (
        (layout.height, 0, top + bottom, top),
        (layout.width, 1, left + right, left),
    ):
        stride = geometry.strides[axis]
        count = output_size(
            size, geometry.kernel[axis], stride, pads, geometry.dilations[axis], geometry.ceil_mode
        )
        if geometry.ceil_mode and (count - 1) * stride >= size + before:
            count -= 1  # a window that starts in the padding behind the image does not count
        if count < 1:
            raise ValueError(
                f"a window of {geometry.kernel} with pads {geometry.pads} does not fit an image of "
                f"{layout.height} x {layout.width}"
            )
        counts.append(count)
    return counts[0], counts[1]


def _spread(image: Int64Array, images: int, pitch: int) -> Int64Array:
    return (np.arange(images)[:, None] * pitch + image.reshape(1, -1)).reshape(-1)


@functools.lru_cache(maxsize=256)
def position_starts(layout: ImageLayout, images: int) -> Int64Array:
    """int64 [images * positions]: where every position's codes start."""
    rows, columns = np.mgrid[: layout.height, : layout.width]
    return _spread(layout.offset(rows, columns), images, layout.image_pitch)


@functools.lru_cache(maxsize=256)
def window_starts(layout: ImageLayout, geometry: Geometry, images: int) -> Int64Array:
    """int64 [images * windows]: where every window's first tap lies."""
    height, width = window_counts(layout, geometry)
    rows, columns = np.mgrid[:height, :width]
    rows = rows * geometry.strides[0] - geometry.pads[0]
    columns = columns * geometry.strides[1] - geometry.pads[1]
    return _spread(layout.offset(rows, columns), images, layout.image_pitch)


@functools.lru_cache(maxsize=256)
def tap_offsets(layout: ImageLayout, geometry: Geometry) -> Int64Array:
    """int64 [taps]: where every tap lies, relative to the window's first."""
    rows, columns = np.mgrid[: geometry.kernel[0], : geometry.kernel[1]]
    down = rows * geometry.dilations[0] * layout.row_pitch
    offsets: Int64Array = down + columns * geometry.dilations[1] * layout.pixel_pitch
    return offsets.reshape(-1)


def merge_runs(offsets: Int64Array, words: int, planes: int) -> tuple[Int64Array, int]:
    """Join taps that are neighbours in memory into equally long runs.

    Args:
        offsets: int64 [taps]. words: words read at each tap. planes: planes of a word.

    Returns:
        int64 [runs] and the words of a run.
    """
    breaks = np.flatnonzero(np.diff(offsets) != words * planes) + 1
    lengths = np.diff(np.concatenate([[0], breaks, [offsets.size]]))
    if offsets.size == 0 or (lengths != lengths[0]).any():
        return offsets, words
    joined: Int64Array = offsets[:: lengths[0]].copy()
    return joined, words * int(lengths[0])


@functools.lru_cache(maxsize=256)
def valid_taps(
    layout: ImageLayout, geometry: Geometry
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which taps of a window lie in the image: bool [rows, kernel rows], [columns, kernel ...]."""
    counts = window_counts(layout, geometry)
    valid = []
    for axis, size in enumerate((layout.height, layout.width)):
        first = np.arange(counts[axis]) * geometry.strides[axis] - geometry.pads[axis]
        at = first[:, None] + np.arange(geometry.kernel[axis]) * geometry.dilations[axis]
        valid.append((at >= 0) & (at < size))
    return valid[0], valid[1]


def tap_classes(
    rows: npt.NDArray[np.bool_], columns: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Classes of positions whose windows have the same taps in the image.

    Args:
        rows, columns: from `valid_taps`.

    Returns:
        int32 [positions of an image], the class of each; bool [classes, taps].
    """
    down, row_class = np.unique(rows, axis=0, return_inverse=True)
    right, column_class = np.unique(columns, axis=0, return_inverse=True)
    classes = row_class.reshape(-1, 1) * len(right) + column_class.reshape(1, -1)
    taps = down[:, None, :, None] & right[None, :, None, :]
    return classes.reshape(-1).astype(np.int32), taps.reshape(len(down) * len(right), -1)


@dataclass(frozen=True)
class GroupWindow:
    """The words of a position that each panel of a (grouped) convolution reads.

    Attributes:
        words: words read at each tap, the same for all panels.
        first: first word of every panel.
        unit: channels of a word.
    """

    words: int
    first: tuple[int, ...]
    unit: int = WORD_BITS


def group_window(channels: int, outputs: int, groups: int, unit: int = WORD_BITS) -> GroupWindow:
    """Words, of ``unit`` channels each, that hold the channels of all groups of a panel."""
    total = -(-channels // unit)
    if groups == 1:
        return GroupWindow(total, (0,) * panels_for(outputs), unit)
    per_group, per_output = channels // groups, outputs // groups
    spans = []
    for panel in range(panels_for(outputs)):
        last_output = min(outputs, (panel + 1) * PANEL) - 1
        low = panel * PANEL // per_output * per_group
        high = (last_output // per_output + 1) * per_group
        spans.append((low // unit, -(-high // unit)))
    words = max(high - low for low, high in spans)
    return GroupWindow(words, tuple(min(low, total - words) for low, _ in spans), unit)
