"""Windows of images with few channels, copied side by side.

A position of an image takes whole words, so that of 16 channels three quarters of every product
would be spare bits. Where channels are few, the bits of a window are gathered into as few words as
hold them, and the layer becomes a plain matrix product over those.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.simd import LANES, load, shift_left, shift_right, store, zero


@kernel
def gather_windows(codes, planes, channels, starts, offsets, gathered):
    """Gather the channels of all taps of every window.

    Args:
        codes: uint64, in the layout of `layout`, less than 64 channels: one word a position.
        planes: bit planes. channels: channels.
        starts: int64 [windows], ascending, where each window's first tap lies.
        offsets: int64 [taps], relative to it.
        gathered: uint64 [word][window][plane], overwritten: bit ``tap * channels + channel``.
    """
    # Windows of neighbouring positions are neighbours in memory: a SIMD word takes several.
    together = LANES // planes if LANES % planes == 0 else 0
    window = 0
    while window < starts.size:
        last = window + together - 1
        if together and last < starts.size and starts[last] - starts[window] == LANES - planes:
            _gather_several(codes, planes, channels, starts, offsets, window, gathered)
            window += together
        else:
            for plane in range(planes):
                _gather_one(codes, planes, channels, starts, offsets, window, plane, gathered)
            window += 1


@inline
def _gather_several(codes, planes, channels, starts, offsets, window, gathered):
    bits = zero()
    shift = 0
    place = window * planes
    for tap in range(offsets.size):
        value = load(codes, starts[window] + offsets[tap])
        bits |= shift_left(value, shift)
        shift += channels
        if shift >= 64:
            store(gathered, place, bits)
            place += starts.size * planes
            shift -= 64
            # What did not fit; a shift by the whole width is not defined.
            bits = shift_right(value, channels - shift) if shift else zero()
    if shift:
        store(gathered, place, bits)


@inline
def _gather_one(codes, planes, channels, starts, offsets, window, plane, gathered):
    bits = np.uint64(0)
    shift = 0
    place = window * planes + plane
    for tap in range(offsets.size):
        value = codes[starts[window] + offsets[tap] + plane]
        bits |= value << np.uint64(shift)
        shift += channels
        if shift >= 64:
            gathered[place] = bits
            place += starts.size * planes
            shift -= 64
            bits = value >> np.uint64(channels - shift) if shift else np.uint64(0)
    if shift:
        gathered[place] = bits
