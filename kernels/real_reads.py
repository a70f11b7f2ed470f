"""Read errors of layers with real inputs, drawn as events and added to the float result."""

from __future__ import annotations

from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.faults import next_gap, read_value
from ternary_engine.kernels.random import GOLDEN, random_number
from ternary_engine.kernels.simd import add64, multiply64


@kernel
def add_read_errors(
    x, x_pitches, height, width, trits, groups, kernel_columns, strides, pads, dilations, values,
    log_keep, levels, keys, out, out_pitches, out_height, out_width,
):  # fmt: skip
    """Add ``input * (weight read - weight stored)`` for every cell that is read wrong.

    Cells under an input 0 or outside the image are not sensed.

    Args:
        x: flat float32 inputs; element (n, c, p) at the dot product of ``x_pitches`` with it.
        height, width: of the input image.
        trits: int8 [outputs, taps, channels of a group], as stored.
        groups: channel groups. kernel_columns: columns of the window.
        strides, pads, dilations: (rows, columns); pads at the top and left.
        values: float32 [outputs, 3], real weight of a cell read as -1, 0, +1.
        log_keep, levels: see `faults.next_gap` and `faults.read_value`.
        keys: uint64 [images, 2], random streams.
        out: flat float32 results, changed. out_pitches: as for x.
        out_height, out_width: of the output image.
    """
    outputs, taps, per_group = trits.shape
    inputs = taps * per_group
    per_position = outputs * inputs
    total = out_height * out_width * per_position
    for image in range(keys.shape[0]):
        cell, draw = 0, 0
        while True:
            start = add64(keys[image, 0], multiply64(GOLDEN, 2 * draw))
            gap = next_gap(random_number(start, keys[image, 1]), log_keep)
            if gap >= total - cell:
                break
            cell += gap
            position, rest = cell // per_position, cell % per_position
            output, rest = rest // inputs, rest % inputs
            channel, tap = rest // taps, rest % taps
            row = (
                position // out_width * strides[0] - pads[0] + tap // kernel_columns * dilations[0]
            )
            column = (
                position % out_width * strides[1] - pads[1] + tap % kernel_columns * dilations[1]
            )
            if 0 <= row < height and 0 <= column < width:
                source = output // (outputs // groups) * per_group + channel
                place = row * width + column
                value = x[image * x_pitches[0] + source * x_pitches[1] + place * x_pitches[2]]
                stored = int(trits[output, tap, channel])
                choice = random_number(add64(start, GOLDEN), keys[image, 1])
                read = read_value(stored, choice, levels)
                if value != 0 and read != stored:
                    at = (
                        image * out_pitches[0] + output * out_pitches[1] + position * out_pitches[2]
                    )
                    out[at] += value * (values[output, read + 1] - values[output, stored + 1])
            cell += 1
            draw += 1
