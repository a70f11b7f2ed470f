"""Tables for the read-error samplers of `kernels.sampling`, from probabilities."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels import noisy, sampling

Float64Array = npt.NDArray[np.float64]
UInt64Array = npt.NDArray[np.uint64]
AliasTable = tuple[npt.NDArray[np.int32], npt.NDArray[np.uint32]]

# What one product may become: probabilities of the small and of the large change.
#   class +1: by -1, by -2; class -1: by +1, by +2; class 0: by +1, by -1.
Changes = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

_TABLE_BYTES = 600_000  # the rows in use of a class's tables should stay in the second-level cache
_MOST_CELLS = 1024
_FEWEST_CELLS = 8
_NEGLIGIBLE = 2.0**-64

# Outputs whose candidates are drawn together: their cells, one bit each, stay in the second-level
# cache, and their candidates within the draws of a stream (see `kernels.random`).
_BLOCK_CELLS = 1 << 20
_BLOCK_CANDIDATES = 256.0


@dataclass(frozen=True, eq=False)
class RareTables:
    """What `noisy.change_rarely` needs, for a layer whose outputs have so many cells."""

    block: int
    tails: UInt64Array
    guide: npt.NDArray[np.int16]
    levels: UInt64Array
    changes: npt.NDArray[np.int32]


def _to_units(probability: Float64Array) -> UInt64Array:
    """Probabilities as fractions of 2**64, rounded; 1 becomes the largest number."""
    mantissa, exponent = np.frexp(probability)
    units = [
        min(int(m * 2**53) << max(e + 11, 0) >> max(-e - 11, 0), 2**64 - 1)
        for m, e in zip(mantissa.ravel().tolist(), exponent.ravel().tolist(), strict=True)
    ]
    return np.array(units, np.uint64).reshape(probability.shape)


def candidates(changes: Changes, cells: int) -> float:
    """Mean number of candidates of an output, inf where a class always errs."""
    rate = max(sum(pair) for pair in changes)
    return -cells * math.log1p(-rate) if rate < 1.0 else math.inf


def _poisson_tails(mean: float) -> Float64Array:
    """P(more than k) for k = 0 .. until negligible; float64 [k]."""
    mass = [math.exp(-mean)]
    while mass[-1] > _NEGLIGIBLE or len(mass) <= mean:
        mass.append(mass[-1] * mean / len(mass))
    tails = np.cumsum(np.array(mass[:0:-1]))[::-1]
    tails[:1] = -math.expm1(-mean)  # without cancellation
    return np.ascontiguousarray(tails)


def _guide(tails: UInt64Array) -> npt.NDArray[np.int16]:
    """For every highest byte, how many tails lie above all numbers that begin with it."""
    shift = noisy.GUIDE_SHIFT
    last = (np.arange(256, dtype=np.uint64) << np.uint64(shift)) | np.uint64((1 << shift) - 1)
    above: npt.NDArray[np.int64] = (tails[None] > last[:, None]).sum(axis=1)
    return above.astype(np.int16)


def _outcomes(changes: Changes, factor: int) -> tuple[UInt64Array, npt.NDArray[np.int32]]:
    """`noisy.change_rarely`'s levels and changes, for an input of that many units."""
    rate = max(sum(pair) for pair in changes) or 1.0
    levels, amounts = np.zeros((32, 2)), np.zeros((32, 3), np.int32)
    for code in range(16):
        plus, minus, nonzero, negative = (code >> bit & 1 for bit in range(4))
        product = (plus - minus) * (1 - 2 * negative)
        if nonzero:
            small, large = changes[(1, -1, 0).index(product)]
            levels[code] = large / rate, (small + large) / rate
            steps = (1, -1) if product == 0 else (-product, -2 * product)
            amounts[code] = 0, factor * steps[0], factor * steps[1]
    return _to_units(levels).reshape(-1), amounts.reshape(-1)


