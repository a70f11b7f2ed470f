"""Crossbar layers as int8 products: bytes of codes by bytes of weights, four at a time.

The codes of an image are turned into bytes once; a window is then runs of bytes, and four of them
meet the weights of sixteen outputs in two instructions. int16 hold the totals of a segment of the
window, int32 those of all. Sums are exact. See `int8_layout`.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.bytes import element, store_bytes
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.convolution import BLOCK
from ternary_engine.kernels.epilogue import BINARY, TERNARY, put_binary, put_ternary
from ternary_engine.kernels.integers import (
    add_ints,
    add_neighbours,
    bytes_with,
    ints_at_least,
    multiply_bytes,
    spread_four,
    store_ints,
)
from ternary_engine.kernels.nibbles import add_bytes, add_shorts, look_up, store_eight
from ternary_engine.kernels.pack import transpose_bytes
from ternary_engine.kernels.simd import load, spread, store, zero


@inline
def _find_eight(codes, planes, none, sources, targets, found):
    """`find_bytes` of at most eight channels; ``none`` is eight times the byte of the code 0."""
    ones = np.uint64(0x0101010101010101)
    high, mask = ones << np.uint64(7), ones * np.uint64((1 << planes) - 1)
    for p in range(targets.size):
        eight = np.uint64(0)
        for plane in range(planes):
            eight |= (element(codes, sources[p] + plane) & np.uint64(0xFF)) << np.uint64(8 * plane)
        eight = transpose_bytes(eight)
        # The byte of the code 0 is added to the number that the planes make, within bytes: that is
        # right for unsigned codes, two's complement, and (non-zero, negative).
        total = ((eight & ~high) + none) ^ (eight & high)
        store_eight(found, targets[p], total & mask)


@kernel
def find_bytes(codes, planes, channels, form, sources, targets, found):
    """Turn the codes of images into bytes.

    Args:
        codes: uint64. planes, channels: of the codes.
        form: uint64 [3 + planes, 8], `int8_layout.ByteForm.words`.
        sources, targets: int64 [positions], ascending, where a position lies in ``codes`` and in
            ``found``.
        found: uint8, overwritten there and, by what stands for 0, up to 63 bytes behind the last.
    """
    flat = form.reshape(-1)
    if channels <= 8:
        _find_eight(codes, planes, flat[16], sources, targets, found)
        return
    which, bit, none = load(flat, 0), load(flat, 8), load(flat, 16)
    for p in range(targets.size):
        target, at = targets[p], sources[p]
        for _ in range((channels + 63) >> 6):
            total = none
            for plane in range(planes):
                chosen = bytes_with(look_up(spread(codes, at + plane), which), bit)
                total = add_bytes(total, chosen & load(flat, 24 + plane * 8))
            store_bytes(found, target, total)
            at += planes
            target += 64


@inline
def _four_rows(a0, a1, a2, a3, x, i0, i1, i2, i3, w, wi, quads):
    """Add what a segment gives to the totals of four windows and sixteen outputs."""
    for _ in range(quads):
        weights = load(w, wi)
        a0 = add_shorts(a0, multiply_bytes(spread_four(x, i0), weights))
        a1 = add_shorts(a1, multiply_bytes(spread_four(x, i1), weights))
        a2 = add_shorts(a2, multiply_bytes(spread_four(x, i2), weights))
        a3 = add_shorts(a3, multiply_bytes(spread_four(x, i3), weights))
        wi += 8
        i0 += 4
        i1 += 4
        i2 += 4
        i3 += 4
    return a0, a1, a2, a3


@inline
def _one_row(total, x, i0, w, wi, quads):
    """Add what a segment gives to the totals of one window and sixteen outputs."""
    for _ in range(quads):
        total = add_shorts(total, multiply_bytes(spread_four(x, i0), load(w, wi)))
        wi += 8
        i0 += 4
    return total


@inline
def _widen(room, at, total):
    """Add int16 totals to int32 sums."""
    store(room, at, add_ints(load(room, at), add_neighbours(total)))


@inline
def _finish(total, panel, target, mode, thresholds, flips, codes, sums):
    """Store the sums of a window and a panel, or compare and pack them; see `epilogue.finish`."""
    if mode == TERNARY:
        negative = ~ints_at_least(total, load(thresholds, panel * 16)) & 0xFFFF
        positive = ints_at_least(total, load(thresholds, panel * 16 + 8))
        put_ternary(negative, positive, panel, target, flips, codes)
    elif mode == BINARY:
        reached = ints_at_least(total, load(thresholds, panel * 8))
        put_binary(reached, panel, target, flips, codes)
    else:
        store_ints(sums, target + panel * 16, total)


@kernel
def convolve_int8(
    x, w, starts, walk, quads, panel_starts, base, mode, thresholds, flips, targets, codes, sums
):
    """Sums of codes of several bits with weights that fit a byte.

    Args:
        x: bytes of codes, uint8; three behind those of the windows are read.
        w: weights, uint64, `int8_layout.pack_int8`.
        starts: int64 [windows], where a window starts in ``x``.
        walk: int64 [segments, 3], `layout.segments`. quads: in all of them.
        panel_starts: int64 [panels], what a panel adds to a window's start.
        base: uint64, int32 that sums start from, `int8_layout.spread_ints`.
        mode: STORE, TERNARY or BINARY of `epilogue`.
        thresholds: uint64, `int8_layout.thresholds`.
        flips, targets, codes, sums: see `epilogue.finish`.
    """
    room = np.empty(4 * 8, np.uint64)
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for panel in range(panel_starts.size):
            begin, shift = load(base, panel * 8), panel_starts[panel]
            p = first
            while p < last:
                rows = 4 if p + 4 <= last else 1
                for row in range(rows):
                    store(room, row * 8, begin)
                wi = panel * quads * 8
                a0, a1, a2, a3 = zero(), zero(), zero(), zero()
                for s in range(walk.shape[0]):
                    i, count = walk[s, 0] + shift, walk[s, 1]
                    if rows == 4:
                        a0, a1, a2, a3 = _four_rows(
                            a0, a1, a2, a3, x, element(starts, p) + i, element(starts, p + 1) + i,
                            element(starts, p + 2) + i, element(starts, p + 3) + i, w, wi, count,
                        )  # fmt: skip
                    else:
                        a0 = _one_row(a0, x, element(starts, p) + i, w, wi, count)
                    wi += count * 8
                    if walk[s, 2]:
                        _widen(room, 0, a0)
                        a0 = zero()
                        if rows == 4:
                            _widen(room, 8, a1)
                            _widen(room, 16, a2)
                            _widen(room, 24, a3)
                            a1, a2, a3 = zero(), zero(), zero()
                for row in range(rows):
                    _finish(
                        load(room, row * 8), panel, element(targets, p + row), mode, thresholds,
                        flips, codes, sums,
                    )  # fmt: skip
                p += rows
