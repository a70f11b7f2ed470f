"""What a change of few codes, or of few cells, makes of a run whose values are all known.

Values are plain arrays, channels last: codes int16 and sums int32, [images, rows, columns,
channels]. A change of codes is (place, channel, delta): ``place`` counts positions of all images.
Sums that may change are copied, position by position, into rows of ``fresh``; ``slot`` [positions]
tells which row, -1 for none. Codes are changed in place.

A window is told by tables, as divisions would cost more than the sums: ``where`` int32 [positions
of an input image, 2], row and column; ``down`` int32 [input rows, taps] and ``right`` int32 [input
columns, taps], the row and the column of the output that sees an input through a tap, -1 for none;
``size``, rows and columns of the output.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel

_FEW_LEVELS = 9  # up to which every threshold is tried, all channels at once


@kernel
def mark_windows(place, where, down, right, size, slot, touched):
    """Find the positions whose windows see changed codes.

    Args:
        place: int64, positions of the input.
        where, down, right, size: the window.
        slot: int64 [output positions], -1 at first.
        touched: int64 [output positions], filled with those found, as many as are given back.
    """
    count = 0
    for k in range(place.size):
        image, rest = divmod(place[k], where.shape[0])
        row, column = where[rest, 0], where[rest, 1]
        for i in range(down.shape[1]):
            if down[row, i] < 0:
                continue
            line = (image * size[0] + down[row, i]) * size[1]
            for j in range(right.shape[1]):
                if right[column, j] >= 0 and slot[line + right[column, j]] < 0:
                    slot[line + right[column, j]] = count
                    touched[count] = line + right[column, j]
                    count += 1
    return count


@kernel
def add_windows(place, channel, delta, weights, groups, where, down, right, size, slot, fresh):
    """Add what changed codes change: delta times weight, in every window that sees them.

    Args:
        place, channel, delta: changes of the input's codes.
        weights: int32 [taps, channels, outputs of a group].
        groups: channel groups.
        where, down, right, size: the window.
        slot: see `mark_windows`.
        fresh: int32 [rows, outputs], changed.
    """
    outputs = weights.shape[2]
    per_group = weights.shape[1] // groups
    for k in range(place.size):
        image, rest = divmod(place[k], where.shape[0])
        row, column = where[rest, 0], where[rest, 1]
        change = np.int32(delta[k])
        first = channel[k] // per_group * outputs
        for i in range(down.shape[1]):
            if down[row, i] < 0:
                continue
            line = (image * size[0] + down[row, i]) * size[1]
            for j in range(right.shape[1]):
                if right[column, j] < 0:
                    continue
                sums = fresh[slot[line + right[column, j]]]
                terms = weights[i * right.shape[1] + j, channel[k]]
                for o in range(outputs):
                    sums[first + o] += change * terms[o]


@kernel
def mark_cell(codes, channel, tap, down, right, size, slot, touched, count):
    """Find the positions at which a cell is sensed: its input is not zero.

    Args:
        codes: int16 [images, rows, columns, channels] of the input.
        channel: of the cell.
        tap: its row and column in the window.
        down, right, size: the window.
        slot, touched: see `mark_windows`.
        count: positions in ``touched`` so far.

    Returns:
        the same with those of this cell.
    """
    for image in range(codes.shape[0]):
        for row in range(codes.shape[1]):
            if down[row, tap[0]] < 0:
                continue
            line = (image * size[0] + down[row, tap[0]]) * size[1]
            for column in range(codes.shape[2]):
                at = line + right[column, tap[1]]
                sensed = right[column, tap[1]] >= 0 and codes[image, row, column, channel] != 0
                if sensed and slot[at] < 0:
                    slot[at] = count
                    touched[count] = at
                    count += 1
    return count


@kernel
def add_cell(codes, channel, tap, output, change, down, right, size, slot, fresh):
    """Add input times change of weight to a cell's output, wherever it is sensed.

    Args:
        codes, channel, tap, down, right, size, slot: see `mark_cell`.
        output: column of ``fresh``.
        change: of the cell's weight.
        fresh: int32 [rows, columns], changed.
    """
    for image in range(codes.shape[0]):
        for row in range(codes.shape[1]):
            if down[row, tap[0]] < 0:
                continue
            line = (image * size[0] + down[row, tap[0]]) * size[1]
            for column in range(codes.shape[2]):
                code = np.int32(codes[image, row, column, channel])
                if right[column, tap[1]] >= 0 and code != 0:
                    fresh[slot[line + right[column, tap[1]]], output] += np.int32(change) * code


@inline
def _emit(at, channel, new, codes, count, changes):
    """Put a new code in place, and take down what changed."""
    changes[count, 0], changes[count, 1] = at, channel
    changes[count, 2] = new - codes[at, channel]
    codes[at, channel] = new
    return count + 1


@inline
def _bisected(value, channel, thresholds):
    """How many thresholds of a channel a sum reaches."""
    low, high = 0, thresholds.shape[0]
    while low < high:
        middle = (low + high) // 2
        if value >= thresholds[middle, channel]:
            low = middle + 1
        else:
            high = middle
    return low


@inline
def _reached(sums, thresholds, index):
    """How many thresholds each sum of a row reaches."""
    if thresholds.shape[0] >= _FEW_LEVELS:
        for c in range(sums.size):
            index[c] = _bisected(sums[c], c, thresholds)
        return
    for c in range(sums.size):
        index[c] = 0
    for t in range(thresholds.shape[0]):
        steps = thresholds[t]
        for c in range(sums.size):
            index[c] += np.int32(sums[c] >= steps[c])


@kernel
def apply_thresholds(fresh, touched, channels, thresholds, first, sign, codes, changes):
    """Turn fresh sums into codes.

    Args:
        fresh: int32 [rows, columns], sums with changes.
        touched, channels: int64, the position of each row and the channel of each column.
        thresholds: int32 [levels - 1, columns], ascending along the first axis.
        first, sign: int32 [columns]: the code of a sum that reaches no threshold, and what every
            threshold adds.
        codes: int16 [positions, channels], changed in place.
        changes: int64 [room, 3], filled with place, channel and delta.

    Returns:
        how many codes change.
    """
    index = np.empty(channels.size, np.int32)
    found = 0
    for k in range(touched.size):
        _reached(fresh[k], thresholds, index)
        for c in range(channels.size):
            index[c] = first[c] + sign[c] * index[c]
        line = codes[touched[k]]
        for c in range(channels.size):
            if index[c] != line[channels[c]]:
                found = _emit(touched[k], channels[c], index[c], codes, found, changes)
    return found


@kernel
def apply_table(fresh, touched, channels, table, minimum, codes, changes):
    """Turn fresh sums into codes through a table; see `apply_thresholds`.

    Args:
        table: int16 [channels, range]. minimum: the sum of its first column.
    """
    found = 0
    for k in range(touched.size):
        at = touched[k]
        for column in range(channels.size):
            c = channels[column]
            new = table[c, fresh[k, column] - minimum]
            if new != codes[at, c]:
                found = _emit(at, c, new, codes, found, changes)
    return found


@kernel
def pool_again(
    place, channel, source, where, down, right, size, rows, columns, smallest, codes, changes
):
    """Pool the windows that see changed codes; places in the padding do not take part.

    Args:
        place, channel: changes of the source, which has them already.
        source: int16 [positions, channels].
        where, down, right, size: the window.
        rows, columns: int32 [output rows, taps] and [output columns, taps]: the input row and
            column that a window sees through a tap, -1 in the padding.
        smallest: bool [channels or 1].
        codes: int16 [positions, channels] of the target, changed in place.
        changes: int64 [room, 3], filled with place, channel and delta.

    Returns:
        how many codes change.
    """
    each = where.shape[0]
    found = 0
    for k in range(place.size):
        image, rest = divmod(place[k], each)
        row, column, c = where[rest, 0], where[rest, 1], channel[k]
        low = smallest[c if smallest.size > 1 else 0]
        for i in range(down.shape[1]):
            if down[row, i] < 0:
                continue
            for j in range(right.shape[1]):
                if right[column, j] < 0:
                    continue
                seen, across = rows[down[row, i]], columns[right[column, j]]
                best = _pooled(source, image * each, seen, across, right.shape[0], c, low)
                at = (image * size[0] + down[row, i]) * size[1] + right[column, j]
                if best != codes[at, c]:
                    found = _emit(at, c, best, codes, found, changes)
    return found


@inline
def _pooled(source, base, rows, columns, width, channel, low):
    """The largest code (or the smallest) of a window."""
    best, none = 0, True
    for row in rows:
        if row < 0:
            continue
        for column in columns:
            if column < 0:
                continue
            value = int(source[base + row * width + column, channel])
            if none or (value < best) == low:
                best, none = value, False
    return best
