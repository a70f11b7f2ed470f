"""Depthwise convolutions on bit planes: 64 channels at once, their sums as columns of bits.

Each channel meets weights of its own, so nothing is summed over the bits of a word: a tap gives
every one of 64 channels a product -1, 0 or +1, and these are added up lane by lane in counters of
six bits, each bit of them a word (bit slicing; Biham, FSE 1997). Thresholds are bit slices as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.bytes import element
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.epilogue import BINARY, TERNARY
from ternary_engine.kernels.layout import WORD_BITS, UInt64Array, pack_channels

SLICES = 6  # bits of a counter
MOST_TAPS = ((1 << SLICES) - 2) // 2
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_NONE = np.uint64(0)


@inline
def _count(s0, s1, s2, s3, s4, s5, low, high):
    """Add low + 2 high to the counters."""
    carry = s0 & low
    s0 ^= low
    half = s1 ^ high
    further = s1 & high | half & carry
    s1 = half ^ carry
    carry = s2 & further
    s2 ^= further
    further = s3 & carry
    s3 ^= carry
    carry = s4 & further
    s4 ^= further
    return s0, s1, s2, s3, s4, s5 ^ carry


@inline
def _reached(s0, s1, s2, s3, s4, s5, slices, at):
    """Bits of the channels whose counters are at least what ``slices`` hold from ``at`` on."""
    reached = _ONES
    for counter, index in ((s0, 0), (s1, 1), (s2, 2), (s3, 3), (s4, 4), (s5, 5)):
        level = element(slices, at + index)
        reached = counter & ~level | ~(counter ^ level) & reached
    return reached


@kernel
def convolve_depthwise(
    codes, planes, words, starts, valid, offsets, weights, real, mode, thresholds, flips, targets,
    packed, pitch, sums,
):  # fmt: skip
    """Depthwise convolution of ternary or binary codes with ternary weights.

    Args:
        codes: uint64, see `layout`. planes: 2 (ternary) or 1 (binary). words: of a position.
        starts: int64 [positions], where windows start.
        valid: bool [positions of an image, taps], taps inside the image.
        offsets: int64 [taps], at most `MOST_TAPS`, relative to the start.
        weights: uint64, flat [tap][word][plane], from `pack_depthwise`.
        real: uint64 [words], bits of channels that there are.
        mode: `epilogue.TERNARY` or `BINARY`, else sums are stored.
        thresholds: uint64, flat [word][threshold][slice], from `slice_thresholds`.
        flips: uint64 [words], set where the code falls as the sum rises.
        targets: int64 [positions], where codes go in ``packed``, uint64.
        pitch: of ``sums``, int32, flat [position][pitch], overwritten where sums are stored.
    """
    taps = offsets.size
    for p in range(starts.size):
        for word in range(words):
            s0 = s1 = s2 = s3 = s4 = s5 = _NONE
            for tap in range(taps):
                at = starts[p] + element(offsets, tap) + word * planes
                wi = (tap * words + word) * 2
                nonzero, negative = element(weights, wi), element(codes, at + planes - 1)
                if planes == 2:
                    nonzero &= element(codes, at)
                elif not valid[p % valid.shape[0], tap]:
                    nonzero = _NONE
                positive = nonzero & ~(negative ^ element(weights, wi + 1))
                s0, s1, s2, s3, s4, s5 = _count(s0, s1, s2, s3, s4, s5, ~nonzero, positive)
            if mode == TERNARY:
                t = word * 2 * SLICES
                lower = ~_reached(s0, s1, s2, s3, s4, s5, thresholds, t)
                upper = _reached(s0, s1, s2, s3, s4, s5, thresholds, t + SLICES)
                nonzero = (lower | upper) & real[word]
                packed[targets[p] + 2 * word] = nonzero
                packed[targets[p] + 2 * word + 1] = (lower ^ flips[word]) & nonzero
            elif mode == BINARY:
                reached = _reached(s0, s1, s2, s3, s4, s5, thresholds, word * SLICES)
                packed[targets[p] + word] = ~(reached ^ flips[word]) & real[word]
            else:
                first = p * pitch + word * WORD_BITS
                for channel in range(min(WORD_BITS, pitch - word * WORD_BITS)):
                    shift, total = np.uint64(channel), -taps
                    for counter, worth in (
                        (s0, 1), (s1, 2), (s2, 4), (s3, 8), (s4, 16), (s5, 32),
                    ):  # fmt: skip
                        total += np.int64(counter >> shift & np.uint64(1)) * worth
                    sums[first + channel] = total


def pack_depthwise(trits: npt.NDArray[np.int8]) -> UInt64Array:
    """Pack weights.

    Args:
        trits: int8 [channels, taps].

    Returns:
        uint64, flat [tap][word][plane]: non-zero, negative.
    """
    planes = [pack_channels(mask.T) for mask in (trits != 0, trits < 0)]
    return np.stack(planes, axis=-1).reshape(-1)


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
