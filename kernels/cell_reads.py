"""Read errors drawn cell by cell: which (image, position, cell) err, and what that does to a sum.

For layers with real inputs, whose errors are added to the float result, and for runs that record
every error. Cost grows with the errors, found by geometric skipping over all reads.
"""

from __future__ import annotations

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.faults import next_gap, read_value
from ternary_engine.kernels.random import GOLDEN, random_number
from ternary_engine.kernels.simd import add64, multiply64


@inline
def _input_place(window, position, tap):
    """Where the input of a cell lies, or -1 outside the image.

    Args:
        window: int64 [11], see `draw_read_events`.
    """
    height, width, out_width, kernel_columns = window[0], window[1], window[3], window[4]
    row = position // out_width * window[5] - window[7] + tap // kernel_columns * window[9]
    column = position % out_width * window[6] - window[8] + tap % kernel_columns * window[10]
    if 0 <= row < height and 0 <= column < width:
        return row * width + column
    return -1


@kernel
def draw_read_events(
    x, x_pitches, window, groups, trits, by_output, log_keep, levels, keys, where, read
):
    """Draw which reads are wrong.

    Cells under an input 0 or outside the image are not sensed.

    Args:
        x: flat inputs; element (n, c, p) at the dot product of ``x_pitches`` with it.
        window: int64 [11]: rows and columns of the input image, of the output image (rows,
            columns), columns of the kernel, strides, pads at top and left, dilations.
            In order: height, width, out_height, out_width, kernel_columns, stride_rows,
            stride_columns, pad_top, pad_left, dilation_rows, dilation_columns.
        groups: channel groups.
        trits: int8 [outputs, taps, channels of a group], as stored.
        by_output: whether a cell's index in the source graph counts outputs first.
        log_keep, levels: see `faults.next_gap` and `faults.read_value`.
        keys: uint64 [images, 2], random streams.
        where: int64 [room, 3], filled with image, position and cell (index in the source graph).
        read: int8 [room], filled with what the cell is read as.

    Returns:
        how many reads are wrong; where that is more than fits, the rest is not written.
    """
    outputs, taps, per_group = trits.shape
    inputs = taps * per_group
    total = window[2] * window[3] * outputs * inputs
    found = 0
    for image in range(keys.shape[0]):
        at, draw = 0, 0
        while True:
            start = add64(keys[image, 0], multiply64(GOLDEN, 2 * draw))
            gap = next_gap(random_number(start, keys[image, 1]), log_keep)
            if gap >= total - at:
                break
            at += gap
            position, rest = at // (outputs * inputs), at % (outputs * inputs)
            output, rest = rest // inputs, rest % inputs
            channel, tap = rest // taps, rest % taps
            place = _input_place(window, position, tap)
            if place >= 0:
                source = output // (outputs // groups) * per_group + channel
                value = x[image * x_pitches[0] + source * x_pitches[1] + place * x_pitches[2]]
                stored = int(trits[output, tap, channel])
                choice = random_number(add64(start, GOLDEN), keys[image, 1])
                wrong = read_value(stored, choice, levels)
                if value != 0 and wrong != stored:
                    if found < read.size:
                        where[found, 0] = image
                        where[found, 1] = position
                        where[found, 2] = (
                            output * inputs + rest if by_output else rest * outputs + output
                        )
                        read[found] = wrong
                    found += 1
            at += 1
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
    inputs = taps * per_group
    for event in range(read.size):
        image, position, cell = where[event, 0], where[event, 1], where[event, 2]
        if by_output:
            output, rest = cell // inputs, cell % inputs
        else:
            output, rest = cell % outputs, cell // outputs
        channel, tap = rest // taps, rest % taps
        place = _input_place(window, position, tap)
        if place >= 0:
            source = output // (outputs // groups) * per_group + channel
            value = x[image * x_pitches[0] + source * x_pitches[1] + place * x_pitches[2]]
            stored = int(trits[output, tap, channel])
            at = image * out_pitches[0] + output * out_pitches[1] + position * out_pitches[2]
            out[at] += value * (values[output, read[event] + 1] - values[output, stored + 1])
