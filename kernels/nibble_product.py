"""Crossbar layers by look-up: sums of bytes that nibbles of weights find in tables.

The codes of an image are turned into places once; a window is then runs of places, and every place
names the table in which the weights of 64 outputs (or of 32, for two windows at once) are looked
up: two instructions for 64 products of ternary weights, or 128 of binary ones. Bytes hold the
totals of a segment of the window, int16 those of all. Sums are exact. See `nibble_layout`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ternary_engine.kernels.bytes import element, spread_two, store_bits
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.convolution import BLOCK
from ternary_engine.kernels.epilogue import ADD, BINARY, TERNARY
from ternary_engine.kernels.nibble_layout import (
    MOST_BITS,
    WIDE,
    Digit,
    pair_spreads,
    place_marks,
)
from ternary_engine.kernels.nibbles import (
    add_bytes,
    add_shorts,
    even_bytes,
    load_half,
    look_up,
    odd_bytes,
    shorts_at_least,
    spread_pair,
    store_eight,
    store_folded,
    store_in_turn,
)
from ternary_engine.kernels.simd import load, shift_right, splat, spread, store, zero

LOW_NIBBLES = np.uint64(0x0F0F0F0F0F0F0F0F)


@inline
def _spread_bits(x, fours):
    """The lowest bits of x: four to each byte of the result, or two to each int16."""
    if fours:
        x &= np.uint64(0xFFFFFFFF)
        x = (x | x << np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
        x = (x | x << np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
        return (x | x << np.uint64(4)) & np.uint64(0x0F0F0F0F0F0F0F0F)
    x &= np.uint64(0xFF)
    x = (x | x << np.uint64(28)) & np.uint64(0x0000000F0000000F)
    return (x | x << np.uint64(14)) & np.uint64(0x0003000300030003)


@kernel
def find_places(codes, pitch, first, planes, fours, marks, sources, targets, places):
    """Turn the codes of images into places of four channels in bytes, or of two in int16.

    Args:
        codes: uint64. pitch: planes of the codes. first, planes: those that make the digit.
        fours: four channels make a step, and places are bytes; else two, and they are int16.
        marks: uint64 [eights], bits of places that are the same for all codes.
        sources, targets: int64 [positions], ascending, where a position lies in ``codes`` and in
            ``places``.
        places: uint8 or uint16, overwritten there and up to 31 bytes behind the last.
    """
    taken, filled = (32, 8) if fours else (8, 4)
    for p in range(targets.size):
        target = targets[p]
        for eight in range(marks.size):
            bit = eight * taken
            at = sources[p] + (bit >> 6) * pitch + first
            found = marks[eight]
            for plane in range(planes):
                bits = _spread_bits(element(codes, at + plane) >> np.uint64(bit & 63), fours)
                found |= bits << np.uint64(1 + 2 * plane)
            store_eight(places, target, found)
            target += filled


@inline
def _spread_planes(planes, bytes_, low_pairs, high_pairs, lifted):
    """Two planes of 64 channels, one in either half of the result, two channels to a byte."""
    copies = look_up(planes, bytes_)
    pairs = (copies & low_pairs) | (shift_right(copies, 4) & high_pairs)
    return look_up(lifted, pairs)


@kernel
def find_pair_places(codes, pitch, first, planes, spreads, marks, sources, targets, places):
    """Turn the codes of images into places of two channels in bytes.

    Args:
        spreads: uint64 [4 + rounds, 8], `nibble_layout.pair_spreads`.
        marks: uint64, flat [words][4], bits of places that are the same for all codes.
        codes, pitch, first, planes, sources, targets, places: as in `find_places`; places uint8.
    """
    flat = spreads.reshape(-1)
    bytes_, low, high = load(flat, 0), load(flat, 8), load(flat, 16)
    for p in range(targets.size):
        target, at = targets[p], sources[p] + first
        for word in range(marks.size >> 2):
            found = load_half(marks, word * 4)
            for plane in range(0, planes, 2):
                if plane + 1 < planes:
                    two = spread_two(codes, at + plane)
                else:
                    two = spread(codes, at + plane)
                found |= _spread_planes(two, bytes_, low, high, load(flat, 24 + plane * 4))
            store_folded(places, target, found)
            at += pitch
            target += 32


@functools.lru_cache(maxsize=256)
def place_finder(digit: Digit, kind: str, channels: int) -> tuple[Callable[..., None], Any]:
    """The kernel that finds places of a digit in codes of a kind, and its arguments.

    Returns:
        `find_places` or `find_pair_places`, and what it takes from ``first`` to ``marks``.
    """
    marks = place_marks(digit, kind, channels)
    if digit.channels == 4 or digit.planes == MOST_BITS:
        return find_places, (digit.first, digit.planes, digit.channels == 4, marks)
    lift, planes = (3, 1) if kind == "binary" else (1, digit.planes)
    return find_pair_places, (digit.first, planes, pair_spreads(lift, planes), marks)


@inline
def _four_rows(a0, a1, a2, a3, x, i0, i1, i2, i3, w, wi, pairs, tables):
    """Add what a segment gives to the totals of four windows and 64 outputs."""
    low = splat(LOW_NIBBLES)
    for _ in range(pairs):
        both = load(w, wi)
        n = both & low
        a0 = add_bytes(a0, look_up(spread_two(tables, element(x, i0)), n))
        a1 = add_bytes(a1, look_up(spread_two(tables, element(x, i1)), n))
        a2 = add_bytes(a2, look_up(spread_two(tables, element(x, i2)), n))
        a3 = add_bytes(a3, look_up(spread_two(tables, element(x, i3)), n))
        n = shift_right(both, 4) & low
        a0 = add_bytes(a0, look_up(spread_two(tables, element(x, i0 + 1)), n))
        a1 = add_bytes(a1, look_up(spread_two(tables, element(x, i1 + 1)), n))
        a2 = add_bytes(a2, look_up(spread_two(tables, element(x, i2 + 1)), n))
        a3 = add_bytes(a3, look_up(spread_two(tables, element(x, i3 + 1)), n))
        wi += 8
        i0 += 2
        i1 += 2
        i2 += 2
        i3 += 2
    return a0, a1, a2, a3


@inline
def _one_row(total, x, i0, w, wi, pairs, tables):
    """Add what a segment gives to the totals of one window and 64 outputs."""
    low = splat(LOW_NIBBLES)
    other = zero()
    for _ in range(pairs):
        both = load(w, wi)
        n = both & low
        total = add_bytes(total, look_up(spread_two(tables, element(x, i0)), n))
        n = shift_right(both, 4) & low
        other = add_bytes(other, look_up(spread_two(tables, element(x, i0 + 1)), n))
        wi += 8
        i0 += 2
    return add_bytes(total, other)


@inline
def _eight_rows(a0, a1, a2, a3, x, i0, i1, i2, i3, i4, i5, i6, i7, w, wi, pairs, tables):
    """Add what a segment gives to the totals of eight windows and 32 outputs, two to a word."""
    low = splat(LOW_NIBBLES)
    for _ in range(pairs):
        both = load_half(w, wi)
        n = both & low
        a0 = add_bytes(a0, look_up(spread_pair(tables, element(x, i0), element(x, i1)), n))
        a1 = add_bytes(a1, look_up(spread_pair(tables, element(x, i2), element(x, i3)), n))
        a2 = add_bytes(a2, look_up(spread_pair(tables, element(x, i4), element(x, i5)), n))
        a3 = add_bytes(a3, look_up(spread_pair(tables, element(x, i6), element(x, i7)), n))
        n = shift_right(both, 4) & low
        a0 = add_bytes(a0, look_up(spread_pair(tables, element(x, i0 + 1), element(x, i1 + 1)), n))
        a1 = add_bytes(a1, look_up(spread_pair(tables, element(x, i2 + 1), element(x, i3 + 1)), n))
        a2 = add_bytes(a2, look_up(spread_pair(tables, element(x, i4 + 1), element(x, i5 + 1)), n))
        a3 = add_bytes(a3, look_up(spread_pair(tables, element(x, i6 + 1), element(x, i7 + 1)), n))
        wi += 4
        i0 += 2
        i1 += 2
        i2 += 2
        i3 += 2
        i4 += 2
        i5 += 2
        i6 += 2
        i7 += 2
    return a0, a1, a2, a3


@inline
def _two_rows(total, x, i0, i1, w, wi, pairs, tables):
    """Add what a segment gives to the totals of two windows and 32 outputs, in one word."""
    low = splat(LOW_NIBBLES)
    other = zero()
    for _ in range(pairs):
        both = load_half(w, wi)
        n = both & low
        total = add_bytes(total, look_up(spread_pair(tables, element(x, i0), element(x, i1)), n))
        n = shift_right(both, 4) & low
        pair = spread_pair(tables, element(x, i0 + 1), element(x, i1 + 1))
        other = add_bytes(other, look_up(pair, n))
        wi += 4
        i0 += 2
        i1 += 2
    return add_bytes(total, other)


@inline
def _widen(room, at, total):
    """Add the bytes of a word to int16 sums, those of even outputs and of odd ones apart."""
    store(room, at, add_shorts(load(room, at), even_bytes(total)))
    store(room, at + 8, add_shorts(load(room, at + 8), odd_bytes(total)))


@inline
def _begin(room, words, base, panel):
    """Write down what the sums of a panel start from."""
    even, odd = load(base, panel * 16), load(base, panel * 16 + 8)
    for word in range(words):
        store(room, word * 16, even)
        store(room, word * 16 + 8, odd)


@inline
def _finish_codes(even, odd, panel, narrow, first, second, mode, thresholds, flips, codes):
    """Compare the sums of a word and pack the codes of its window, or its two."""
    nonzero: Any = np.uint64(0)
    place, further = panel * 4, 4
    if mode == TERNARY:
        t = panel * 32
        negative = ~shorts_at_least(even, odd, load(thresholds, t), load(thresholds, t + 8))
        positive = shorts_at_least(even, odd, load(thresholds, t + 16), load(thresholds, t + 24))
        nonzero = negative | positive
        negative ^= nonzero & flips[panel]
        place = panel * 8
    else:
        t = panel * 16
        negative = ~shorts_at_least(even, odd, load(thresholds, t), load(thresholds, t + 8))
        negative ^= flips[panel]
        further = 0  # the one plane is written last
    if narrow:
        place = (panel >> 1) * (4 + further) + (panel & 1) * 2
        store_bits(codes, first + place, nonzero)
        store_bits(codes, first + place + further, negative)
        store_bits(codes, second + place, nonzero >> np.uint64(32))
        store_bits(codes, second + place + further, negative >> np.uint64(32))
    else:
        store_eight(codes, first + place, nonzero)
        store_eight(codes, first + place + further, negative)


@inline
def _finish_sums(shorts, at, count, place, mode, factor, sums):
    """Store or add sums of a window."""
    found, kept, times = shorts[at : at + count], sums[place : place + count], np.int32(factor)
    if mode == ADD:
        for i in range(found.size):
            kept[i] += found[i] * times
    else:
        for i in range(found.size):
            kept[i] = found[i] * times


@kernel
def convolve_nibbles(
    x, w, starts, walk, pairs, tables, base, lanes, outputs, mode, factor, thresholds, flips,
    targets, codes, sums,
):  # fmt: skip
    """Sums of a digit's codes with ternary or binary weights.

    Args:
        x: places, uint8 or uint16; one behind those of the windows is read.
        w: weights, uint64, `nibble_layout.pack_nibbles`.
        starts: int64 [windows], where a window starts in ``x``.
        walk: int64 [segments, 3], `nibble_layout.segments`. pairs: of steps in all of them.
        tables: uint64, of all places.
        base: uint64, int16 that sums start from, `nibble_layout.spread_shorts`.
        lanes: WIDE or NARROW, outputs of a panel.
        outputs: sums of a window that are stored, a multiple of 16.
        mode, factor, targets, codes, sums: see `epilogue.finish`.
        thresholds: uint64, `nibble_layout.thresholds`.
        flips: uint64 [panels], a panel's 64 bits or twice its 32, set where the code falls as the
            sum rises.
    """
    room = np.empty(4 * 16, np.uint64)
    shorts = np.empty(64, np.int16)
    narrow = lanes != WIDE
    each = 2 if narrow else 1  # windows of a word
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for panel in range((outputs + lanes - 1) // lanes):
            p = first
            while p < last:
                words = 4 if p + 4 * each <= last else 1
                _begin(room, words, base, panel)
                wi = panel * pairs * (lanes >> 3)
                a0, a1, a2, a3 = zero(), zero(), zero(), zero()
                for s in range(walk.shape[0]):
                    i, count = walk[s, 0], walk[s, 1]
                    if words == 4 and narrow:
                        a0, a1, a2, a3 = _eight_rows(
                            a0, a1, a2, a3, x, starts[p] + i, starts[p + 1] + i,
                            starts[p + 2] + i, starts[p + 3] + i, starts[p + 4] + i,
                            starts[p + 5] + i, starts[p + 6] + i, starts[p + 7] + i, w, wi, count,
                            tables,
                        )  # fmt: skip
                    elif words == 4:
                        a0, a1, a2, a3 = _four_rows(
                            a0, a1, a2, a3, x, starts[p] + i, starts[p + 1] + i,
                            starts[p + 2] + i, starts[p + 3] + i, w, wi, count, tables,
                        )  # fmt: skip
                    elif narrow:
                        other = starts[min(p + 1, last - 1)] + i
                        a0 = _two_rows(a0, x, starts[p] + i, other, w, wi, count, tables)
                    else:
                        a0 = _one_row(a0, x, starts[p] + i, w, wi, count, tables)
                    wi += count * (lanes >> 3)
                    if walk[s, 2]:
                        _widen(room, 0, a0)
                        a0 = zero()
                        if words == 4:
                            _widen(room, 16, a1)
                            _widen(room, 32, a2)
                            _widen(room, 48, a3)
                            a1, a2, a3 = zero(), zero(), zero()
                for word in range(words):
                    even, odd = load(room, word * 16), load(room, word * 16 + 8)
                    place = targets[p]
                    other = targets[min(p + each, last) - 1]
                    if mode in (TERNARY, BINARY):
                        _finish_codes(
                            even, odd, panel, narrow, place, other, mode, thresholds, flips, codes
                        )
                    else:
                        store_in_turn(shorts, 0, even, odd)
                        begin = panel * lanes
                        count = min(lanes, outputs - begin)
                        _finish_sums(shorts, 0, count, place + begin, mode, factor, sums)
                        if p + each <= last and narrow:
                            _finish_sums(shorts, 32, count, other + begin, mode, factor, sums)
                    p += each
