"""Read errors drawn cell by cell: which (image, position, cell) err, and what that does to a sum.

For layers with real inputs, whose errors are added to the float result, and for runs that record
every error. Cost grows with the errors, found by geometric skipping over all reads.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.faults import next_gap, read_value
from ternary_engine.kernels.random import GOLDEN, random_number
from ternary_engine.kernels.simd import add64, multiply64


@inline
def _fill_places(window, rows, columns):
    """First row and column of the window at every output position."""
    position = 0
    for row in range(window[2]):
        for column in range(window[3]):
            rows[position] = row * window[5] - window[7]
            columns[position] = column * window[6] - window[8]
            position += 1


@inline
def _split(cell, inputs, taps, outputs, per_group, groups, window):
    """Output, source channel, and the tap's distance in rows and columns, of a cell."""
    output, rest = cell // inputs, cell % inputs
    channel, tap = rest // taps, rest % taps
    source = output // (outputs // groups) * per_group + channel
    down, right = tap // window[4] * window[9], tap % window[4] * window[10]
    return output, tap, channel, source, down, right


@kernel
def draw_read_events(
    x, x_pitches, window, groups, trits, by_output, log_keep, levels, keys, where, read
):
    """Draw which reads are wrong.

    Cells under an input 0 or outside the image are not sensed. Reads are numbered by cell, then
    position, so that what belongs to a cell is worked out once for all its wrong reads.

    Args:
        x: flat inputs; element (n, c, p) at the dot product of ``x_pitches`` with it.
        window: int64 [11]: height, width, out_height, out_width, kernel_columns, stride_rows,
            stride_columns, pad_top, pad_left, dilation_rows, dilation_columns.
        groups: channel groups.
        trits: int8 [outputs, taps, channels of a group], as stored.
        by_output: whether a cell's index in the source graph counts outputs first.
        log_keep, levels: see `faults.next_gap` and `faults.read_value`.
        keys: uint64 [images, 2], random streams.
        where: int64 [room, 3], filled with image, position and cell (index in the source graph).
        read: int8 [room], filled with what the cell is read as.

    Returns:
        how many reads are wrong; where that is more than fits, the rest is not written. The place
        after the last may be written over.
    """
    outputs, taps, per_group = trits.shape
    inputs, height, width = taps * per_group, window[0], window[1]
    positions = window[2] * window[3]
    rows, columns = np.empty(positions, np.int64), np.empty(positions, np.int64)
    _fill_places(window, rows, columns)
    found = 0
    for image in range(keys.shape[0]):
        cell, position, draw = -1, positions, 0
        output, tap, channel, source, down, right = 0, 0, 0, 0, 0, 0
        stored, index = 0, 0
        while True:
            start = add64(keys[image, 0], multiply64(GOLDEN, 2 * draw))
            gap = next_gap(random_number(start, keys[image, 1]), log_keep)
            if gap >= (outputs * inputs - cell) * positions - position:
                break
            position += gap
            if position >= positions:
                cell += position // positions
                position %= positions
                output, tap, channel, source, down, right = _split(
                    cell, inputs, taps, outputs, per_group, groups, window
                )
                stored = int(trits[output, tap, channel])
                rest = channel * taps + tap
                index = cell if by_output else rest * outputs + output
            row, column = rows[position] + down, columns[position] + right
            if 0 <= row < height and 0 <= column < width:
                place = image * x_pitches[0] + source * x_pitches[1]
                if x[place + (row * width + column) * x_pitches[2]] != 0:
                    choice = random_number(add64(start, GOLDEN), keys[image, 1])
                    wrong = read_value(stored, choice, levels)
                    if found < read.size:  # overwritten by the next one where this does not err
                        where[found, 0] = image
                        where[found, 1] = position
                        where[found, 2] = index
                        read[found] = wrong
                    found += int(wrong != stored)
            position += 1
            draw += 1
    return found


@kernel
def apply_read_events(
    x, x_pitches, window, groups, trits, by_output, where, read, values, out, out_pitches
):
    """Add ``input * (weight read - weight stored)`` for every wrong read.

    Args:
        x, x_pitches, window, groups, trits, by_output: as in `draw_read_events`.
        where, read: the wrong reads.
        values: [outputs, 3], weight of a cell read as -1, 0, +1.
        out: flat results, changed. out_pitches: as for x.
    """
    outputs, taps, per_group = trits.shape
    inputs, height, width = taps * per_group, window[0], window[1]
    positions = window[2] * window[3]
    rows, columns = np.empty(positions, np.int64), np.empty(positions, np.int64)
    _fill_places(window, rows, columns)
    output, tap, channel, source, down, right = 0, 0, 0, 0, 0, 0
    before, stored = -1, 0
    for event in range(read.size):
        image, position, index = where[event, 0], where[event, 1], where[event, 2]
        if index != before:
            cell = index if by_output else index % outputs * inputs + index // outputs
            output, tap, channel, source, down, right = _split(
                cell, inputs, taps, outputs, per_group, groups, window
            )
            stored = int(trits[output, tap, channel])
            before = index
        row, column = rows[position] + down, columns[position] + right
        if 0 <= row < height and 0 <= column < width:
            place = image * x_pitches[0] + source * x_pitches[1]
            value = x[place + (row * width + column) * x_pitches[2]]
            at = image * out_pitches[0] + output * out_pitches[1] + position * out_pitches[2]
            out[at] += value * (values[output, read[event] + 1] - values[output, stored + 1])
