"""Channels of several images, one after another in one."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.layout import WORD_BITS


@kernel
def join_channels(codes, planes, channels, starts, first, targets, joined):
    """Put the channels of an image behind those that are already there.

    Args:
        codes: uint64, in the layout of `layout`; spare bits are zero.
        planes: bit planes. channels: of the image, one or more.
        starts: int64 [positions], where the codes of each begin.
        first: place of the image's first channel among those of the result.
        targets: int64 [positions]. joined: uint64; channels before ``first`` are kept, the rest of
            the words up to the last channel is overwritten.
    """
    shift = first % WORD_BITS
    base = first // WORD_BITS * planes
    words = (channels + WORD_BITS - 1) // WORD_BITS
    over = shift + channels > words * WORD_BITS  # the last bits begin a word of their own
    kept = (np.uint64(1) << np.uint64(shift)) - np.uint64(1)
    for p in range(starts.size):
        for place in range(words * planes):
            bits = codes[starts[p] + place]
            at = targets[p] + base + place
            if shift == 0:
                joined[at] = bits
                continue
            joined[at] = (joined[at] & kept) | (bits << np.uint64(shift))
            if place < (words - 1) * planes or over:
                joined[at + planes] = bits >> np.uint64(WORD_BITS - shift)
