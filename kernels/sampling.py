"""Exact change of a sum by read errors, drawn per output and not per cell.

The cells an output senses fall in three classes by their error-free product: +1, -1, and 0 (a
weight 0 under a non-zero input). Reads are independent, so the change of the sum depends only on
how many cells stand in each class. A read may change a product of

* class +1 by -1 or -2, class -1 by +1 or +2, class 0 by +1 or -1.

Two samplers of the same distribution:

* `noisy.change_rarely`: *candidates* are drawn for a block of outputs of N cells in all: a Poisson
  number of them, of mean -N log(1 - e), e the largest error probability of a class; each is any of
  the cells, drawn with replacement. So a cell is drawn at all with probability e, independently of
  the others (a Poisson number thinned over cells leaves independent ones); one whose input is on
  then errs with probability p_class / e. Costs one random number for each block and candidate.
* `frequent_change`: for each class the distribution of the total change of m cells is tabulated for
  every m up to a limit (Walker's alias method, Vose 1991); one random word and one look-up per
  class, however many errors there are. More cells than the limit are drawn in portions.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.random import NEXT_DRAW, random_word
from ternary_engine.kernels.simd import (
    add64,
    below,
    gather,
    multiply64,
    select_below,
    shift_left,
    shift_right,
    splat,
    zero,
)

# An entry of an alias table: 52 bits of threshold above 12 bits of alias.
ALIAS_BITS = 12
ALIAS_MASK = np.uint64((1 << ALIAS_BITS) - 1)
SLOPE_BITS = 32


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
