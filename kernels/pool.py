"""Largest (or smallest) code in each window, on packed planes."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import kernel

_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def pool_ternary(codes, words, starts, valid, offsets, smallest, targets, pooled):
    """Largest trit of each window: +1 if any is +1, -1 if all are -1.

    Args:
        codes: uint64, planes (non-zero, negative). words: words per position.
        starts: int64 [positions], where a window's first tap lies (it may be a padded place).
        offsets: int64 [taps], relative to the start.
        valid: bool [positions, taps], taps inside the image.
        smallest: uint64 [words], bit set where the smallest is wanted.
        targets: int64 [positions]. pooled: uint64, overwritten there.
    """
    for p in range(targets.size):
        for word in range(words):
            flip = smallest[word]
            positive = np.uint64(0)
            negative = _ONES
            for tap in range(offsets.size):
                if valid[p % valid.shape[0], tap]:
                    at = starts[p] + offsets[tap] + 2 * word
                    nonzero = codes[at]
                    minus = codes[at + 1] ^ (flip & nonzero)
                    positive |= nonzero & ~minus
                    negative &= minus
            out = targets[p] + 2 * word
            nonzero = positive | negative
            pooled[out] = nonzero
            pooled[out + 1] = negative ^ (flip & nonzero)


@kernel
def pool_binary(codes, words, starts, valid, offsets, smallest, spare, targets, pooled):
    """Largest of -1/+1 in each window: negative only if all are.

    Args:
        codes: uint64, plane (negative,).
        spare: uint64 [words], bits of real channels (spare bits stay zero).
        words, starts, valid, offsets, smallest, targets, pooled: as in `pool_ternary`.
    """
    for p in range(targets.size):
        for word in range(words):
            flip = smallest[word]
            negative = _ONES
            for tap in range(offsets.size):
                if valid[p % valid.shape[0], tap]:
                    negative &= codes[starts[p] + offsets[tap] + word] ^ flip
            pooled[targets[p] + word] = (negative ^ flip) & spare[word]


@kernel
def pool_values(values, channels, starts, valid, offsets, smallest, pooled):
    """Largest value in each window of channels-last int16 images, for codes of many levels.

    Args:
        values: flat int16. channels: values per position.
        starts, valid, offsets: as in `pool_ternary`, counted in elements of ``values``.
        smallest: bool [channels].
        pooled: int16 [positions, channels], overwritten.
    """
    for p in range(pooled.shape[0]):
        for c in range(channels):
            best = 0
            empty = True
            for tap in range(offsets.size):
                if valid[p % valid.shape[0], tap]:
                    value = values[starts[p] + offsets[tap] + c]
                    if empty or (value < best if smallest[c] else value > best):
                        best = value
                        empty = False
            pooled[p, c] = best
