"""Errors drawn cell by cell: which stored weights are read wrong, and as what.

Cells that err are found by geometric skipping: the gap to the next *candidate* has a geometric
distribution at the largest error rate of the three stored values, so the cost grows with the
errors and not with the cells. A candidate errs with its own value's rate over the largest.
"""

from __future__ import annotations

import math

import numpy as np

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
    smaller = -1 if stored > -1 else 0
    larger = 1 if stored < 1 else 0
    either = larger if random < levels[row, 1] else stored
    return smaller if random < levels[row, 0] else either


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
        how many err; where that is more than fits, the rest is not written: draw again with
        more room. The place after the last may be written over.
    """
    found = 0
    draw = 0
    cell = np.int64(0)
    while True:
        start = add64(keys[0], multiply64(GOLDEN, 2 * draw))
        gap = next_gap(random_number(start, keys[1]), log_keep)
        if gap >= cells - cell:
            return found
        cell += gap
        state = (pairs[cell >> 2] >> (2 * (cell & 3))) & 3
        stored = np.int64(state & 1) - np.int64(state >> 1)
        choice = random_number(add64(start, GOLDEN), keys[1])
        value = read_value(stored, choice, levels)
        if found < where.size:  # overwritten by the next one where this candidate does not err
            where[found] = cell
            read[found] = value
        found += int(value != stored)
        cell += 1
        draw += 1


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
    where, values, outputs, inputs, by_output, taps, per_step, steps, runs, pairs, lanes, center,
    nibbles, base,
):  # fmt: skip
    """Write trits into weights packed for look-ups.

    Args:
        where, values, outputs, by_output, taps: as in `write_trits`. inputs: of an output.
        per_step: channels of a step, 4 where weights are binary. steps: of a tap.
        runs: of taps that lie one behind the other. pairs: of steps in all runs.
        lanes: outputs of a panel.
        center: what a weight adds to that which its output's sums start from.
        nibbles: uint8, `nibble_layout.pack_nibbles`, changed.
        base: int16, `nibble_layout.spread_shorts`, changed.
    """
    run_steps, run_pairs = taps * steps // max(runs, 1), pairs // max(runs, 1)
    for i in range(where.size):
        if by_output:
            output, rest = where[i] // inputs, where[i] % inputs
        else:
            output, rest = where[i] % outputs, where[i] // outputs
        channel = rest // taps
        step = rest % taps * steps + channel // per_step
        run, step = step // run_steps, step % run_steps
        panel, lane = output // lanes, output % lanes
        at = (panel * pairs + run * run_pairs + (step >> 1)) * lanes + lane
        shift = 4 * (step & 1) + channel % per_step
        byte, value = int(nibbles[at]), int(values[i])
        if per_step == 4:
            nibbles[at] = byte & ~(1 << shift) | int(value < 0) << shift
            continue
        old = (byte >> shift & 1) - 2 * (byte >> shift + 2 & 1)
        negative = int(value < 0) << shift + 2
        nibbles[at] = byte & ~(5 << shift) | int(value != 0) << shift | negative
        place = panel * 64 + (lane & 1) * 32 + (lane >> 1)
        base[place] += center * (value - old)
        if lanes == 32:
            base[place + 16] += center * (value - old)
