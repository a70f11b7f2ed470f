"""Reads of cells that each have their own chance to be read otherwise than they usually are.

Only those cells are looked at. Cells that do so often are drawn for 64 output positions at once:
bit by bit a random number of each position is compared with the cell's chance, most significant bit
first, until none is undecided (about eight random words, whatever the chance). Cells that hardly
ever do are sorted into classes of similar chances; within a class the next *candidate* among all
its reads is found by geometric skipping at the largest chance, and kept with the cell's own chance
over that.

Whether a read changes depends on the stream, the cell and the position, not on the inputs; a read
counts where its input is not 0.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.faults import next_gap
from ternary_engine.kernels.random import GOLDEN, random_number
from ternary_engine.kernels.simd import add64, lowest_bit, multiply64

WORD = 64
FEW_POSITIONS = 8  # of an image, up to which it does not pay to turn bits around
CLASS_SHIFT = 44  # counters from here up belong to the classes of rare cells, one after the other
CHOICE = 32 << 44  # counters from here up choose between two other values
_ALWAYS = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)


@inline
def _number(key0, key1, counter):
    return random_number(add64(key0, multiply64(GOLDEN, counter)), key1)


@inline
def changed_bits(undecided, chance, key0, key1, counter):
    """Positions at which a cell is read otherwise.

    Args:
        undecided: 64 bits, positions to draw for. chance: in units of 2**-64.
        key0, key1: the random stream. counter: of the first of 64 random numbers.
    """
    changed = np.uint64(0)
    bit = 63
    while undecided:
        random = _number(key0, key1, counter)
        if (chance >> np.uint64(bit)) & _ONE:
            changed |= undecided & ~random
            undecided &= random
        else:
            undecided &= ~random
        counter += 1
        bit -= 1
        if bit < 0:
            break
    return changed


@inline
def _value(i, number, position, positions, values, shares, key0, key1):
    """What cell ``i`` is read as where it is read otherwise."""
    if shares[i] == _ALWAYS:
        return np.int64(values[i, 1])
    choice = _number(key0, key1, CHOICE + number * positions + position)
    return np.int64(values[i, 1] if choice < shares[i] else values[i, 2])


@inline
def _turn(rows):
    """Turn 64 words of 64 bits around: bit c of word r becomes bit r of word c."""
    mask = np.uint64(0x00000000FFFFFFFF)
    j = 32
    while j:
        shift = np.uint64(j)
        for first in range(0, WORD, 2 * j):
            for k in range(first, first + j):
                swapped = ((rows[k] >> shift) ^ rows[k + j]) & mask
                rows[k + j] ^= swapped
                rows[k] ^= swapped << shift
        j >>= 1
        mask ^= mask << np.uint64(j)


@inline
def _turn_windows(a, starts, first, positions, offsets, words, columns):
    """Bits of an image's windows by input: [input][plane][block of 64 positions]."""
    blocks = (positions + WORD - 1) // WORD
    rows = np.empty(WORD, np.uint64)
    for run in range(offsets.size):
        for word in range(words):
            column = (run * words + word) * WORD * 2 * blocks
            for plane in range(2):
                shift = offsets[run] + 2 * word + plane
                for block in range(blocks):
                    many = min(WORD, positions - block * WORD)
                    for k in range(many):
                        rows[k] = a[starts[first + block * WORD + k] + shift]
                    for k in range(many, WORD):
                        rows[k] = 0
                    _turn(rows)
                    for k in range(WORD):
                        columns[column + (2 * k + plane) * blocks + block] = rows[k]


@inline
def _window_bits(a, starts, first, many, shift, bit):
    """One input's bits at up to 64 positions, taken one by one."""
    bits = np.uint64(0)
    for k in range(many):
        bits |= ((a[starts[first + k] + shift] >> bit) & _ONE) << np.uint64(k)
    return bits


@inline
def _change(x_negative, usual, value, factor):
    step = factor * (value - usual)
    return -step if x_negative else step


