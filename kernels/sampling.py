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
from ternary_engine.kernels.integers import (
    add_ints,
    any_ints_equal,
    gather_ints,
    ints_at_least,
    multiply_ints,
    select_ints_below,
    shift_ints_left,
    shift_ints_right,
    splat_ints,
    subtract_ints,
)
from ternary_engine.kernels.random import GOLDEN, NEXT_DRAW, random_number, random_word
from ternary_engine.kernels.simd import add64, multiply64, zero

# An entry of an alias table: its threshold's first bits above its alias, and, apart since they are
# hardly ever looked at, the threshold's second bits.
FIRST_BITS, ALIAS_BITS, SECOND_BITS = 24, 8, 32
SLOPE_BITS = 16
_SETTLING = 8192  # draws behind those that are settled


@inline
def _class_change(cells, most, firsts, seconds, shapes, which, start, key1):
    """Total change of the cells of one class, where the stream stands after it, and any ties.

    Args:
        cells: word of 16 int32, cells of each output.
        most, firsts, seconds, shapes, start, key1: as in `frequent_change`.
        which: row of ``shapes``.
    """
    first, limit, bin_bits = shapes[which, 0], shapes[which, 1], shapes[which, 2]
    slope, half, sign = shapes[which, 3], shapes[which, 4], shapes[which, 5]
    total, tied = zero(), False
    more = True
    while more:
        portion = cells
        more = most > limit and ints_at_least(splat_ints(limit), cells) != 0xFFFF
        if more:
            portion = select_ints_below(cells, splat_ints(limit), cells, splat_ints(limit))
            cells = subtract_ints(cells, portion)
        u = random_word(start, key1)
        bin_number = shift_ints_right(u, 32 - bin_bits)
        index = add_ints(shift_ints_left(portion, bin_bits), splat_ints(first))
        entry = gather_ints(firsts, add_ints(index, bin_number))
        fraction = shift_ints_right(shift_ints_left(u, bin_bits), 32 - FIRST_BITS)
        level = shift_ints_right(entry, ALIAS_BITS)
        alias = entry & splat_ints((1 << ALIAS_BITS) - 1)
        total = add_ints(total, select_ints_below(fraction, level, bin_number, alias))
        tied |= any_ints_equal(fraction, level)
        start = add64(start, NEXT_DRAW)
        if half:
            total = subtract_ints(total, splat_ints(half))
        if slope:
            moved = multiply_ints(portion, splat_ints(slope))
            total = add_ints(total, shift_ints_right(moved, SLOPE_BITS))
    if sign < 0:
        total = subtract_ints(zero(), total)
    return total, start, tied


@inline
def frequent_change(cells, positive, negative, most, firsts, seconds, shapes, start, key1):
    """Change of sixteen sums, each output with its own number of cells.

    Args:
        cells, positive, negative: words of 16 int32, sensed cells and those with product +1, -1.
        most: no output senses more cells.
        firsts, seconds: int32 and uint32, flat, alias tables of the classes.
        shapes: int64 [3, 6], for class +1, -1 and 0: where its table starts; limit, the cells it
            goes up to (0: the class never errs); bin_bits, each of its ``limit + 1`` rows having
            2**bin_bits entries; slope and half, row m's first bin standing for the change
            ``(m * slope >> SLOPE_BITS) - half``; sign, what changes are multiplied by.
        start, key1: the random stream, draw 0; number i of a draw serves outputs 2 i and 2 i + 1.

    Returns:
        word of 16 int32, the changes, and whether a fraction and a threshold agree in all of their
        first bits: if so, `settled_change` gives the changes.
    """
    change, tied = zero(), False
    if shapes[0, 1]:
        total, start, again = _class_change(positive, most, firsts, seconds, shapes, 0, start, key1)
        change, tied = add_ints(change, total), tied | again
    if shapes[1, 1]:
        total, start, again = _class_change(negative, most, firsts, seconds, shapes, 1, start, key1)
        change, tied = add_ints(change, total), tied | again
    if shapes[2, 1]:
        none = subtract_ints(cells, add_ints(positive, negative))
        total, start, again = _class_change(none, most, firsts, seconds, shapes, 2, start, key1)
        change, tied = add_ints(change, total), tied | again
    return change, tied


@inline
def _half(start, key1, output):
    """The 32 random bits of one of sixteen outputs."""
    number = random_number(add64(start, multiply64(GOLDEN, output >> 1)), key1)
    return np.int64(number >> np.uint64(32 * (output & 1)) & np.uint64(0xFFFFFFFF))


@kernel
def settled_change(cells, firsts, seconds, shapes, start, key1, changes):
    """`frequent_change` of each output by itself, going on to the second bits after a tie.

    Args:
        cells: int32 [3, 16], cells of class +1, -1 and 0.
        firsts, seconds, shapes, start, key1: as in `frequent_change`.
        changes: int32 [16], overwritten.
    """
    changes[:] = 0
    for which in range(3):
        first, limit, bin_bits = shapes[which, 0], shapes[which, 1], shapes[which, 2]
        slope, half, sign = shapes[which, 3], shapes[which, 4], shapes[which, 5]
        left, more = cells[which].copy(), limit > 0
        while more:
            more = left.max() > limit
            for output in range(16):
                portion = min(np.int64(left[output]), limit)
                left[output] -= portion
                u = _half(start, key1, output)
                chosen = u >> (32 - bin_bits)
                entry = first + (portion << bin_bits) + chosen
                word = np.int64(firsts[entry]) & 0xFFFFFFFF
                fraction, level = u << bin_bits & 0xFFFFFFFF, word >> ALIAS_BITS
                fraction >>= 32 - FIRST_BITS
                below = fraction < level
                if fraction == level:
                    further = add64(start, multiply64(NEXT_DRAW, _SETTLING))
                    below = _half(further, key1, output) < np.int64(seconds[entry])
                if not below:
                    chosen = word & ((1 << ALIAS_BITS) - 1)
                changes[output] += sign * (chosen - half + (portion * slope >> SLOPE_BITS))
            start = add64(start, NEXT_DRAW)


@inline
def _put(at, share, alias, firsts, seconds):
    """Write an entry: the threshold is ``share`` of 2**56."""
    units = min(int(share * 72057594037927936.0), 72057594037927935)
    firsts[at] = np.int32(np.uint32(units >> SECOND_BITS << ALIAS_BITS | alias))
    seconds[at] = np.uint32(units & 0xFFFFFFFF)


@kernel
def fill_alias(mass, firsts, seconds):
    """Alias tables of many distributions (Vose's method).

    Args:
        mass: float64 [rows, bins], each row summing to 1.
        firsts, seconds: int32 and uint32, flat [rows][bins], overwritten.
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
            _put(row * bins + low, scaled[low], high, firsts, seconds)
            scaled[high] -= 1.0 - scaled[low]
            if scaled[high] < 1.0:
                n_large -= 1
                small[n_small] = high
                n_small += 1
        for i in range(n_large):  # what is left is full up to rounding
            _put(row * bins + large[i], 1.0, large[i], firsts, seconds)
        for i in range(n_small):
            _put(row * bins + small[i], 1.0, small[i], firsts, seconds)
