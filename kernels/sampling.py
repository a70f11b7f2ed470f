"""Exact change of a sum by read errors, drawn per output and not per cell.

The cells an output senses fall in three classes by their error-free product: +1, -1, and 0 (a
weight 0 under a non-zero input). Reads are independent, so the change of the sum depends only on
how many cells stand in each class. A read may change a product of

* class +1 by -1 or -2, class -1 by +1 or +2, class 0 by +1 or -1.

Two samplers of the same distribution:

* `rare_changes`: the number of *candidates* among all n sensed cells is Binomial(n, e), e the
  largest error probability of a class; its table is the same for all outputs of a position. Each
  candidate is one of the cells, drawn without replacement, and errs with probability
  p_class / e.
  Costs one random word for eight outputs, and one more per round of candidates.
* `frequent_change`: for each class the distribution of the total change of m cells is tabulated for
  every m up to a limit (Walker's alias method, Vose 1991); one random word and one look-up per
  class, however many errors there are. More cells than the limit are drawn in portions.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.random import GOLDEN, NEXT_DRAW, NEXT_WORD, mix, random_word
from ternary_engine.kernels.simd import (
    add64,
    below,
    gather,
    lane_numbers,
    load,
    lowest_bit,
    multiply64,
    select_below,
    shift_left,
    shift_right,
    splat,
    store,
    zero,
)

# An entry of an alias table: 52 bits of threshold above 12 bits of alias.
ALIAS_BITS = 12
ALIAS_MASK = np.uint64((1 << ALIAS_BITS) - 1)
SLOPE_BITS = 32


@inline
def find_candidates(row, positive, negative, cells, tails, tails_pitch, start, key1, word, scratch):
    """Draw for eight outputs whether any of their cells is a candidate; note what follows needs.

    Args:
        row: of the scratch, see `rare_changes`: the outputs take its places ``8 * row`` on.
        positive, negative: words, cells with product +1 and -1.
        cells: cells that each of the eight outputs senses.
        tails, tails_pitch: 2**64 P(candidates > k) of n cells at ``n * tails_pitch + k``, 0 last.
        start, key1: the random stream, draw 0. word: number of the output word.
        scratch: uint64 [6, places].

    Returns:
        bit i set where lane i has candidates.
    """
    z = splat(add64(start, multiply64(NEXT_WORD, word))) + lane_numbers() * splat(GOLDEN)
    u = mix(z, splat(key1))
    at = row * 8
    store(scratch[0], at, u)
    store(scratch[1], at, z)
    store(scratch[2], at, splat(key1))
    store(scratch[3], at, positive)
    store(scratch[4], at, negative)
    store(scratch[5], at, splat(cells))
    return below(u, splat(tails[cells * tails_pitch]))


@inline
def rare_changes(found, fraction_bits, tails, tails_pitch, levels, scratch, places, sums):
    """Change the sums of the outputs that have candidates, eight of them at a time.

    Args:
        found: 64 bits, set for the places of outputs with candidates.
        fraction_bits: F, such that ``cells << F`` fits 64 bits.
        tails, tails_pitch: as in `find_candidates`.
        levels: uint64 [6], within a candidate's F-bit fraction, cumulated: class +1 by -2, by any;
            class -1 by +2, by any; class 0 by +1, by any.
        scratch: uint64 [6, places], filled by `find_candidates`; the last place stands for no
            output: its random number is the largest and it senses no cells.
        places: uint64 [16], overwritten.
        sums: uint64 [places], sums of the outputs, changed.
    """
    none = scratch.shape[1] - 1
    while found:
        for i in range(8):
            places[i] = none
            if found:
                places[i] = lowest_bit(found)
                found &= found - np.uint64(1)
        where = load(places, 0)
        u, z, key1 = gather(scratch[0], where), gather(scratch[1], where), gather(scratch[2], where)
        positive, negative = gather(scratch[3], where), gather(scratch[4], where)
        cells = gather(scratch[5], where)
        row = cells * splat(tails_pitch)
        candidates = zero()
        most = 0
        more = True
        while more:
            tail = gather(tails, row + splat(most))
            more = below(u, tail) != 0
            if more:
                candidates += select_below(u, tail, splat(1), zero())
                most += 1
        change = zero()
        for i in range(most):
            z += splat(NEXT_DRAW)
            one, positive, negative = _one_candidate(
                mix(z, key1), cells - splat(i), positive, negative, fraction_bits, levels
            )
            change += select_below(splat(i), candidates, one, zero())
        store(places, 8, change)
        for i in range(8):
            at = np.int64(places[i])
            sums[at] = add64(sums[at], places[8 + i])


@inline
def _one_candidate(random, cells, positive, negative, fraction_bits, levels):
    """What one candidate of each output does, and the cells of class +1 and -1 left after it."""
    drop = 64 - fraction_bits
    u = shift_right(random, drop) * cells  # one of the cells, and a fraction of F bits
    fraction = shift_right(shift_left(u, drop), drop)
    positive_end = shift_left(positive, fraction_bits)
    negative_end = positive_end + shift_left(negative, fraction_bits)
    by_positive = select_below(
        fraction,
        splat(levels[0]),
        splat(-2),
        select_below(fraction, splat(levels[1]), splat(-1), zero()),
    )
    by_negative = select_below(
        fraction,
        splat(levels[2]),
        splat(2),
        select_below(fraction, splat(levels[3]), splat(1), zero()),
    )
    by_zero = select_below(
        fraction,
        splat(levels[4]),
        splat(1),
        select_below(fraction, splat(levels[5]), splat(-1), zero()),
    )
    change = select_below(
        u, positive_end, by_positive, select_below(u, negative_end, by_negative, by_zero)
    )
    taken_positive = select_below(u, positive_end, splat(1), zero())
    taken_either = select_below(u, negative_end, splat(1), zero())
    return change, positive - taken_positive, negative - (taken_either - taken_positive)


@inline
def _class_change(cells, tables, shapes, which, start, key1):
    """Total change of the cells of one class, and where the stream stands after it.

    Args:
        cells: word, cells of each output.
        tables, shapes, start, key1: as in `frequent_change`. which: row of ``shapes``.
    """
    first, limit, bin_bits = shapes[which, 0], shapes[which, 1], shapes[which, 2]
    slope, half, sign = shapes[which, 3], shapes[which, 4], shapes[which, 5]
    total = zero()
    more = True
    while more:
        portion = cells
        more = below(splat(limit), cells) != 0
        if more:
            portion = select_below(cells, splat(limit), cells, splat(limit))
            cells = cells - portion
        u = random_word(start, key1)
        start = add64(start, NEXT_DRAW)
        bin_number = shift_right(u, 64 - bin_bits)
        entry = gather(tables, shift_left(portion, bin_bits) + bin_number + splat(first))
        # The alias in an entry's low bits moves its threshold by less than 2**-52.
        total += select_below(shift_left(u, bin_bits), entry, bin_number, entry & splat(ALIAS_MASK))
        if half:
            total -= splat(half)
        if slope:
            total += shift_right(portion * splat(slope), SLOPE_BITS)
    if sign < 0:
        total = zero() - total
    return total, start


@inline
def frequent_change(cells, positive, negative, tables, shapes, start, key1):
    """Change of eight sums, each output with its own number of cells.

    Args:
        cells, positive, negative: words, sensed cells and those with product +1 and -1.
        tables: uint64, flat, alias tables of the classes.
        shapes: int64 [3, 6], for class +1, -1 and 0: where its table starts; limit, the cells it
            goes up to (0: the class never errs); bin_bits, each of its ``limit + 1`` rows having
            2**bin_bits entries; slope and half, row m's first bin standing for the change
            ``(m * slope >> SLOPE_BITS) - half``; sign, what changes are multiplied by.
        start, key1: the random stream, draw 0.

    Returns:
        word of signed changes.
    """
    change = zero()
    if shapes[0, 1]:
        total, start = _class_change(positive, tables, shapes, 0, start, key1)
        change += total
    if shapes[1, 1]:
        total, start = _class_change(negative, tables, shapes, 1, start, key1)
        change += total
    if shapes[2, 1]:
        none = cells - positive - negative
        total, start = _class_change(none, tables, shapes, 2, start, key1)
        change += total
    return change


@kernel
def fill_alias(mass, table):
    """Alias tables of many distributions (Vose's method).

    Args:
        mass: float64 [rows, bins], each row summing to 1.
        table: uint64, flat [rows][bins], overwritten.
    """
    rows, bins = mass.shape
    scaled = np.empty(bins, np.float64)
    small = np.empty(bins, np.int64)
    large = np.empty(bins, np.int64)
    for row in range(rows):
        n_small, n_large = 0, 0
        for b in range(bins):
            scaled[b] = mass[row, b] * bins
            if scaled[b] < 1.0:
                small[n_small] = b
                n_small += 1
            else:
                large[n_large] = b
                n_large += 1
        while n_small and n_large:
            n_small -= 1
            low, high = small[n_small], large[n_large - 1]
            table[row * bins + low] = _entry(scaled[low], high)
            scaled[high] -= 1.0 - scaled[low]
            if scaled[high] < 1.0:
                n_large -= 1
                small[n_small] = high
                n_small += 1
        for i in range(n_large):  # what is left is full up to rounding
            table[row * bins + large[i]] = _entry(1.0, large[i])
        for i in range(n_small):
            table[row * bins + small[i]] = _entry(1.0, small[i])


@inline
def _entry(share, alias):
    """Threshold ``share`` of 2**64 in the upper bits, the alias in the lower ones."""
    units = min(int(share * 4503599627370496.0), 4503599627370495)  # 2**52
    return np.uint64(multiply64(units, 1 << ALIAS_BITS)) | np.uint64(alias)