@kernel
def add_weak_reads(
    a, starts, offsets, words, keys, factor, numbers, outputs, places, values, shares, chances,
    frequent, classes, log_keeps, accepted, columns, sums, pitch,
):  # fmt: skip
    """Add what weak cells change to the sums of an error-free product.

    Args:
        a, starts, offsets, words: windows of codes in (non-zero, negative) planes, as in
            `convolution.convolve_gated`, the same number of windows for every image.
        keys: uint64 [images, 2], random streams.
        factor: what the sums count.
        numbers: int64 [cells], which random numbers a cell takes. outputs: int64 [cells].
        places: int64 [cells], bit of the cell's input in the window.
        values: int8 [cells, 3], what a cell is usually read as, and the two other values.
        shares: uint64 [cells], of 2**64: the first of the others among them.
        chances: uint64 [cells], of 2**64: to be read otherwise.
        frequent: cells before this are drawn by blocks, the rest by skipping.
        classes: int64 [classes + 1], first cell of every class. log_keeps: float64 [classes],
            see `faults.next_gap`. accepted: uint64 [cells], chance over that of the class.
        columns: uint64, room for the bits of one image's windows, see `_turn_windows`.
        sums: int32, changed: output o of window p at ``p * pitch + o``.
    """
    images = keys.shape[0]
    positions = starts.size // images
    blocks = (positions + WORD - 1) // WORD
    turned = positions > FEW_POSITIONS
    for image in range(images):
        first = image * positions
        key0, key1 = keys[image, 0], keys[image, 1]
        if turned:
            _turn_windows(a, starts, first, positions, offsets, words, columns)
        for i in range(frequent):
            place, number = places[i], numbers[i]
            word = place >> 6
            shift = offsets[word // words] + 2 * (word % words)
            bit = np.uint64(place & 63)
            column = place * 2 * blocks
            for block in range(blocks):
                many = min(WORD, positions - block * WORD)
                if turned:
                    sensed = columns[column + block]
                else:
                    sensed = _window_bits(a, starts, first, many, shift, bit)
                if not sensed:
                    continue
                at = number * blocks + block
                changed = changed_bits(sensed, chances[i], key0, key1, at << 6)
                while changed:
                    position = block * WORD + lowest_bit(changed)
                    changed &= changed - _ONE
                    value = _value(i, number, position, positions, values, shares, key0, key1)
                    negative = (a[starts[first + position] + shift + 1] >> bit) & _ONE
                    sums[(first + position) * pitch + outputs[i]] += _change(
                        negative, values[i, 0], value, factor
                    )
        for k in range(log_keeps.size):
            reads = (classes[k + 1] - classes[k]) * positions
            counter, read = np.int64(k + 1) << CLASS_SHIFT, np.int64(0)
            while True:
                gap = next_gap(_number(key0, key1, counter), log_keeps[k])
                if gap >= reads - read:
                    break
                read += gap
                i, position = classes[k] + read // positions, read % positions
                if _number(key0, key1, counter + 1) < accepted[i]:
                    word, bit = places[i] >> 6, np.uint64(places[i] & 63)
                    shift = starts[first + position] + offsets[word // words] + 2 * (word % words)
                    if (a[shift] >> bit) & _ONE:
                        value = _value(
                            i, numbers[i], position, positions, values, shares, key0, key1
                        )
                        sums[(first + position) * pitch + outputs[i]] += _change(
                            (a[shift + 1] >> bit) & _ONE, values[i, 0], value, factor
                        )
                counter += 2
                read += 1


@inline
def _sensed(x, image_start, pitches, window, channel, down, right, position):
    """Whether the input of a tap at an output position is inside the image and not 0."""
    row = position // window[3] * window[5] - window[7] + down
    column = position % window[3] * window[6] - window[8] + right
    if row < 0 or row >= window[0] or column < 0 or column >= window[1]:
        return False
    place = image_start + channel * pitches[1] + (row * window[1] + column) * pitches[2]
    return x[place] != 0


@kernel
def draw_weak_events(
    x, x_pitches, window, channels, taps, keys, numbers, values, shares, chances, frequent,
    classes, log_keeps, accepted, where, read,
):  # fmt: skip
    """Which reads differ from the usual: those of `add_weak_reads`, listed.

    Args:
        x, x_pitches, window: see `cell_reads.draw_read_events`.
        channels: int64 [cells], of the image. taps: int64 [cells].
        keys .. accepted: as in `add_weak_reads`.
        where: int64 [room, 3], filled with image, position and cell (by ``numbers``).
        read: int8 [room], filled with what the cell is read as.

    Returns:
        how many there are; where that is more than fits, the rest is not written.
    """
    positions = window[2] * window[3]
    blocks = (positions + WORD - 1) // WORD
    found = 0
    for image in range(keys.shape[0]):
        key0, key1 = keys[image, 0], keys[image, 1]
        start = image * x_pitches[0]
        for i in range(frequent):
            number, channel = numbers[i], channels[i]
            down, right = taps[i] // window[4] * window[9], taps[i] % window[4] * window[10]
            for block in range(blocks):
                sensed = np.uint64(0)
                for k in range(min(WORD, positions - block * WORD)):
                    position = block * WORD + k
                    if _sensed(x, start, x_pitches, window, channel, down, right, position):
                        sensed |= _ONE << np.uint64(k)
                at = number * blocks + block
                changed = changed_bits(sensed, chances[i], key0, key1, at << 6)
                while changed:
                    position = block * WORD + lowest_bit(changed)
                    changed &= changed - _ONE
                    if found < read.size:
                        where[found, 0], where[found, 1] = image, position
                        where[found, 2] = number
                        read[found] = _value(
                            i, number, position, positions, values, shares, key0, key1
                        )
                    found += 1
        for k in range(log_keeps.size):
            reads = (classes[k + 1] - classes[k]) * positions
            counter, at = np.int64(k + 1) << CLASS_SHIFT, np.int64(0)
            while True:
                gap = next_gap(_number(key0, key1, counter), log_keeps[k])
                if gap >= reads - at:
                    break
                at += gap
                i, position = classes[k] + at // positions, at % positions
                down, right = taps[i] // window[4] * window[9], taps[i] % window[4] * window[10]
                if _number(key0, key1, counter + 1) < accepted[i] and _sensed(
                    x, start, x_pitches, window, channels[i], down, right, position
                ):
                    if found < read.size:
                        where[found, 0], where[found, 1] = image, position
                        where[found, 2] = numbers[i]
                        read[found] = _value(
                            i, numbers[i], position, positions, values, shares, key0, key1
                        )
                    found += 1
                counter += 2
                at += 1
    return found
