"""Crossbar products whose reads err: what the samplers need to know of them, and their changes."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.bytes import element, put
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.integers import (
    add_ints,
    load_ints,
    multiply_ints,
    shift_ints_right,
    splat_ints,
    store_ints,
    subtract_ints,
)
from ternary_engine.kernels.product import gated_row, gated_tile
from ternary_engine.kernels.random import GOLDEN, NEXT_DRAW, NEXT_WORD, random_number
from ternary_engine.kernels.sampling import frequent_change, settled_change
from ternary_engine.kernels.simd import (
    add64,
    high64,
    multiply64,
    popcount64,
    store_int32,
)

GUIDE_SHIFT = 56
MOST = 2**31 - 1  # cells of an output


@kernel
def count_inputs(a, starts, offsets, words, counts):
    """Number of non-zero inputs of every window: cells that each ungrouped output senses.

    Args:
        a, starts, offsets, words: as in `convolution.convolve_gated`.
        counts: int32 [positions], overwritten.
    """
    for p in range(starts.size):
        total = 0
        for run in range(offsets.size):
            at = starts[p] + offsets[run]
            for word in range(words):
                total += popcount64(a[at + 2 * word])
        counts[p] = total


@kernel
def count_products(a, w, starts, offsets, words, panel_starts, sums, nonzero):
    """Sums of ternary codes with ternary weights, and how many of their products are not 0.

    Args:
        a, w, starts, offsets, words, panel_starts: as in `convolution.convolve_gated`.
        sums, nonzero: int32 [positions][panels * 16], overwritten.
    """
    span = offsets.size * words * 32
    for panel in range(panel_starts.size):
        shift = panel_starts[panel]
        wi = panel * span
        p = 0
        while p + 4 <= starts.size:
            n0, n1, g0, g1, n2, n3, g2, g3, n4, n5, g4, g5, n6, n7, g6, g7 = gated_tile(
                a,
                starts[p] + shift,
                starts[p + 1] + shift,
                starts[p + 2] + shift,
                starts[p + 3] + shift,
                w,
                wi,
                offsets,
                words,
            )
            pitch = panel_starts.size * 16
            at = p * pitch + panel * 16
            _keep(n0, n1, g0, g1, at, sums, nonzero)
            _keep(n2, n3, g2, g3, at + pitch, sums, nonzero)
            _keep(n4, n5, g4, g5, at + 2 * pitch, sums, nonzero)
            _keep(n6, n7, g6, g7, at + 3 * pitch, sums, nonzero)
            p += 4
        while p < starts.size:
            n0, n1, g0, g1 = gated_row(a, starts[p] + shift, w, wi, offsets, words)
            _keep(n0, n1, g0, g1, (p * panel_starts.size + panel) * 16, sums, nonzero)
            p += 1


@inline
def _keep(n0, n1, g0, g1, at, sums, nonzero):
    store_int32(sums, at, n0 - g0 - g0)
    store_int32(sums, at + 8, n1 - g1 - g1)
    store_int32(nonzero, at, n0)
    store_int32(nonzero, at + 8, n1)


@kernel
def change_frequently(
    sums, nonzero, pitch, counts, counts_pitch, streams, firsts, seconds, shapes, factor, results
):
    """Add what read errors change in sums, every cell of every window sensed.

    Args:
        sums, nonzero: int32, flat [positions][pitch]: sums of products -1, 0 and +1, and how many
            of these are not 0. pitch: a multiple of 16.
        counts: int32, cells that an output senses: [positions] where ``counts_pitch`` is 1,
            else [positions][counts_pitch] by output.
        streams: uint64 [positions, 2], random stream of every position.
        firsts, seconds, shapes: see `sampling.frequent_change`.
        factor: multiplies the changes. results: int32, flat [positions][pitch], changed.
    """
    cells, changes = np.empty((3, 16), np.int32), np.empty(16, np.int32)
    for q in range(len(streams)):
        for first in range(0, pitch, 16):
            at = q * pitch + first
            total, some = load_ints(sums, at), load_ints(nonzero, at)
            negative = shift_ints_right(subtract_ints(some, total), 1)
            if counts_pitch == 1:
                sensed, most = splat_ints(counts[q]), int(counts[q])
            else:
                sensed, most = load_ints(counts, q * counts_pitch + first), MOST
            positive = subtract_ints(some, negative)
            start = add64(streams[q, 0], multiply64(NEXT_WORD, first >> 4))
            change, tied = frequent_change(
                sensed, positive, negative, most, firsts, seconds, shapes, start, streams[q, 1]
            )
            if tied:  # once in some 300,000 times
                store_ints(cells[0], 0, positive)
                store_ints(cells[1], 0, negative)
                store_ints(cells[2], 0, subtract_ints(sensed, some))
                settled_change(cells, firsts, seconds, shapes, start, streams[q, 1], changes)
                change = load_ints(changes, 0)
            if factor != 1:
                change = multiply_ints(change, splat_ints(factor))
            store_ints(results, at, add_ints(load_ints(results, at), change))


@inline
def _error(code, fraction, levels, changes):
    """What a candidate changes in a sum: its code names its row of ``levels`` and ``changes``."""
    errors = int(fraction < element(levels, 2 * code))
    errors += int(fraction < element(levels, 2 * code + 1))
    return element(changes, 3 * code + errors)


@inline
def _candidates(number, tails, guide):
    """A Poisson number from a random one: how many of the descending ``tails`` lie above it."""
    count = int(element(guide, int(number >> np.uint64(GUIDE_SHIFT))))
    while number < element(tails, count):
        count += 1
    return count


@kernel
def change_rarely(
    codes, starts, places, firsts, cells, pairs, block, tails, guide, levels, changes, streams,
    pitch, sums,
):  # fmt: skip
    """Add what read errors change in sums, where few cells err: see `sampling`.

    Nothing that is done for a candidate branches by chance, so that the processor works on several
    at once.

    Args:
        codes: uint64, inputs as (non-zero, negative) planes in the layout of `layout`.
        starts: int64 [positions], where windows start.
        places: int32, for every cell of an output, in the order of the source graph, where its
            input lies in a window: 64 times the word, plus the bit.
        firsts: int64 [outputs], where an output's cells start in ``places``. cells: of an output.
        pairs: uint8, the stored trits by output, see `encoding.pack_trits`.
        block: outputs whose candidates are drawn together.
        tails: uint64, 2**64 P(more than k candidates in a block), 0 last.
        guide: int16 [256], for numbers by their highest byte: tails that are surely above.
        levels: uint64, flat [32][2], changes: int32, flat [32][3], by stored pair (bits 0 and 1),
            input not 0 (bit 2), input negative (bit 3), drawn before (bit 4): the change is the
            first where the candidate's 64-bit fraction is below neither level, the last where
            below both.
        streams: uint64 [positions, 2], random stream of every position.
        sums: int32, flat [positions][pitch], changed.
    """
    outputs = firsts.size
    drawn = np.zeros((block * cells >> 6) + 1, np.uint64)  # one bit for every cell of a block
    touched = np.empty(tails.size, np.int64)
    for q in range(starts.size):
        key1, window = streams[q, 1], starts[q]
        for first in range(0, outputs, block):
            draw = add64(streams[q, 0], multiply64(GOLDEN, first))
            count = _candidates(random_number(draw, key1), tails, guide)
            for i in range(count):
                draw = add64(draw, NEXT_DRAW)
                number = random_number(draw, key1)
                inside, rest = high64(number, block), multiply64(number, block)
                cell, fraction = high64(rest, cells), multiply64(rest, cells)
                at = inside * cells + cell
                word, bit = at >> 6, np.uint64(at & 63)
                before = element(drawn, word)
                put(drawn, word, before | np.uint64(1) << bit)
                put(touched, i, word)
                output = first + inside
                if output >= outputs:
                    continue
                index = first * cells + at
                state = np.int64(element(pairs, index >> 2)) >> (2 * (index & 3)) & 3
                place = np.int64(element(places, element(firsts, output) + cell))
                source, lane = window + (place >> 6), np.uint64(place & 63)
                nonzero = np.int64(element(codes, source) >> lane & np.uint64(1))
                negative = np.int64(element(codes, source + 1) >> lane & np.uint64(1))
                again = np.int64(before >> bit & np.uint64(1))
                code = state | nonzero << 2 | negative << 3 | again << 4
                change = _error(code, fraction, levels, changes)
                put(sums, q * pitch + output, element(sums, q * pitch + output) + change)
            for i in range(count):  # apart from the loop above, where it takes twice the time
                put(drawn, element(touched, i), np.uint64(0))