@functools.lru_cache(maxsize=256)
def rare_tables(changes: Changes, cells: int, outputs: int, factor: int = 1) -> RareTables:
    """Tables for a layer.

    Args:
        changes: none of them certain. cells: of an output. outputs: of the layer.
        factor: multiplies what candidates change.
    """
    mean = candidates(changes, cells)
    most = min(_BLOCK_CELLS // max(cells, 1), int(_BLOCK_CANDIDATES / max(mean, 1e-9)))
    blocks = -(-outputs // max(most, 1))
    block = -(-outputs // blocks)
    tails = np.append(_to_units(_poisson_tails(block * mean)), np.uint64(0))
    return RareTables(block, tails, _guide(tails), *_outcomes(changes, factor))


@dataclass(frozen=True, eq=False)
class FrequentTables:
    """What `sampling.frequent_change` needs, for any number of cells."""

    firsts: npt.NDArray[np.int32]
    seconds: npt.NDArray[np.uint32]
    shapes: npt.NDArray[np.int64]


def _totals(one: tuple[float, float, float], cells: int) -> Float64Array:
    """Distribution of the total of m cells, each 0, 1 or 2: float64 [m = 0 .. cells, total]."""
    rows = np.zeros((cells + 1, 2 * cells + 1))
    rows[0, 0] = 1.0
    for m in range(cells):
        rows[m + 1] = rows[m] * one[0]
        rows[m + 1, 1:] += rows[m, :-1] * one[1]
        rows[m + 1, 2:] += rows[m, :-2] * one[2]
    return rows


@dataclass(frozen=True)
class _Window:
    """Which totals the bins of a row stand for: from ``(m * slope >> SLOPE_BITS) - half`` on."""

    slope: int
    half: int
    bin_bits: int

    def first(self, cells: int) -> npt.NDArray[np.int64]:
        """Total of the first bin of rows 0 .. cells."""
        return (np.arange(cells + 1) * self.slope >> sampling.SLOPE_BITS) - self.half


def _window(lowest: npt.NDArray[np.int64], highest: npt.NDArray[np.int64], mean: float) -> _Window:
    """The narrowest window over all rows, at rest or moving with the mean."""
    windows = []
    for slope in (0, round(mean * (1 << sampling.SLOPE_BITS))):
        centre = np.arange(len(lowest)) * slope >> sampling.SLOPE_BITS
        half = int((centre - lowest).max())
        windows.append(
            _Window(slope, half, max(int((highest - centre).max() + half), 1).bit_length())
        )
    return min(windows, key=lambda window: window.bin_bits)


@functools.lru_cache(maxsize=64)
def _class_table(
    one: tuple[float, float, float], lowest_change: int
) -> tuple[AliasTable, tuple[int, int, int, int]]:
    """Alias tables of one class.

    Args:
        one: probabilities that a cell changes by ``lowest_change``, + 1, + 2; their mean is not
            negative.

    Returns:
        the two parts of the table; limit, bin_bits, slope and half of `sampling.frequent_change`.
    """
    mean = lowest_change + one[1] + 2 * one[2]
    cells = _MOST_CELLS
    while True:
        rows = _totals(one, cells)
        likely = rows > _NEGLIGIBLE
        shift = np.arange(cells + 1) * lowest_change
        lowest = likely.argmax(axis=1) + shift
        highest = rows.shape[1] - 1 - likely[:, ::-1].argmax(axis=1) + shift
        window = _window(lowest, highest, max(mean, 0.0))
        small = (cells + 1 << window.bin_bits) * 4 <= _TABLE_BYTES
        if (small and window.bin_bits <= sampling.ALIAS_BITS) or cells <= _FEWEST_CELLS:
            break
        cells //= 2
    column = window.first(cells)[:, None] - shift[:, None] + np.arange(1 << window.bin_bits)
    inside = (column >= 0) & (column < rows.shape[1])
    mass = np.take_along_axis(rows, np.clip(column, 0, rows.shape[1] - 1), axis=1) * inside
    table = np.empty(mass.size, np.int32), np.empty(mass.size, np.uint32)
    sampling.fill_alias(mass / mass.sum(axis=1, keepdims=True), *table)
    return table, (cells, window.bin_bits, window.slope, window.half)


def _cells_of(changes: Changes) -> tuple[tuple[tuple[float, float, float], int, int], ...]:
    """For each class: what a cell does (see `_class_table`), its lowest change, and the sign."""
    (plus1, plus2), (minus1, minus2), (rise, fall) = changes
    up, down = max(rise, fall), min(rise, fall)
    return (
        ((_rest(plus1, plus2), plus1, plus2), 0, -1),
        ((_rest(minus1, minus2), minus1, minus2), 0, 1),
        ((down, _rest(up, down), up), -1, 1 if rise >= fall else -1),
    )


def _rest(one: float, other: float) -> float:
    """What two probabilities leave of 1; rounding may leave less than nothing (0.8 and 0.2)."""
    return max(1.0 - one - other, 0.0)


@functools.lru_cache(maxsize=64)
def frequent_tables(changes: Changes) -> FrequentTables:
    """Tables for outputs that sense any number of cells."""
    places: dict[tuple[object, int], int] = {}
    tables: list[AliasTable] = []
    shapes = np.zeros((3, 6), np.int64)
    for row, (one, lowest_change, sign) in enumerate(_cells_of(changes)):
        if sum(changes[row]) == 0.0:
            continue
        table, shape = _class_table(one, lowest_change)
        if (one, lowest_change) not in places:  # classes that behave alike share a table
            places[one, lowest_change] = sum(first.size for first, _ in tables)
            tables.append(table)
        shapes[row] = places[one, lowest_change], *shape, sign
    none = np.zeros(0, np.int32), np.zeros(0, np.uint32)
    firsts, seconds = (np.concatenate(parts) for parts in zip(none, *tables, strict=True))
    return FrequentTables(firsts, seconds, shapes)
