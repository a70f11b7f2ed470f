"""Between numbers and bit planes: encode real values, decode codes."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.bytes import element, put
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.simd import (
    choose_at_least,
    floats_at_least,
    load,
    splat,
    store,
    zero,
)

# What the planes of a code mean (see `layout`).
BINARY_PLANES = 0
TERNARY_PLANES = 1
DIGIT_PLANES = 2


@inline
def _to_bits(code, meaning):
    """The planes of one integer, plane j in bit j."""
    if meaning == DIGIT_PLANES:
        return code
    negative = 1 if code < 0 else 0
    if meaning == BINARY_PLANES:
        return negative
    return (1 if code != 0 else 0) | negative << 1


@inline
def _from_bits(bits, meaning, planes, signed):
    """The integer that planes stand for; the inverse of `_to_bits`."""
    if meaning == BINARY_PLANES:
        return 1 - 2 * bits
    if meaning == TERNARY_PLANES:
        return (bits & 1) - (bits & 2)
    if signed and bits >> (planes - 1):
        return bits - (1 << planes)
    return bits


@inline
def transpose_bytes(x):
    """Bit j of byte i becomes bit i of byte j."""
    turned = (x ^ x >> np.uint64(7)) & np.uint64(0x00AA00AA00AA00AA)
    x ^= turned ^ turned << np.uint64(7)
    turned = (x ^ x >> np.uint64(14)) & np.uint64(0x0000CCCC0000CCCC)
    x ^= turned ^ turned << np.uint64(14)
    turned = (x ^ x >> np.uint64(28)) & np.uint64(0x00000000F0F0F0F0)
    return x ^ turned ^ turned << np.uint64(28)


@inline
def _store_planes(codes, out, planes, eight, ninths):
    """Write the planes of eight channels, one in each byte, and of a ninth plane if any."""
    for plane in range(min(planes, 8)):
        put(codes, out + plane, eight & np.uint64(0xFF))
        eight >>= np.uint64(8)
    if planes > 8:
        put(codes, out + 8, ninths)


@inline
def _add_planes(codes, out, planes, eight, ninths, shift):
    """Like `_store_planes`, for channels further on in words that are there."""
    for plane in range(min(planes, 8)):
        put(codes, out + plane, element(codes, out + plane) | (eight & np.uint64(0xFF)) << shift)
        eight >>= np.uint64(8)
    if planes > 8:
        put(codes, out + 8, element(codes, out + 8) | ninths << shift)


@inline
def _index(value, thresholds, first, count):
    """How many of the ascending thresholds from ``first`` on the value reaches."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if value >= thresholds[first + middle]:
            low = middle + 1
        else:
            high = middle
    return low


@inline
def _whole_index(value, first, steps):
    """`_index` among ``steps`` thresholds that are the whole numbers from ``first`` on.

    Without branches, which pixels of an image make hard to foretell.
    """
    last = first + np.float32(steps - 1)
    inside = value if value >= first else first
    inside = inside if inside < last else last
    return np.int32(value >= first) * (np.int32(inside - first) + np.int32(1))


