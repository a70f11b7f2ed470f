"""Windows of images with few channels, copied side by side.

A position of an image takes whole words, so that of 16 channels three quarters of every product
would be spare bits. Where channels are few, the bits of a window are gathered into as few words as
hold them, and the layer becomes a plain matrix product over those.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import kernel


@kernel
def gather_windows(codes, planes, channels, starts, offsets, words, gathered):
    """Gather the channels of all taps of every window.

    Args:
        codes: uint64, in the layout of `layout`, less than 64 channels: one word a position.
        planes: bit planes. channels: channels.
        starts: int64 [windows], where each window's first tap lies. offsets: int64 [taps].
        words: words that hold ``taps * channels`` bits.
        gathered: uint64 [window][word][plane], overwritten: bit ``tap * channels + channel``.
    """
    for window in range(starts.size):
        out = window * words * planes
        for plane in range(planes):
            at = starts[window] + plane
            bits = np.uint64(0)
            shift = 0
            place = out + plane
            for tap in range(offsets.size):
                value = codes[at + offsets[tap]]
                bits |= value << np.uint64(shift)
                shift += channels
                if shift >= 64:
                    gathered[place] = bits
                    place += planes
                    shift -= 64
                    # What did not fit; a shift by the whole width is not defined.
                    kept = channels - shift
                    bits = value >> np.uint64(kept) if shift else np.uint64(0)
            if shift:
                gathered[place] = bits
