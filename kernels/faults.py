"""Errors drawn cell by cell: which stored weights are read wrong, and as what.

Cells that err are found by geometric skipping: the gap to the next *candidate* has a geometric
distribution at the largest error rate of the three stored values, so the cost grows with the
errors and not with the cells. A candidate errs with its own value's rate over the largest.
"""

from __future__ import annotations

import math

import numpy as np

from ternary_engine.kernels.bytes import element, put
from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.random import GOLDEN, random_number
from ternary_engine.kernels.simd import add64, multiply64

_ULP = 2.0**-53


@inline
def next_gap(random, log_keep):
    """Cells to skip before the next candidate.

    Args:
        random: 64 random bits. log_keep: log(1 - rate), -inf for rate 1.
    """
    u = (np.int64(random >> np.uint64(11)) + 1) * _ULP  # in (0, 1]
    gap = math.log(u) / log_keep
    return np.int64(gap) if gap < 9.0e18 else np.int64(9000000000000000000)


@inline
def read_value(stored, random, levels):
    """What a candidate cell is read as.

    Args:
        stored: its trit. random: 64 random bits.
        levels: uint64 [3, 2], for stored -1, 0, +1: share of 2**64 in which the smaller of the two
            other values is read, and either of them.
    """
    row = stored + 1
    smaller, larger = -int(stored > -1), int(stored < 1)
    first, either = int(random < levels[row, 0]), int(random < levels[row, 1])
    return first * smaller + (either - first) * larger + (1 - either) * stored


@kernel
def draw_faults(pairs, cells, log_keep, levels, keys, where, read):
    """Draw the cells of one trit plane that err, once.

    Args:
        pairs: uint8, device-pair states, see `encoding.pack_trits`.
        cells: number of cells.
        log_keep, levels: see `next_gap`, `read_value`.
        keys: uint64 [2], the random stream.
        where: int64, filled with the indices of cells that err, ascending.
        read: int8, filled with what they are read as.

    Returns:
        how many err; where that is more than fits, draw again with so much room. Places after the
        last may be written over.
    """
    candidates = 0
    cell = np.int64(0)
    start = keys[0]
    while True:
        gap = next_gap(random_number(start, keys[1]), log_keep)
        if gap >= cells - cell:
            break
        cell += gap
        if candidates < where.size:
            put(where, candidates, cell)
        candidates += 1
        cell += 1
        start = add64(start, multiply64(GOLDEN, 2))
    if candidates > where.size:
        return candidates
    found = 0
    for i in range(candidates):  # nothing here branches by chance
        cell = element(where, i)
        state = (np.int64(element(pairs, cell >> 2)) >> (2 * (cell & 3))) & 3
        stored = (state & 1) - (state >> 1)
        choice = random_number(add64(keys[0], multiply64(GOLDEN, 2 * i + 1)), keys[1])
        value = read_value(stored, choice, levels)
        put(where, found, cell)  # overwritten by the next one where this candidate does not err
        put(read, found, value)
        found += int(value != stored)
    return found


@kernel
def write_pairs(where, values, pairs):
    """Write trits into device-pair states.

    Args:
        where: int64, numbers of the cells. values: int8, the trits to write there.
        pairs: uint8, see `encoding.pack_trits`, changed.
    """
    for i in range(where.size):
        shift = 2 * (where[i] & 3)
        state = int(values[i] > 0) | int(values[i] < 0) << 1
        at = where[i] >> 2
        pairs[at] = (int(pairs[at]) & ~(3 << shift)) | state << shift


