"""Thresholds that cut one sample of values as others cut another."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["matched_thresholds", "moments"]

Array = npt.NDArray[Any]


def matched_thresholds(thresholds: Array, values: Array, right: Array) -> Array:
    """Move thresholds so that the same share of the values lies below each.

    Where several places are as good, the nearest to the old one is taken; so one that cuts the
    values as it should stays where it is.

    Args:
        thresholds: [levels - 1], ascending, whole numbers or floats; NaN is never reached.
        values: what is compared with them now (value >= threshold).
        right: what was, when the thresholds were right.

    Returns:
        the same number and type, ascending.
    """
    steps, counts = np.unique(values, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])  # values below steps[k]
    ordered = np.sort(right)
    found = [_matched(one, steps, below, ordered) for one in thresholds]
    kept = np.array(found, thresholds.dtype)
    return np.maximum.accumulate(kept)


def _matched(threshold: Any, steps: Array, below: Array, right: Array) -> Any:
    if not len(steps) or not len(right) or threshold != threshold:
        return threshold
    wanted = int(np.searchsorted(right, threshold)) * int(below[-1])  # in whole numbers: exact
    distance = np.abs(below * len(right) - wanted)
    # A place between steps[k - 1] and steps[k] has below[k] values below it.
    places = [
        _nearest(threshold, steps, int(k)) for k in np.flatnonzero(distance == distance.min())
    ]
    return min(places, key=lambda place: abs(float(place) - float(threshold)))


def _nearest(threshold: Any, steps: Array, k: int) -> Any:
    """The place nearest to a threshold with k of the distinct values below it."""
    if k > 0 and threshold <= steps[k - 1]:
        last = steps[k - 1]
        return (
            np.nextafter(last, np.inf, dtype=steps.dtype) if steps.dtype.kind == "f" else last + 1
        )
    if k < len(steps) and threshold > steps[k]:
        return steps[k]
    return threshold


def moments(values: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each row."""
    wide = values.astype(np.float64)
    return wide.mean(axis=1), wide.std(axis=1)
