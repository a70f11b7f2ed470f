"""Crossbar products whose reads err: `convolution.convolve_gated` with sampled changes."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.convolution import BLOCK
from ternary_engine.kernels.epilogue import finish
from ternary_engine.kernels.product import gated_row, gated_tile
from ternary_engine.kernels.random import NEXT_WORD
from ternary_engine.kernels.sampling import find_candidates, frequent_change, rare_changes
from ternary_engine.kernels.simd import (
    add64,
    load,
    load_int32,
    multiply64,
    popcount64,
    splat,
    store,
    zero,
)

_LARGEST = np.uint64(0xFFFFFFFFFFFFFFFF)


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
def convolve_noisy(
    a, w, starts, offsets, words, panel_starts, mode, factor, thresholds, flips, targets, codes,
    sums, counts, counts_pitch, streams, rare, fraction_bits, tails, tails_pitch, levels, tables,
    shapes,
):  # fmt: skip
    """Ternary codes with ternary weights, every cell of every window sensed with errors.

    Args:
        a .. sums: as in `convolution.convolve_gated`.
        counts: int32, cells that an output senses: [positions] where ``counts_pitch`` is 1,
            else [positions][counts_pitch] by output.
        streams: uint64 [positions, 2], random stream of every position.
        rare: use `sampling.rare_changes`, else `sampling.frequent_change`.
        fraction_bits, tails, tails_pitch, levels: see `sampling.rare_changes`.
        tables, shapes: see `sampling.frequent_change`.
    """
    span = offsets.size * words * 32
    tile = np.empty(4 * 32, np.uint64)
    results = np.zeros(64 + 1, np.uint64)
    scratch = np.zeros((6, 64 + 1), np.uint64)
    scratch[0, 64] = _LARGEST
    places = np.empty(16, np.uint64)
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for panel in range(panel_starts.size):
            shift = panel_starts[panel]
            wi = panel * span
            p = first
            while p < last:
                rows = 4 if p + 4 <= last else 1
                if rows == 4:
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
                    _keep(tile, 0, n0, n1, g0, g1)
                    _keep(tile, 32, n2, n3, g2, g3)
                    _keep(tile, 64, n4, n5, g4, g5)
                    _keep(tile, 96, n6, n7, g6, g7)
                else:
                    n0, n1, g0, g1 = gated_row(a, starts[p] + shift, w, wi, offsets, words)
                    _keep(tile, 0, n0, n1, g0, g1)
                found = np.uint64(0)
                for part in range(2 * rows):
                    q = p + (part >> 1)
                    word = panel * 2 + (part & 1)
                    at = (part >> 1) * 32 + (part & 1) * 8
                    nonzero, negative = load(tile, at), load(tile, at + 16)
                    positive = nonzero - negative
                    change = zero()
                    if rare:
                        some = find_candidates(
                            part, positive, negative, np.int64(counts[q]), tails, tails_pitch,
                            streams[q, 0], streams[q, 1], word, scratch,
                        )  # fmt: skip
                        found |= np.uint64(some) << np.uint64(part * 8)
                    else:
                        if counts_pitch == 1:
                            sensed = splat(np.int64(counts[q]))
                        else:
                            sensed = load_int32(counts, q * counts_pitch + word * 8)
                        start = add64(streams[q, 0], multiply64(NEXT_WORD, word))
                        change = frequent_change(
                            sensed, positive, negative, tables, shapes, start, streams[q, 1]
                        )
                    store(results, part * 8, positive - negative + change)
                if found:
                    rare_changes(
                        found, fraction_bits, tails, tails_pitch, levels, scratch, places, results
                    )
                for row in range(rows):
                    s0, s1 = load(results, row * 16), load(results, row * 16 + 8)
                    finish(
                        s0, s1, panel, targets[p + row], mode, factor, thresholds, flips, codes,
                        sums,
                    )  # fmt: skip
                p += rows


@inline
def _keep(tile, at, n0, n1, g0, g1):
    store(tile, at, n0)
    store(tile, at + 8, n1)
    store(tile, at + 16, g0)
    store(tile, at + 24, g1)
