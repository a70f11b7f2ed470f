"""The code of a few-valued tensor: one step, of which every value is a whole multiple."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ternary_engine.codes import MAX_BITS, Codes
from ternary_engine.converters.graph import Array


def codes_of(values: Array) -> Codes | None:
    """The code whose integers times one step are the given values; None if there is none."""
    floats = np.asarray(values, np.float64) + 0.0
    if floats.size == 0 or not np.isfinite(floats).all():
        return None
    step = _step(floats)
    if step == 0.0:
        return None
    integers = np.rint(floats / step).astype(np.int64)
    if np.abs(floats - integers * step).max() > 1e-6 * np.abs(floats).max():
        return None
    return _make(integers, np.asarray(values, np.float32), step)


def _step(floats: Array) -> float:
    """Greatest common divisor, within a tolerance."""
    sizes = np.unique(np.abs(floats))
    largest = float(sizes[-1])
    if largest == 0.0:
        return 1.0
    step = 0.0
    for size in sizes[sizes > 0]:
        a, b = float(size), step
        while b > 1e-4 * largest / (1 << MAX_BITS):
            a, b = b, abs(a - b * np.rint(a / b))
        step = a
    count = np.rint(largest / step)
    return largest / count if count < (1 << MAX_BITS) else 0.0


def _make(integers: Array, values: Array, step: float) -> Codes | None:
    low, high = int(integers.min()), int(integers.max())
    scale = float(np.float32(step))
    exact = dict(zip(integers.tolist(), values.tolist(), strict=True))

    def listed(members: Sequence[int] | range) -> tuple[float, ...]:
        return tuple(exact.get(i, float(np.float32(i * step))) + 0.0 for i in members)

    if set(integers.tolist()) == {-1, 1}:
        return Codes("binary", 1, scale, listed((-1, 1)))
    if low >= 0:
        bits = max(high.bit_length(), 1)
        top = max(high, 1)
        return Codes("unsigned", bits, scale, listed(range(top + 1))) if bits <= MAX_BITS else None
    if low >= -1 and high <= 1:
        return Codes("ternary", 1, scale, listed((-1, 0, 1)))
    bits = max((-low - 1).bit_length(), high.bit_length()) + 1
    if bits > MAX_BITS:
        return None
    return Codes("signed", bits, scale, listed(range(-(1 << (bits - 1)), high + 1)))
