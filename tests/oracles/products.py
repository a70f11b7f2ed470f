"""Slow and obviously right versions of every kernel, on plain int64 codes.

Codes and sums are arrays (sample, channel, row, column) of the integers they stand for; packed
planes are arrays (..., word, plane) of uint64.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.steps import Geometry

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


# Products and pools


def padded_windows(
    images: Int64Array, geometry: Geometry, *, fill: int = 0
) -> tuple[Int64Array, npt.NDArray[np.bool_]]:
    """Values (N, C, row, column, taps) under each window, and which lie in the image."""
    (kh, kw), (sh, sw), (dh, dw) = geometry.kernel, geometry.strides, geometry.dilations
    top, left, bottom, right = geometry.pads
    height, width = images.shape[2:]
    rows = _count(height, top, bottom, kh, sh, dh, geometry.ceil_mode)
    columns = _count(width, left, right, kw, sw, dw, geometry.ceil_mode)
    values = np.full((*images.shape[:2], rows, columns, kh * kw), fill, np.int64)
    inside = np.zeros((rows, columns, kh * kw), np.bool_)
    for row in range(rows):
        for column in range(columns):
            for i in range(kh):
                for j in range(kw):
                    y, x = row * sh - top + i * dh, column * sw - left + j * dw
                    if 0 <= y < height and 0 <= x < width:
                        values[:, :, row, column, i * kw + j] = images[:, :, y, x]
                        inside[row, column, i * kw + j] = True
    return values, inside


def _count(
    size: int, before: int, after: int, kernel: int, stride: int, dilation: int, ceil: bool
) -> int:
    """Windows along one axis: the first outside does not count, nor (ceil) one in the padding."""
    count, start = 0, -before
    span = dilation * (kernel - 1) + 1
    while start + span <= size + after or (
        ceil and start < size and start + span < size + after + stride
    ):
        count += 1
        start += stride
    return count


def convolve(images: Int64Array, weights: Int64Array, geometry: Geometry) -> Int64Array:
    """Sums of products of every window; zero padding is a true 0.

    Args:
        images: (N, C, H, W). weights: (O, C / groups, kernel rows, kernel columns).
    """
    windows, _ = padded_windows(images, geometry)
    outputs, per_group = len(weights), weights.shape[1]
    sums = np.zeros((len(images), outputs, *windows.shape[2:4]), np.int64)
    for output in range(outputs):
        first = output // (outputs // geometry.groups) * per_group
        under = windows[:, first : first + per_group]
        sums[:, output] = np.einsum("nchwt,ct->nhw", under, weights[output].reshape(per_group, -1))
    return sums


def pool(images: Int64Array, geometry: Geometry, smallest: npt.NDArray[np.bool_]) -> Int64Array:
    """Largest (or smallest) of each window; padded places do not take part."""
    windows, inside = padded_windows(images, geometry)
    extreme = np.iinfo(np.int64)
    largest = np.where(inside, windows, extreme.min).max(-1)
    least = np.where(inside, windows, extreme.max).min(-1)
    flags = np.broadcast_to(smallest, images.shape[1]).reshape(1, -1, 1, 1)
    return np.where(flags, least, largest)


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
