"""Words of a code, bit-sliced: 64 words at a time, one uint64 for each of their bits.

Plane ``j`` holds bit ``j`` of every word, word ``w`` in bit ``w % 64`` of entry ``w // 64``; the
entries after the last word are 0. An operation on planes works on 64 words at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["BoolArray", "PlaneArray", "count_ones", "from_planes", "to_planes"]

PlaneArray = npt.NDArray[np.uint64]
BoolArray = npt.NDArray[np.bool_]

WORD_BITS = 64
_ONES = np.array([byte.bit_count() for byte in range(256)], np.uint8)


def to_planes(bits: npt.NDArray[Any]) -> PlaneArray:
    """Slice words: bool or 0/1 [words, bits] to uint64 [bits, ceil(words / 64)]."""
    words, width = bits.shape
    padded = np.zeros((width, -(-words // WORD_BITS) * WORD_BITS), np.bool_)
    padded[:, :words] = bits.T
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def from_planes(planes: PlaneArray, words: int) -> BoolArray:
    """Give words back: uint64 [bits, n] to bool [words, bits]."""
    octets = planes.astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(octets, axis=1, count=words, bitorder="little")
    return np.ascontiguousarray(bits.T).view(np.bool_)


def count_ones(planes: PlaneArray) -> int:
    """How many bits are set."""
    return int(_ONES[np.ascontiguousarray(planes).view(np.uint8)].sum(dtype=np.int64))
