"""Crossbar products whose reads err: what the samplers need to know of them, and their changes."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.bytes import element
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.product import gated_row, gated_tile
from ternary_engine.kernels.random import GOLDEN, NEXT_DRAW, NEXT_WORD, mix, random_number
from ternary_engine.kernels.sampling import frequent_change
from ternary_engine.kernels.simd import (
    add64,
    below,
    lane_numbers,
    load_int32,
    lowest_bit,
    multiply64,
    popcount64,
    shift_right,
    splat,
    store_int32,
)

_LISTED = 1024  # outputs with one candidate that wait, at least


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
    sums, nonzero, pitch, counts, counts_pitch, streams, tables, shapes, factor, results
):
    """Add what read errors change in sums, every cell of every window sensed.

    Args:
        sums, nonzero: int32, flat [positions][pitch]: sums of products -1, 0 and +1, and how many
            of these are not 0. pitch: a multiple of 8.
        counts: int32, cells that an output senses: [positions] where ``counts_pitch`` is 1,
            else [positions][counts_pitch] by output.
        streams: uint64 [positions, 2], random stream of every position.
        tables, shapes: see `sampling.frequent_change`.
        factor: multiplies the changes. results: int32, flat [positions][pitch], changed.
    """
    for q in range(len(streams)):
        for first in range(0, pitch, 8):
            at = q * pitch + first
            total, some = load_int32(sums, at), load_int32(nonzero, at)
            negative = shift_right(some - total, 1)
            if counts_pitch == 1:
                sensed = splat(np.int64(counts[q]))
            else:
                sensed = load_int32(counts, q * counts_pitch + first)
            start = add64(streams[q, 0], multiply64(NEXT_WORD, first >> 3))
            change = frequent_change(
                sensed, some - negative, negative, tables, shapes, start, streams[q, 1]
            )
            if factor != 1:
                change *= splat(factor)
            store_int32(results, at, load_int32(results, at) + change)


@inline
def _untaken(cell, taken, count):
    """Number ``cell`` of the cells that are not among ``count`` ascending ones; it joins them."""
    place = 0
    while place < count and cell >= taken[place]:
        cell += 1
        place += 1
    for i in range(count, place, -1):
        taken[i] = taken[i - 1]
    taken[place] = cell
    return cell


@inline
def _candidate(
    cell, fraction, output, start, codes, places, firsts, pairs, to_output, to_cell, levels
):
    """What one candidate changes in a sum; nothing here branches by chance."""
    index = output * to_output + cell * to_cell
    state = np.int64(element(pairs, index >> 2)) >> (2 * (index & 3))
    place = np.int64(element(places, element(firsts, output) + cell))
    at, bit = start + (place >> 6), np.uint64(place & 63)
    nonzero = np.int64(element(codes, at) >> bit & np.uint64(1))
    negative = np.int64(element(codes, at + 1) >> bit & np.uint64(1))
    product = ((state & 1) - (state >> 1 & 1)) * (1 - 2 * negative)
    none = 1 - (product & 1)
    row = 1 - product + 3 * none
    large = np.int64(fraction < element(levels, row))
    either = np.int64(fraction < element(levels, row + 1))
    return nonzero * (none * (2 * large - either) - product * (large + either))


@inline
def _change_listed(
    alone, listed, codes, starts, places, firsts, cells, pairs, to_output, to_cell, bits, levels,
    streams, factor, pitch, sums,
):  # fmt: skip
    """Change the sums of outputs with one candidate: of positions and numbers that are listed."""
    drop, mask = np.uint64(64) - bits, ~(np.uint64(0xFFFFFFFFFFFFFFFF) << bits)
    for i in range(listed):
        q, output = alone[i, 0], alone[i, 1]
        draw = add64(add64(streams[q, 0], multiply64(GOLDEN, output)), NEXT_DRAW)
        part = multiply64(random_number(draw, streams[q, 1]) >> drop, cells)
        change = _candidate(
            np.int64(part >> bits), part & mask, output, starts[q], codes, places, firsts, pairs,
            to_output, to_cell, levels,
        )  # fmt: skip
        sums[q * pitch + output] += change * factor


@kernel
def change_rarely(
    codes, starts, places, firsts, cells, pairs, to_output, to_cell, tails, fraction_bits, levels,
    streams, factor, pitch, sums,
):  # fmt: skip
    """Add what read errors change in sums, where most outputs have none: see `sampling`.

    Outputs with one candidate are listed and dealt with later, many at a time: nothing of that
    depends on chance but where it reads, so that the processor works on several at once.

    Args:
        codes: uint64, inputs as (non-zero, negative) planes in the layout of `layout`.
        starts: int64 [positions], where windows start.
        places: int32, for every cell of an output, in the order of the source graph, where its
            input lies in a window: 64 times the word, plus the bit.
        firsts: int64 [outputs], where an output's cells start in ``places``. cells: of an output.
        pairs: uint8, the stored trits, see `encoding.pack_trits`. to_output, to_cell: from an
            output, and from a cell of it, to the next.
        tails: uint64, 2**64 P(more than k candidates), 0 last.
        fraction_bits: F, such that ``cells << F`` fits 64 bits.
        levels: uint64 [6], within a candidate's F-bit fraction, cumulated: a product +1 changes
            by -2, by any; -1 by +2, by any; 0 by +1, by any.
        streams: uint64 [positions, 2], random stream of every position.
        factor: multiplies the changes. sums: int32, flat [positions][pitch], changed.
    """
    outputs = firsts.size
    taken = np.empty(tails.size, np.int64)
    most = max(_LISTED, pitch)
    alone = np.empty((most + 8, 2), np.int64)
    listed = 0
    drop, bits = np.uint64(64 - fraction_bits), np.uint64(fraction_bits)
    mask = ~(np.uint64(0xFFFFFFFFFFFFFFFF) << bits)
    for q in range(starts.size):
        start, key1 = streams[q, 0], streams[q, 1]
        for first in range(0, outputs, 8):
            z = splat(add64(start, multiply64(GOLDEN, first))) + lane_numbers() * splat(GOLDEN)
            candidates = mix(z, splat(key1))
            found = np.int64(below(candidates, splat(tails[0])))
            if outputs - first < 8:
                found &= (1 << (outputs - first)) - 1
            if not found:
                continue
            several = found & np.int64(below(candidates, splat(tails[1])))
            found ^= several
            for lane in range(8):
                alone[listed, 0], alone[listed, 1] = q, first + lane
                listed += int(found >> lane & 1)
            while several:
                output = first + lowest_bit(several)
                several &= several - 1
                draw = add64(start, multiply64(GOLDEN, output))
                number = random_number(draw, key1)
                count, change = 0, 0
                while number < tails[count]:
                    draw = add64(draw, NEXT_DRAW)
                    part = multiply64(random_number(draw, key1) >> drop, cells - count)
                    cell = _untaken(np.int64(part >> bits), taken, count)
                    change += _candidate(
                        cell, part & mask, output, starts[q], codes, places, firsts, pairs,
                        to_output, to_cell, levels,
                    )  # fmt: skip
                    count += 1
                sums[q * pitch + output] += change * factor
        if listed + pitch > most or q + 1 == starts.size:
            _change_listed(
                alone, listed, codes, starts, places, firsts, cells, pairs, to_output, to_cell,
                bits, levels, streams, factor, pitch, sums,
            )  # fmt: skip
            listed = 0
