"""Codes of any kind as ternary planes, the form in which noisy products take their inputs."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.pack import BINARY_PLANES, TERNARY_PLANES

BOTH_SIGNS = -1  # -1 and +1 together; else 0: where +1, 1: where -1, or the digit's number


@kernel
def expand_planes(codes, words, planes, meaning, which, real, sources, targets, expanded):
    """Write one read's inputs as (non-zero, negative) planes.

    Args:
        codes: uint64. words: words of a position. planes, meaning: see `pack`.
        which: for binary and ternary codes BOTH_SIGNS, 0 for inputs +1 alone, 1 for inputs -1
            alone (as +1); for digits the plane.
        real: uint64 [words], bits of real channels.
        sources, targets: int64 [positions], where a position lies in ``codes`` and ``expanded``.
        expanded: uint64, two planes, overwritten at those places.
    """
    for p in range(targets.size):
        for word in range(words):
            at = sources[p] + word * planes
            if meaning == BINARY_PLANES:
                nonzero, negative = real[word], codes[at]
            elif meaning == TERNARY_PLANES:
                nonzero, negative = codes[at], codes[at + 1]
            else:
                nonzero, negative = codes[at + which], np.uint64(0)
            if meaning in (BINARY_PLANES, TERNARY_PLANES):
                if which == 0:
                    nonzero, negative = nonzero & ~negative, np.uint64(0)
                elif which == 1:
                    nonzero, negative = negative, np.uint64(0)
            expanded[targets[p] + 2 * word] = nonzero
            expanded[targets[p] + 2 * word + 1] = negative
