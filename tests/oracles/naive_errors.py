"""Sense errors drawn one cell and one read at a time: slow, and plainly what the rates say.

Codes and sums are arrays (sample, channel, row, column) of the integers they stand for; weights
are trits [planes, outputs, channels of a group, kernel rows, kernel columns].
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary_engine.steps import Geometry

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]


def read(stored: Int64Array, table: Float64Array, random: np.random.Generator) -> Int64Array:
    """What every stored trit is read as: one random number each, P[stored, read] as it stands."""
    upto = np.cumsum(table, axis=1)[stored + 1]
    u = random.random(stored.shape)
    return (u >= upto[..., 0]).astype(np.int64) + (u >= upto[..., 1]) - 1


def presentations(images: Int64Array, kind: str, bits: int) -> list[tuple[int, Int64Array]]:
    """What the array is shown, one read each: (what the read counts, inputs).

    A bit plane of a multi-bit code is a read of its own. Codes -1, 0, +1 are one read, and so is a
    real input (here: any integer).
    """
    if kind in ("binary", "ternary", "real"):
        return [(1, images)]
    shown = [(1 << bit, images >> bit & 1) for bit in range(bits)]
    if kind == "signed":  # two's complement
        shown[-1] = (-shown[-1][0], shown[-1][1])
    return shown


def sums(
    images: Int64Array,
    kind: str,
    bits: int,
    trits: Int64Array,
    geometry: Geometry,
    table: Float64Array,
    per: str,
    random: np.random.Generator,
    batch_size: int | None = None,
    *,
    apart: bool = False,
) -> Int64Array:
    """Sums of a layer whose cells are read with errors; (sample, output, row, column).

    Args:
        images: the inputs; padding is 0 and a cell whose input is 0 is not sensed.
        kind, bits: of their code; "real" for inputs of any size presented at once.
        trits: stored weights. table: P[stored, read].
        per: as in `SenseErrors`. batch_size: samples of a batch, None for all.
        apart: two sums per output, of the cells read as +1 and of those read as -1.
    """
    total = None
    samples, outputs, per_group = len(images), trits.shape[1], trits.shape[2]
    numbers = draw_numbers(per, samples, batch_size)
    held = np.broadcast_to(trits, (numbers.max(initial=0) + 1, *trits.shape))
    if per != "read":
        held = read(held, table, random)
    for coefficient, shown in presentations(images, kind, bits):
        windows = windows_of(shown, geometry)
        if total is None:
            total = np.zeros((samples, outputs, 1 + apart, *windows.shape[2:4]), np.int64)
        for plane in range(len(trits)):
            for output in range(outputs):
                first = output // (outputs // geometry.groups) * per_group
                under = windows[:, first : first + per_group]
                cells = held[numbers, plane, output].reshape(samples, per_group, 1, 1, -1)
                cells = np.broadcast_to(cells, under.shape)
                if per == "read":
                    cells = read(cells, table, random)
                for side in range(1 + apart):
                    weighed = cells == (1, -1)[side] if apart else cells
                    sums_of = (under * weighed).sum((1, 4))
                    total[:, output, side] += coefficient * 3**plane * sums_of
    assert total is not None
    return total.reshape(samples, -1, *total.shape[3:])


def windows_of(images: Int64Array, geometry: Geometry) -> Int64Array:
    """Inputs (sample, channel, row, column, tap) under every window; 0 in the padding."""
    (tall, wide), (down, right) = geometry.kernel, geometry.dilations
    top, left, bottom, far = geometry.pads
    padded = np.pad(images, ((0, 0), (0, 0), (top, bottom), (left, far)))
    rows = range(0, padded.shape[2] - down * (tall - 1), geometry.strides[0])
    columns = range(0, padded.shape[3] - right * (wide - 1), geometry.strides[1])
    found = np.empty((*images.shape[:2], len(rows), len(columns), tall * wide), np.int64)
    for tap in range(tall * wide):
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                at = row + tap // wide * down, column + tap % wide * right
                found[:, :, i, j, tap] = padded[:, :, at[0], at[1]]
    return found


def convolve(images: Int64Array, weights: Int64Array, geometry: Geometry) -> Int64Array:
    """Error-free sums (sample, output, row, column).

    Args:
        images: (N, C, H, W). weights: (outputs, channels of a group, kernel rows, columns).
    """
    windows, (outputs, per_group) = windows_of(images, geometry), weights.shape[:2]
    sums = np.empty((len(images), outputs, *windows.shape[2:4]), np.int64)
    for output in range(outputs):
        first = output // (outputs // geometry.groups) * per_group
        cells = weights[output].reshape(1, per_group, 1, 1, -1)
        sums[:, output] = (windows[:, first : first + per_group] * cells).sum((1, 4))
    return sums


def draw_numbers(per: str, samples: int, batch_size: int | None) -> Int64Array:
    """Which draw of the cells each sample sees; for "read" they are drawn later."""
    sample = np.arange(samples)
    return {
        "read": sample * 0,
        "program": sample * 0,
        "batch": sample // (batch_size or max(samples, 1)),
        "sample": sample,
    }[per]


def change_distribution(
    shown: list[tuple[int, Int64Array]], stored: Int64Array, table: Float64Array
) -> tuple[int, Float64Array]:
    """Exact distribution of the change of one sum by reads, cell by cell.

    Args:
        shown: for each read what it counts, and the inputs of the cells.
        stored: trits [planes, cells].

    Returns:
        the smallest change, and the probabilities of it and of every larger one.
    """
    low, mass = 0, np.ones(1)
    for coefficient, inputs in shown:
        for plane, trits in enumerate(stored):
            for x, w in zip(inputs.tolist(), trits.tolist(), strict=True):
                if x == 0:
                    continue
                steps = [x * coefficient * 3**plane * (r - w) for r in (-1, 0, 1)]
                one = np.zeros(max(steps) - min(steps) + 1)
                one[np.array(steps) - min(steps)] += table[w + 1]
                low, mass = low + min(steps), np.convolve(mass, one)
    return low, mass


def change_moments(
    shown: list[tuple[int, Int64Array]], stored: Int64Array, table: Float64Array
) -> tuple[float, float]:
    """Mean and variance of the change of one sum by reads, in closed form."""
    values = np.array([-1.0, 0.0, 1.0])
    mean_of = table @ values - values
    variance_of = table @ values**2 - (table @ values) ** 2
    mean = variance = 0.0
    for coefficient, inputs in shown:
        for plane, trits in enumerate(stored):
            for w in (-1, 0, 1):
                under = coefficient * 3**plane * inputs[trits == w]
                mean += float(under.sum()) * mean_of[w + 1]
                variance += float((under**2).sum()) * variance_of[w + 1]
    return mean, variance


def cell_sums(
    images: Int64Array,
    kind: str,
    bits: int,
    chances: Float64Array,
    geometry: Geometry,
    random: np.random.Generator,
) -> Int64Array:
    """Sums of a layer whose cells each have their own chances, read by read.

    Args:
        images, kind, bits, geometry: as in `sums`.
        chances: [planes, outputs, channels of a group, kernel rows, kernel columns, 3].
    """
    planes, outputs, per_group = chances.shape[:3]
    total = 0
    for coefficient, shown in presentations(images, kind, bits):
        windows = windows_of(shown, geometry)
        found = np.zeros((len(images), outputs, *windows.shape[2:4]), np.int64)
        for plane in range(planes):
            for output in range(outputs):
                first = output // (outputs // geometry.groups) * per_group
                under = windows[:, first : first + per_group]
                upto = np.cumsum(chances[plane, output].reshape(per_group, 1, 1, -1, 3), axis=-1)
                u = random.random(under.shape)
                cells = (u >= upto[..., 0]).astype(np.int64) + (u >= upto[..., 1]) - 1
                found[:, output] += coefficient * 3**plane * (under * cells).sum((1, 4))
        total = total + found
    return np.asarray(total)
