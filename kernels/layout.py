"""How codes and weights lie in memory, and the tables that describe a convolution to a kernel.

Codes: flat uint64, ``[image][row][column][word][plane]``. A word holds 64 channels, the first in
its least significant bit; spare bits are zero in every plane. Planes: ternary = (non-zero,
negative), binary = (negative,), others = binary digits, least significant first (two's
complement). Around the image lies a border of zeros, as wide as the padding of the layers that
read it, so that a window never leaves the buffer.

Weights: flat uint64, ``[panel][tap][word][plane][16 outputs]``: a panel is sixteen outputs, so that
one SIMD word holds the same 64 inputs of eight outputs and the popcount accumulators are the
outputs themselves, without horizontal sums. Planes: (non-zero, negative); binary weights met by
binary codes keep the negative plane alone.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

PANEL = 16
WORD_BITS = 64

UInt64Array = npt.NDArray[np.uint64]


def words_for(channels: int) -> int:
    """64-bit words that hold one bit of every channel."""
    return -(-channels // WORD_BITS)


def panels_for(outputs: int) -> int:
    """Panels of sixteen that hold all outputs."""
    return -(-outputs // PANEL)


def pack_channels(bits: npt.NDArray[np.bool_]) -> UInt64Array:
    """Pack the last axis into words: uint64 [..., words]; spare bits are zero."""
    channels = bits.shape[-1]
    padded = np.zeros((*bits.shape[:-1], words_for(channels) * WORD_BITS), np.bool_)
    padded[..., :channels] = bits
    return np.packbits(padded, axis=-1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def pack_weights(trits: npt.NDArray[np.int8], *, negative_only: bool = False) -> UInt64Array:
    """Pack trits into panels.

    Args:
        trits: int8 [outputs, taps, channels].
        negative_only: keep the negative plane alone (binary weights met by binary codes).

    Returns:
        flat uint64 in the weight layout above; spare outputs and channels are zero.
    """
    outputs, taps, channels = trits.shape
    masks = [trits < 0] if negative_only else [trits != 0, trits < 0]
    planes = np.stack([pack_channels(mask) for mask in masks])
    padded = np.zeros((len(masks), panels_for(outputs) * PANEL, *planes.shape[2:]), np.uint64)
    padded[:, :outputs] = planes
    split = padded.reshape(len(masks), panels_for(outputs), PANEL, taps, words_for(channels))
    return aligned(split.transpose(1, 3, 4, 0, 2)).reshape(-1)


def aligned(words: UInt64Array) -> UInt64Array:
    """A contiguous copy that starts on a cache line: a SIMD word read from it never spans two."""
    room = np.empty(words.size + 7, np.uint64)
    first = -room.ctypes.data % 64 // 8
    copy = room[first : first + words.size].reshape(words.shape)
    copy[...] = words
    return copy


def per_output(values: npt.NDArray[np.int64], fill: int) -> npt.NDArray[np.int64]:
    """Spread per-output numbers [outputs, ...] over panels: int64 [panels, ..., 16]."""
    outputs = len(values)
    padded = np.full((panels_for(outputs) * PANEL, *values.shape[1:]), fill, np.int64)
    padded[:outputs] = values
    split = padded.reshape(panels_for(outputs), PANEL, *values.shape[1:])
    return np.ascontiguousarray(np.moveaxis(split, 1, -1))


def segments(
    offsets: npt.NDArray[np.int64], units: int, size: int, most: int
) -> npt.NDArray[np.int64]:
    """How a window is walked: int64 [segments, 3] of first element, units, and widen.

    After a segment where the last is 1 narrow totals are added to wider sums: they hold no more.

    Args:
        offsets: int64 [runs], where every run starts. units: units of a run.
        size: elements of a unit. most: units whose total fits.
    """
    parts = -(-units // most) if units else 0
    edges = units * np.arange(parts + 1) // max(parts, 1)
    rows = [
        [offset + size * edges[i], edges[i + 1] - edges[i], 0]
        for offset in offsets.tolist()
        for i in range(parts)
    ]
    held = 0
    for row, following in itertools.zip_longest(rows, rows[1:]):
        held += row[1]
        if following is None or held + following[1] > most:
            row[2], held = 1, 0
    return np.array(rows, np.int64).reshape(-1, 3)
