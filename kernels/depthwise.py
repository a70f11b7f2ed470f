"""Depthwise convolutions on bit planes: 64 channels of eight windows at once, in columns of bits.

Each channel meets weights of its own, so nothing is summed over the bits of a word: a tap gives
every one of 64 channels a product -1, 0 or +1, and these are added up lane by lane in counters of
six bits, each bit of them a word (bit slicing; Biham, FSE 1997). Thresholds are bit slices as well.

Planes are split first, so that those of windows that lie side by side do so, too.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.bytes import element, put
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.epilogue import BINARY, TERNARY
from ternary_engine.kernels.layout import WORD_BITS, UInt64Array, pack_channels
from ternary_engine.kernels.simd import LANES, gather, load, splat, store, zero

SLICES = 6  # bits of a counter
MOST_TAPS = ((1 << SLICES) - 2) // 2
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


@inline
def _count(s0, s1, s2, s3, s4, s5, low, high):
    """Add low + 2 high to the counters."""
    carry = s0 & low
    s0 ^= low
    half = s1 ^ high
    further = (s1 & high) | (half & carry)
    s1 = half ^ carry
    carry = s2 & further
    s2 ^= further
    further = s3 & carry
    s3 ^= carry
    carry = s4 & further
    s4 ^= further
    return s0, s1, s2, s3, s4, s5 ^ carry


@inline
def _compare(reached, counter, slices, at):
    """One more slice of the comparison, the lowest first: the highest that differs decides."""
    return reached ^ ((reached ^ counter) & (counter ^ splat(element(slices, at))))


@inline
def _reached(s0, s1, s2, s3, s4, s5, slices, at):
    """Bits of the channels whose counters are at least what ``slices`` hold from ``at`` on."""
    reached = _compare(splat(_ONES), s0, slices, at)
    reached = _compare(reached, s1, slices, at + 1)
    reached = _compare(reached, s2, slices, at + 2)
    reached = _compare(reached, s3, slices, at + 3)
    reached = _compare(reached, s4, slices, at + 4)
    return _compare(reached, s5, slices, at + 5)


@kernel
def split_planes(codes, pitch, count, split):
    """Put the planes of positions apart.

    Args:
        codes: uint64, flat [position][pitch]. pitch: planes and words of a position.
        count: positions. split: uint64, flat [pitch][count], overwritten.
    """
    for plane in range(pitch):
        apart = split[plane * count : (plane + 1) * count]
        for position in range(count):
            apart[position] = element(codes, position * pitch + plane)


@kernel
def convolve_depthwise(
    split, count, planes, words, starts, width, near, outside, offsets, weights, real, mode,
    thresholds, flips, targets, packed, pitch, sums,
):  # fmt: skip
    """Depthwise convolution of ternary or binary codes with ternary weights.

    Args:
        split, count: from `split_planes`. planes: 2 (ternary) or 1 (binary). words: of a position.
        starts: int64 [windows], position where a window starts.
        width: windows of a row. near: they start one position after the other, and are eight.
        outside: uint64, flat [tap][windows of an image], all bits set where binary codes have no
            input for a tap; eight more behind, which are all for ternary codes.
        offsets: int64 [taps], at most `MOST_TAPS`, relative to the start.
        weights: uint64, flat [tap][word][plane], from `pack_depthwise`.
        real: uint64 [words], bits of channels that there are.
        mode: `epilogue.TERNARY` or `BINARY`, else sums are stored.
        thresholds: uint64, flat [word][threshold][slice], from `slice_thresholds`.
        flips: uint64 [words], set where the code falls as the sum rises.
        targets: int64 [windows], where codes go in ``packed``, uint64.
        pitch: of ``sums``, int32, flat [window][pitch], overwritten where sums are stored.
    """
    taps = offsets.size
    each = (outside.size - LANES) // taps  # windows of an image, of binary codes
    room = np.empty(SLICES * LANES, np.uint64)
    for row in range(0, starts.size, width):
        for column in range(0, width, LANES):
            # The last eight of a row are computed again where they overlap; fewer are gathered.
            first = row + (min(column, width - LANES) if near else column)
            lanes = min(LANES, row + width - first)
            for lane in range(LANES):
                room[lane] = starts[min(first + lane, row + width - 1)]
            places = load(room, 0)
            for word in range(words):
                s0, s1, s2 = zero(), zero(), zero()
                s3, s4, s5 = zero(), zero(), zero()
                for tap in range(taps):
                    at = element(offsets, tap) + word * planes * count
                    wi = (tap * words + word) * 2
                    nonzero = splat(element(weights, wi))
                    if near:
                        negative = load(split, starts[first] + at + (planes - 1) * count)
                        if planes == 2:
                            nonzero &= load(split, starts[first] + at)
                    else:
                        negative = gather(split, places + splat(at + (planes - 1) * count))
                        if planes == 2:
                            nonzero &= gather(split, places + splat(at))
                    low = nonzero ^ splat(_ONES)
                    if planes == 1:
                        low |= load(outside, tap * each + first % each)
                    positive = negative ^ splat(element(weights, wi + 1))
                    high = (positive | low) ^ splat(_ONES)
                    s0, s1, s2, s3, s4, s5 = _count(s0, s1, s2, s3, s4, s5, low, high)
                if mode == TERNARY:
                    t = word * 2 * SLICES
                    lower = _reached(s0, s1, s2, s3, s4, s5, thresholds, t) ^ splat(_ONES)
                    upper = _reached(s0, s1, s2, s3, s4, s5, thresholds, t + SLICES)
                    nonzero = (lower | upper) & splat(element(real, word))
                    store(room, 0, nonzero)
                    store(room, 8, (lower ^ splat(element(flips, word))) & nonzero)
                    for lane in range(lanes):
                        to = targets[first + lane] + 2 * word
                        put(packed, to, room[lane])
                        put(packed, to + 1, room[8 + lane])
                elif mode == BINARY:
                    reached = _reached(s0, s1, s2, s3, s4, s5, thresholds, word * SLICES)
                    unlike = reached ^ splat(~element(flips, word))
                    store(room, 0, unlike & splat(element(real, word)))
                    for lane in range(lanes):
                        put(packed, targets[first + lane] + word, room[lane])
                else:
                    store(room, 0, s0)
                    store(room, 8, s1)
                    store(room, 16, s2)
                    store(room, 24, s3)
                    store(room, 32, s4)
                    store(room, 40, s5)
                    for lane in range(lanes):
                        begin = (first + lane) * pitch + word * WORD_BITS
                        for channel in range(min(WORD_BITS, pitch - word * WORD_BITS)):
                            total = -taps
                            for bit in range(SLICES):
                                counter = room[bit * LANES + lane] >> np.uint64(channel)
                                total += np.int64(counter & np.uint64(1)) << bit
                            sums[begin + channel] = total


def pack_depthwise(trits: npt.NDArray[np.int8]) -> UInt64Array:
    """Pack weights.

    Args:
        trits: int8 [channels, taps].

    Returns:
        uint64, flat [tap][word][plane]: non-zero, negative.
    """
    planes = [pack_channels(mask.T) for mask in (trits != 0, trits < 0)]
    return np.stack(planes, axis=-1).reshape(-1)


def outside_words(rows: npt.NDArray[np.bool_], columns: npt.NDArray[np.bool_]) -> UInt64Array:
    """Which taps have no input: flat uint64 [tap][window] and eight more, all bits set or none.

    Args:
        rows, columns: bool [windows of an axis, taps of an axis], taps inside the image.
    """
    inside = rows.T[:, None, :, None] & columns.T[None, :, None, :]
    words = np.where(inside, np.uint64(0), _ONES).reshape(-1)
    return np.concatenate([words, np.zeros(LANES, np.uint64)])


def slice_thresholds(thresholds: npt.NDArray[np.int64], taps: int) -> UInt64Array:
    """Bit slices of thresholds on sums, counted from -taps on.

    Args:
        thresholds: int64 [channels, thresholds].

    Returns:
        uint64, flat [word][threshold][slice]; what no sum reaches is the largest counter.
    """
    levels = np.where(thresholds > taps, (1 << SLICES) - 1, np.maximum(thresholds + taps, 0))
    bits = (levels[:, :, None] >> np.arange(SLICES) & 1).astype(np.bool_)
    slices = pack_channels(bits.transpose(1, 2, 0))
    return np.ascontiguousarray(slices.transpose(2, 0, 1)).reshape(-1)