@kernel
def write_trits(
    where, values, outputs, by_output, taps, per_group, shifts, span, tap_bits, planes, panels,
    counted, nonzero, negative, before,
):  # fmt: skip
    """Write trits into packed weights.

    Args:
        where: int64, flat indices into the weights of the source graph.
        values: int8, the trits to write there.
        outputs: outputs of the layer. by_output: the weights' first axis counts outputs, else
            the last does.
        taps: taps of the window. per_group: channels of a group.
        shifts: int64 [outputs], where an output's first channel lies in its panel's words.
        span: uint64 of a panel. tap_bits: bits from one tap to the next.
        planes: 2, or 1 for the negative alone.
        panels: uint64, packed weights.
        counted: whether to keep the counts right.
        nonzero, negative: int64 [outputs, taps], counts.
        before: uint64 [trits, 3], filled with what `restore` needs.
    """
    inputs = taps * per_group
    for i in range(where.size):
        if by_output:
            output, rest = where[i] // inputs, where[i] % inputs
        else:
            output, rest = where[i] % outputs, where[i] // outputs
        tap = rest % taps
        place = tap * tap_bits + rest // taps + shifts[output]
        at = (output >> 4) * span + (place >> 6) * planes * 16 + (output & 15)
        bit = np.uint64(1) << np.uint64(place & 63)
        last = at + 16 * (planes - 1)
        before[i, 0], before[i, 1], before[i, 2] = at, panels[at], panels[last]
        if counted:
            negative[output, tap] += (values[i] < 0) - int((panels[last] & bit) != 0)
            if planes == 2:
                nonzero[output, tap] += (values[i] != 0) - int((panels[at] & bit) != 0)
        if planes == 2:
            panels[at] = (panels[at] | bit) if values[i] != 0 else (panels[at] & ~bit)
        panels[last] = (panels[last] | bit) if values[i] < 0 else (panels[last] & ~bit)


@kernel
def restore(before, planes, panels):
    """Take back what `write_trits` wrote, last first.

    Args:
        before: uint64 [trits, 3], from `write_trits`. planes, panels: as there.
    """
    for i in range(len(before) - 1, -1, -1):
        at = np.int64(before[i, 0])
        panels[at] = before[i, 1]
        panels[at + 16 * (planes - 1)] = before[i, 2]


@kernel
def write_nibbles(
    where, values, minor, by_output, spots, panel_bytes, lanes, center, plain, nibbles, base, before
):
    """Write trits into weights packed for look-ups.

    Args:
        where: int64, flat indices into the weights of the source graph; ascending is quick.
        values: int8, the trits to write there.
        minor: length of the weights' last axis in the source graph, its others taken as one.
        by_output: the first axis counts outputs, else the last does.
        spots: int64 [inputs of an output], from `nibble_layout.spots`.
        panel_bytes: of a panel. lanes: outputs of a panel.
        center: what a weight adds to that which its output's sums start from.
        plain: nibbles hold four binary weights each, else two of three values.
        nibbles: uint8, `nibble_layout.pack_nibbles`, changed.
        base: int16, `nibble_layout.spread_shorts`, changed.
        before: int64 [trits, 4], filled with what `restore_nibbles` needs.
    """
    row, first = 0, 0
    for i in range(where.size):
        if where[i] < first:
            row, first = 0, 0
        while where[i] >= first + minor:
            row, first = row + 1, first + minor
        column = where[i] - first
        output, spot = (row, spots[column]) if by_output else (column, spots[row])
        panel, lane = output // lanes, output % lanes
        at, shift = panel * panel_bytes + (spot >> 3) + lane, spot & 7
        byte, value = int(nibbles[at]), int(values[i])
        place = panel * 64 + (lane & 1) * 32 + (lane >> 1)
        before[i, 0], before[i, 1], before[i, 2], before[i, 3] = at, byte, place, 0
        if plain:
            nibbles[at] = byte & ~(1 << shift) | int(value < 0) << shift
            continue
        change = center * (value - (byte >> shift & 1) + 2 * (byte >> shift + 2 & 1))
        negative = int(value < 0) << shift + 2
        nibbles[at] = byte & ~(5 << shift) | int(value != 0) << shift | negative
        before[i, 3] = change
        _add_to_base(base, place, lanes, change)


@kernel
def restore_nibbles(before, lanes, nibbles, base):
    """Take back what `write_nibbles` wrote, last first.

    Args:
        before: int64 [trits, 4], from `write_nibbles`. lanes, nibbles, base: as there.
    """
    for i in range(len(before) - 1, -1, -1):
        nibbles[before[i, 0]] = before[i, 1]
        _add_to_base(base, before[i, 2], lanes, -before[i, 3])


@inline
def _add_to_base(base, place, lanes, change):
    base[place] += change
    if lanes == 32:
        base[place + 16] += change
