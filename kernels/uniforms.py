"""Numbered random numbers: each belongs to one thing, whatever else is drawn."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.random import GOLDEN, random_number
from ternary_engine.kernels.simd import add64, multiply64

_ULP = 2.0**-53


@kernel
def fill_uniforms(keys, counters, found):
    """Random numbers between 0 and 1, neither end included.

    Args:
        keys: uint64 [2], from `random.stream_keys`.
        counters: int64, which numbers of the stream, each below 2**58.
        found: float64, the same length, overwritten.
    """
    for i in range(counters.size):
        start = add64(keys[0], multiply64(GOLDEN, counters[i]))
        found[i] = (np.int64(random_number(start, keys[1]) >> np.uint64(11)) + 0.5) * _ULP
