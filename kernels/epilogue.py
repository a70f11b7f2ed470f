"""What becomes of the sums of sixteen outputs: stored, or compared and packed at once."""

from __future__ import annotations

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.simd import at_least, load, load_int32, splat, store_int32

# How a kernel finishes a sum.
STORE = 0  # int32 sums
ADD = 1  # added to the int32 sums that are there
TERNARY = 2  # compared with two thresholds, packed as (non-zero, negative)
BINARY = 3  # compared with one threshold, packed as (negative,)


@inline
def put_ternary(negative, positive, panel, target, flips, codes):
    """Write the codes of sixteen outputs: bits of those below their thresholds, and of those above.

    Args:
        panel, target, flips, codes: see `finish`.
    """
    nonzero = negative | positive
    place = target + (panel >> 2) * 8 + (panel & 3)
    codes[place] = nonzero
    codes[place + 4] = negative ^ (nonzero & int(flips[panel]))


@inline
def put_binary(positive, panel, target, flips, codes):
    """Write the codes of sixteen outputs, from bits of those that reach their threshold."""
    codes[target + panel] = (~positive & 0xFFFF) ^ int(flips[panel])


@inline
def finish(s0, s1, panel, target, mode, factor, thresholds, flips, codes, sums):
    """Finish the sums of one position and one panel.

    Args:
        s0, s1: sums of outputs 0-7 and 8-15 of the panel, one in each signed lane.
        panel: index of the panel.
        target: where the position starts: in int32 for sums, in uint16 for codes.
        mode: STORE, ADD, TERNARY or BINARY.
        factor: multiplies the sums that are stored or added (3**j for weight plane j).
        thresholds: uint64 (int64 bits), flat [panel][threshold][16], ascending.
        flips: uint16 [panel], set where the code falls as the sum rises.
        codes: packed codes as uint16. sums: int32.
    """
    if mode == TERNARY:
        t = panel * 32
        negative = ~(at_least(s0, load(thresholds, t)) | at_least(s1, load(thresholds, t + 8)) << 8)
        positive = (
            at_least(s0, load(thresholds, t + 16)) | at_least(s1, load(thresholds, t + 24)) << 8
        )
        put_ternary(negative & 0xFFFF, positive, panel, target, flips, codes)
    elif mode == BINARY:
        t = panel * 16
        positive = at_least(s0, load(thresholds, t)) | at_least(s1, load(thresholds, t + 8)) << 8
        put_binary(positive, panel, target, flips, codes)
    else:
        place = target + panel * 16
        s0 *= splat(factor)
        s1 *= splat(factor)
        if mode == ADD:
            s0 += load_int32(sums, place)
            s1 += load_int32(sums, place + 8)
        store_int32(sums, place, s0)
        store_int32(sums, place + 8, s1)


@kernel
def finish_sums(sums, pitch, mode, thresholds, flips, targets, codes):
    """Finish int32 sums that were stored.

    Args:
        sums: int32, flat [position][pitch]. pitch: a multiple of 16.
        mode, thresholds, flips, targets, codes: see `finish`.
    """
    for p in range(targets.size):
        for panel in range(pitch >> 4):
            at = p * pitch + panel * 16
            s0, s1 = load_int32(sums, at), load_int32(sums, at + 8)
            finish(s0, s1, panel, targets[p], mode, 1, thresholds, flips, codes, sums)
