"""Steps of a chain, found by evaluating it: every integer, or bisection over ordered values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import MAX_BITS, Codes
from ternary_engine.converters.chains import ChainFunction
from ternary_engine.converters.graph import Array

Int64Array = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CHUNK = 1 << 20  # elements of one evaluation
EXHAUSTIVE = 1 << 26  # elements beyond which steps are bisected
GRID = 4096  # values on which a bisected chain is checked to be monotone


@dataclass(frozen=True)
class Domain:
    """The ordered values that a chain's source can take, numbered by consecutive keys.

    Attributes:
        low, high: first and last key.
        dtype: of the values; for floats, keys order the finite bit patterns.
        ordered_bits: keys are bit patterns, not the values themselves.
        odd: only odd values occur; an even key stands for the next one.
    """

    low: int
    high: int
    dtype: np.dtype[Any]
    ordered_bits: bool = False
    odd: bool = False

    @staticmethod
    def of(dtype: np.dtype[Any]) -> Domain | None:
        """All finite values of a type that float32 holds exactly; None for other types."""
        if dtype in (np.float32, np.float16):
            largest = np.array(np.finfo(dtype).max, dtype)
            key = int(largest.view(f"i{dtype.itemsize}"))
            return Domain(-key - 1, key, dtype, ordered_bits=True)
        if dtype.kind in "iu" and dtype.itemsize <= 2:
            info = np.iinfo(dtype)
            return Domain(int(info.min), int(info.max), dtype)
        return None

    def values(self, keys: Int64Array) -> Array:
        """The values of keys."""
        if not self.ordered_bits:
            return (keys | 1 if self.odd else keys).astype(self.dtype)
        kind = np.dtype(f"i{self.dtype.itemsize}")
        bits = keys.astype(kind)
        return np.where(bits < 0, bits ^ np.iinfo(kind).max, bits).astype(kind).view(self.dtype)

    def keys(self, values: Array) -> Int64Array:
        """The keys of values."""
        if not self.ordered_bits:
            return values.astype(np.int64)
        kind = np.dtype(f"i{self.dtype.itemsize}")
        bits = np.ascontiguousarray(values, self.dtype).view(kind)
        return np.where(bits < 0, bits ^ np.iinfo(kind).max, bits).astype(np.int64)

    @property
    def size(self) -> int:
        """Number of keys."""
        return self.high - self.low + 1


@dataclass(frozen=True)
class Steps:
    """Where a monotone chain steps.

    Attributes:
        keys: int64 [C, levels - 1]: first key of each step; ``high + 1`` where it never comes,
            ``low`` where it is always passed.
        decreasing: bool [C].
        smallest: for each pool, bool [C]: it takes the smallest code.
    """

    keys: Int64Array
    decreasing: BoolArray
    smallest: tuple[BoolArray, ...]


def code_indices(values: Array, codes: Codes) -> Int64Array | None:
    """Index of each value in the code; None if one is no value of it."""
    floats = values.astype(np.float64)
    if not np.isfinite(floats).all():
        return None
    if np.abs(floats).max(initial=0.0) > codes.scale * (1 << (MAX_BITS + 1)):
        return None
    integers = np.rint(floats / codes.scale).astype(np.int64)
    index = (integers + 1) >> 1 if codes.kind == "binary" else integers - codes.minimum
    if index.min(initial=0) < 0 or index.max(initial=0) >= len(codes.values):
        return None
    exact = np.array(codes.values)[index]
    return index if (np.abs(exact - floats) <= 1e-5 * codes.scale).all() else None


def find_steps(function: ChainFunction, domain: Domain, codes: Codes) -> Steps | None:
    """The steps of a chain per channel; None if it is not monotone on some channel."""
    if domain.size * function.channels <= EXHAUSTIVE and domain.size <= EXHAUSTIVE >> 4:
        return _exhaustive(function, domain, codes)
    return _bisect(function, domain, codes)


def tabulate(function: ChainFunction, domain: Domain) -> Iterator[list[Array]]:
    """Outputs for all keys in order, in pieces [keys, C]."""
    rows = max(CHUNK // max(function.channels, 1), 1)
    for start in range(domain.low, domain.high + 1, rows):
        keys = np.arange(start, min(start + rows, domain.high + 1))
        column = domain.values(keys)[:, None]
        yield function(np.broadcast_to(column, (len(keys), function.channels)))


class _Direction:
    """Follows whether columns rise or fall over successive pieces."""

    def __init__(self, channels: int) -> None:
        self.rises = np.zeros(channels, np.bool_)
        self.falls = np.zeros(channels, np.bool_)
        self._last: Array | None = None

    def add(self, piece: Array) -> None:
        """Take in the next rows."""
        joined = piece if self._last is None else np.concatenate([self._last, piece])
        self.rises |= (joined[1:] > joined[:-1]).any(axis=0)
        self.falls |= (joined[1:] < joined[:-1]).any(axis=0)
        self._last = piece[-1:].copy()

    @property
    def monotone(self) -> bool:
        """No column both rises and falls."""
        return not (self.rises & self.falls).any()


def _exhaustive(function: ChainFunction, domain: Domain, codes: Codes) -> Steps | None:
    levels, channels = len(codes.values), function.channels
    counts = np.zeros((channels, levels), np.int64)
    directions: list[_Direction] = []
    offsets = np.arange(channels) * levels
    for target, *inner in tabulate(function, domain):
        index = code_indices(target, codes)
        if index is None or any(np.isnan(g.astype(np.float64)).any() for g in inner):
            return None
        counts += np.bincount((index + offsets).reshape(-1), minlength=channels * levels).reshape(
            channels, levels
        )
        directions = directions or [_Direction(channels) for _ in range(1 + len(inner))]
        for direction, piece in zip(directions, (index, *inner), strict=True):
            direction.add(piece)
    if not all(direction.monotone for direction in directions):
        return None
    decreasing = directions[0].falls
    ordered = np.where(decreasing[:, None], counts[:, ::-1], counts)
    keys = domain.low + np.cumsum(ordered, axis=1)[:, :-1]
    return Steps(keys, decreasing, _smallest(directions, decreasing))


def _smallest(directions: list[_Direction], decreasing: BoolArray) -> tuple[BoolArray, ...]:
    """A pool of a falling function g takes the smallest source value, and so on."""
    constant = ~(directions[0].rises | directions[0].falls)
    return tuple((g.falls != decreasing) & ~constant for g in directions[1:])


def _bisect(function: ChainFunction, domain: Domain, codes: Codes) -> Steps | None:
    grid = np.unique(np.linspace(domain.low, domain.high, GRID).astype(np.int64))
    if domain.ordered_bits:
        usual = domain.keys(np.linspace(-20, 20, 2001).astype(domain.dtype))
        grid = np.unique(np.concatenate([grid, usual, [-1, 0]]))
    checked = _check(function, domain, codes, grid)
    if checked is None:
        return None
    decreasing = checked[0].falls
    shape = (function.channels, len(codes.values) - 1)
    keys = _search(function, domain, codes, decreasing, shape)
    if keys is None:
        return None
    near = np.unique(keys) if keys.size <= GRID else np.unique(keys[:, :: keys.shape[1] // 8 + 1])
    reach = np.concatenate([[0], 1 << np.arange(0, 24, 3)])
    around = np.unique(np.concatenate([near[:2048, None] + reach, near[:2048, None] - 1 - reach]))
    around = around[(around >= domain.low) & (around <= domain.high)]
    everything = np.unique(np.concatenate([grid, around]))
    directions = _check(function, domain, codes, everything, keys, decreasing)
    if directions is None:
        return None
    return Steps(keys, decreasing, _smallest(directions, decreasing))


def _check(
    function: ChainFunction,
    domain: Domain,
    codes: Codes,
    grid: Int64Array,
    keys: Int64Array | None = None,
    decreasing: BoolArray | None = None,
) -> list[_Direction] | None:
    """Directions on a grid; None if not monotone or, given steps, not what they say."""
    directions: list[_Direction] = []
    rows = max(CHUNK // function.channels, 1)
    for start in range(0, len(grid), rows):
        part = grid[start : start + rows]
        column = domain.values(part)[:, None]
        target, *inner = function(np.broadcast_to(column, (len(part), function.channels)))
        index = code_indices(target, codes)
        if index is None or any(np.isnan(g.astype(np.float64)).any() for g in inner):
            return None
        if keys is not None and decreasing is not None:
            told = np.stack([np.searchsorted(row, part, side="right") for row in keys], axis=1)
            told = np.where(decreasing, len(codes.values) - 1 - told, told)
            if (told != index).any():
                return None
        directions = directions or [_Direction(function.channels) for _ in range(1 + len(inner))]
        for direction, piece in zip(directions, (index, *inner), strict=True):
            direction.add(piece)
    return directions if all(d.monotone for d in directions) else None


def _search(
    function: ChainFunction,
    domain: Domain,
    codes: Codes,
    decreasing: BoolArray,
    shape: tuple[int, int],
) -> Int64Array | None:
    """First key at which each channel has passed each step, by bisection."""
    low = np.full(shape, domain.low, np.int64)
    high = np.full(shape, domain.high + 1, np.int64)
    step = np.arange(1, shape[1] + 1)
    while (low < high).any():
        middle = (low + high) >> 1
        probe = np.minimum(middle, domain.high)
        index = code_indices(function(domain.values(probe).T)[0], codes)
        if index is None:
            return None
        passed = np.where(decreasing[:, None], len(codes.values) - 1 - index.T, index.T) >= step
        open_ = low < high
        high = np.where(open_ & passed, middle, high)
        low = np.where(open_ & ~passed, middle + 1, low)
    return low


def to_values(steps: Steps, domain: Domain) -> npt.NDArray[np.float32]:
    """Steps as float32 thresholds; -inf where always passed, NaN where not even inf passes."""
    inside = np.clip(steps.keys, domain.low, domain.high)
    values = domain.values(inside).astype(np.float32) + np.float32(0)
    values = np.where(steps.keys > domain.high, np.float32(np.nan), values)
    return np.where(steps.keys <= domain.low, np.float32(-np.inf), values).astype(np.float32)
