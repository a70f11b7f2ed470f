"""Counter-based random words: the same numbers whatever the threads, chunks or order of work.

A stream is named by two 64-bit keys. Number ``i`` of a stream is the SplitMix64 finaliser (Steele,
Lea and Flood, OOPSLA 2014; constants of Stafford's variant 13) of ``key0 + i * GOLDEN``, with
``key1`` added between its two multiplications: two streams would have to agree in all 128 bits to
share their numbers, where plain SplitMix64 streams are shifted copies of one sequence.

The counter of a draw, from the lowest bits up: SIMD lane, output word and position (44 bits), draw
(14 bits, the lowest few in use). Counters that differ in nothing but one of the six highest bits
give numbers in which slightly too few bits differ (bits 57 to 63; seen in 10**7 numbers), so these
are left at 0 and what else must be kept apart, a bit plane, say, goes into the keys.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.simd import add64, lane_numbers, multiply64, shift_right, splat

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)

DRAW_SHIFT = 44
_WRAP = 0xFFFFFFFFFFFFFFFF

# What the counter gains from one draw, or one word of outputs, to the next, times GOLDEN.
NEXT_DRAW = np.uint64((int(GOLDEN) << DRAW_SHIFT) & _WRAP)
NEXT_WORD = np.uint64((int(GOLDEN) * 8) & _WRAP)


@inline
def random_word(start, key1):
    """Eight random 64-bit numbers.

    Args:
        start: uint64, key0 plus GOLDEN times the counter of lane 0.
        key1: uint64, second key.
    """
    return mix(splat(start) + lane_numbers() * splat(GOLDEN), splat(key1))


@inline
def mix(z, key1):
    """Random numbers from words of ``key0 + counter * GOLDEN`` and of second keys."""
    z = (z ^ shift_right(z, 30)) * splat(_FIRST) + key1
    z = (z ^ shift_right(z, 27)) * splat(_SECOND)
    return z ^ shift_right(z, 31)


@inline
def random_number(start, key1):
    """One random 64-bit number; lane 0 of `random_word`."""
    z = multiply64(start ^ (start >> np.uint64(30)), _FIRST)
    z = add64(z, key1)
    z = multiply64(z ^ (z >> np.uint64(27)), _SECOND)
    return z ^ (z >> np.uint64(31))


def stream_keys(seed: int, purpose: str) -> npt.NDArray[np.uint64]:
    """Two 64-bit keys from a seed and what the numbers are for.

    Args:
        seed: any whole number from 0 on.
        purpose: e.g. the name of a layer and of what is drawn.

    Returns:
        uint64 [2].
    """
    digest = hashlib.blake2b(f"{seed}\0{purpose}".encode(), digest_size=16).digest()
    return np.frombuffer(digest, "<u8").astype(np.uint64)


@kernel
def sample_keys(keys, first, samples):
    """Keys of consecutive samples' streams.

    Args:
        keys: uint64 [2], from `stream_keys`.
        first: number of the first sample. samples: how many.

    Returns:
        uint64 [samples, 2].
    """
    result = np.empty((samples, 2), np.uint64)
    for i in range(samples):
        for side in range(2):
            counter = 2 * (first + i) + side
            result[i, side] = random_number(add64(keys[0], multiply64(GOLDEN, counter)), keys[1])
    return result