@kernel
def encode_levels(
    values,
    channels,
    image_pitch,
    channel_pitch,
    position_pitch,
    positions,
    thresholds,
    per_channel,
    whole,
    decreasing,
    integers,
    meaning,
    planes,
    targets,
    codes,
):
    """Encode values of any layout and any number of levels, one by one.

    Args:
        values: flat float32 or int32; element (n, c, p) at
            ``n * image_pitch + c * channel_pitch + p * position_pitch``.
        channels: channels. positions: positions of one image.
        thresholds: flat [channel or 1][levels - 1], dtype of values, ascending.
        per_channel: whether thresholds and decreasing have an entry per channel.
        whole: the thresholds are whole numbers from 0 on, each one more than the last, the same for
            all channels; such are those of integer inputs, and need no search.
        decreasing: bool, reverses the index.
        integers: int64 [levels], the code of each index, equally far apart.
        meaning, planes: how integers become planes.
        targets: int64 [images * positions], where a position's codes start in ``codes``.
        codes: uint64, overwritten at those places.
    """
    steps, least = integers.size - 1, integers[0]
    worth = integers[1] - least if steps else 0
    eights = np.empty(positions, np.uint64)  # eight channels of a position, a byte each
    ninths = np.empty(positions, np.uint64)  # and what does not fit a byte, a bit each
    for image in range(targets.size // max(positions, 1)):
        for first in range(0, channels, 8):
            eights[:] = 0
            ninths[:] = 0
            source = image * image_pitch + first * channel_pitch
            for c in range(min(8, channels - first)):
                row = first + c if per_channel else 0
                falling = decreasing[row]
                for p in range(positions):
                    value = element(values, source + c * channel_pitch + p * position_pitch)
                    if whole:
                        k = _whole_index(value, element(thresholds, 0), steps)
                    else:
                        k = _index(value, thresholds, row * steps, steps)
                    if falling:
                        k = steps - k
                    bits = _to_bits(least + k * worth, meaning)
                    eights[p] |= np.uint64(bits & 0xFF) << np.uint64(8 * c)
                    ninths[p] |= np.uint64(bits >> 8 & 1) << np.uint64(c)
            further, shift = (first >> 6) * planes, np.uint64(first & 63)
            for p in range(positions):
                out = targets[image * positions + p] + further
                eight = transpose_bytes(eights[p])
                if shift == 0:
                    _store_planes(codes, out, planes, eight, ninths[p])
                else:
                    _add_planes(codes, out, planes, eight, ninths[p], shift)


@kernel
def encode_images(values, channels, positions, low, high, flips, planes, targets, codes):
    """Encode (N, C, positions) float32 to binary or ternary codes.

    Args:
        values: flat float32 [N][C][positions].
        low, high: float32 [C]; below ``low`` is negative, from ``high`` on positive; for binary
            codes they are equal.
        flips: bool [C], exchanges negative and positive.
        planes: 1 for binary, 2 for ternary.
        targets, codes: as in `encode_levels`.
    """
    whole = positions & ~7
    nonzero = np.zeros(positions, np.uint64)
    negative = np.zeros(positions, np.uint64)
    for image in range(targets.size // max(positions, 1)):
        for first in range(0, channels, 64):
            nonzero[:] = 0
            negative[:] = 0
            for c in range(first, min(first + 64, channels)):
                source = (image * channels + c) * positions
                below, above, flip = low[c], high[c], flips[c]
                bit = np.uint64(1) << np.uint64(c - first)
                for p in range(0, whole, 8):
                    less = choose_at_least(values, source + p, below, zero(), splat(bit))
                    more = choose_at_least(values, source + p, above, splat(bit), zero())
                    store(nonzero, p, load(nonzero, p) | less | more)
                    if flip:
                        less = more
                    store(negative, p, load(negative, p) | less)
                for p in range(whole, positions):
                    is_less = not values[source + p] >= below
                    is_more = values[source + p] >= above
                    if is_less or is_more:
                        nonzero[p] |= bit
                    if is_more if flip else is_less:
                        negative[p] |= bit
            for p in range(positions):
                out = targets[image * positions + p] + (first >> 6) * planes
                if planes == 2:
                    codes[out] = nonzero[p]
                codes[out + planes - 1] = negative[p]


@kernel
def encode_rows(values, channels, low, high, flips, planes, targets, codes):
    """Encode rows of consecutive channels to binary or ternary codes.

    Args:
        values: flat float32 [rows][C].
        low, high: float32 [C], see `encode_images`.
        flips: uint64 [words], bit set where negative and positive are exchanged.
        planes, targets, codes: as in `encode_images`.
    """
    whole = channels & ~15
    for row in range(targets.size):
        source = row * channels
        for first in range(0, channels, 64):
            less = np.uint64(0)
            positive = np.uint64(0)
            last = min(first + 64, channels)
            for c in range(first, min(last, whole), 16):
                shift = np.uint64(c - first)
                less |= np.uint64(floats_at_least(values, source + c, low, c) ^ 0xFFFF) << shift
                positive |= np.uint64(floats_at_least(values, source + c, high, c)) << shift
            for c in range(max(first, whole), last):
                value = values[source + c]
                less |= np.uint64(not value >= low[c]) << np.uint64(c - first)
                positive |= np.uint64(value >= high[c]) << np.uint64(c - first)
            word = first >> 6
            nonzero = less | positive
            out = targets[row] + word * planes
            if planes == 2:
                codes[out] = nonzero
            codes[out + planes - 1] = less ^ (nonzero & flips[word])


@kernel
def decode(
    codes,
    channels,
    meaning,
    planes,
    signed,
    minimum,
    table,
    sources,
    positions,
    image_pitch,
    channel_pitch,
    position_pitch,
    values,
):
    """Write the real value of every code.

    Args:
        codes: uint64. sources: int64 [images * positions], where a position's codes start.
        meaning, planes, signed: what the planes stand for.
        minimum: the code that ``table[0]`` stands for. table: [codes], dtype of values.
        channels, positions, image_pitch, channel_pitch, position_pitch: as in `encode_levels`.
        values: flat array, overwritten.
    """
    for place in range(sources.size):
        out = place // positions * image_pitch + place % positions * position_pitch
        for c in range(channels):
            word = sources[place] + (c >> 6) * planes
            bits = 0
            for plane in range(planes):
                bits |= int((codes[word + plane] >> np.uint64(c & 63)) & np.uint64(1)) << plane
            k = _from_bits(bits, meaning, planes, signed) - minimum
            values[out + c * channel_pitch] = table[k]
