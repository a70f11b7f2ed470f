"""Slow and obviously right: bit planes, codes and values, one by one.

Codes and sums are arrays (sample, channel, ...) of the integers they stand for; packed planes are
arrays (..., word, plane) of uint64. Whole steps (windows, groups, forms) are in `interpreter`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes

Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]
Array = npt.NDArray[np.generic]

WORD = 64


def make_codes(kind: str, bits: int = 1, scale: float = 1.0) -> Codes:
    """A full code of some kind, with the values that its scale gives."""
    integers = {
        "binary": (-1, 1),
        "ternary": (-1, 0, 1),
        "unsigned": range(1 << bits),
        "signed": range(-(1 << (bits - 1)), 1 << (bits - 1)),
    }[kind]
    values = tuple(float(np.float32(scale) * np.float32(i)) for i in integers)
    return Codes(kind, bits if kind in ("unsigned", "signed") else 1, scale, values)


# Packed planes


def planes_of(integer: int, codes: Codes) -> list[int]:
    """The bits of one integer, one for each plane."""
    if codes.kind == "binary":
        return [int(integer < 0)]
    if codes.kind == "ternary":
        return [int(integer != 0), int(integer < 0)]
    return [(integer >> bit) & 1 for bit in range(codes.bits)]


def pack(integers: Int64Array, codes: Codes) -> UInt64Array:
    """Pack the last axis (channels): uint64 (..., word, plane), first channel lowest."""
    channels = integers.shape[-1]
    packed = np.zeros((*integers.shape[:-1], -(-channels // WORD), codes.planes), np.uint64)
    for place in np.ndindex(*integers.shape[:-1]):
        for channel in range(channels):
            for plane, bit in enumerate(planes_of(int(integers[place][channel]), codes)):
                packed[place][channel // WORD, plane] |= np.uint64(bit << channel % WORD)
    return packed


def unpack(packed: UInt64Array, channels: int, codes: Codes) -> Int64Array:
    """Integers (..., channel) of packed planes; fails where planes are no code word."""
    known = {tuple(planes_of(i, codes)): i for i in codes.integers}
    integers = np.zeros((*packed.shape[:-2], channels), np.int64)
    for place in np.ndindex(*packed.shape[:-2]):
        for channel in range(channels):
            word = packed[place][channel // WORD]
            bits = tuple(int(word[p]) >> channel % WORD & 1 for p in range(codes.planes))
            integers[place][channel] = known[bits]
    return integers


def spare_bits(packed: UInt64Array, channels: int) -> int:
    """Set bits of the last word that belong to no channel, counted over everything."""
    if channels % WORD == 0:
        return 0
    return int(np.bitwise_count(packed[..., -1, :] >> np.uint64(channels % WORD)).sum())


# Between numbers and codes


def encode(
    values: Array, thresholds: Array, decreasing: npt.NDArray[np.bool_], codes: Codes
) -> Int64Array:
    """Integers of values (N, C, ...) by thresholds [C or 1, levels - 1]."""
    spread = (1, -1, *[1] * (values.ndim - 2))
    index = np.zeros(values.shape, np.int64)
    for step in range(thresholds.shape[1]):
        index += values >= thresholds[:, step].reshape(spread)
    index = np.where(decreasing.reshape(spread), thresholds.shape[1] - index, index)
    return np.array(codes.integers)[index]


def decode(integers: Int64Array, codes: Codes) -> npt.NDArray[np.float32]:
    """The value of every integer."""
    values = dict(zip(codes.integers, codes.values, strict=True))
    return np.vectorize(values.__getitem__, otypes=[np.float32])(integers)


def look_up(sums: Int64Array, table: Array, minimum: int) -> Array:
    """Entry of the channel's table for every sum (N, C, H, W)."""
    found = np.empty(sums.shape, table.dtype)
    for channel in range(sums.shape[1]):
        found[:, channel] = table[channel][sums[:, channel] - minimum]
    return found


def scale(
    sums: Int64Array,
    factors: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32] | None,
) -> npt.NDArray[np.float32]:
    """float32(sum) times factor plus offset, rounded after each operation."""
    product = sums.astype(np.float32) * factors.reshape(1, -1, 1, 1)
    return product if offsets is None else product + offsets.reshape(1, -1, 1, 1)
