"""Means and shares with their intervals; statistics over trials, never over samples."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Interval", "bootstrap_interval", "mean_interval", "t_quantile", "wilson_interval"]


@dataclass(frozen=True)
class Interval:
    """An estimate between two limits.

    Attributes:
        value: the estimate.
        low, high: limits; infinite where there is too little data for any.
        confidence: share of such intervals that hold the truth.
    """

    value: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def half_width(self) -> float:
        """Half the distance of the limits."""
        return (self.high - self.low) / 2

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def check_confidence(confidence: float) -> float:
    """A confidence between 0 and 1, or ValueError."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence: got {confidence}; it takes a share between 0 and 1")
    return float(confidence)


def _t_share_within(t: float, freedom: int) -> float:
    """P(|T| < t) of Student's distribution, by its closed form for whole degrees of freedom."""
    angle = math.atan(t / math.sqrt(freedom))
    square = math.cos(angle) ** 2
    odd = freedom % 2
    term = total = 1.0
    for k in range(2 + odd, freedom - 1, 2):
        term *= square * (k - 1) / k
        total += term
    if not odd:
        return math.sin(angle) * total
    return 2 / math.pi * (angle + (math.sin(angle) * math.cos(angle) * total if freedom > 1 else 0))


@functools.lru_cache(maxsize=4096)
def t_quantile(confidence: float, freedom: int) -> float:
    """The t for which Student's distribution lies within -t .. t with a probability."""
    low, high = 0.0, 1.0
    while _t_share_within(high, freedom) < confidence:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = (low + high) / 2
        if _t_share_within(middle, freedom) < confidence:
            low = middle
        else:
            high = middle
    return high


def mean_interval(
    values: Sequence[float] | npt.NDArray[Any], confidence: float = 0.95, *, grain: float = 0.0
) -> Interval:
    """Mean of independent trials with Student's interval.

    Args:
        values: one for each trial.
        confidence: defaults to 0.95.
        grain: least standard deviation to believe in, e.g. one sample's share of the accuracy, so
            that a few equal trials do not pass for certainty; defaults to 0.
    """
    sample = np.asarray(values, np.float64)
    count = len(sample)
    if count == 0:
        return Interval(math.nan, -math.inf, math.inf, confidence)
    mean = float(sample.mean())
    if count == 1:
        return Interval(mean, -math.inf, math.inf, confidence)
    spread = max(float(sample.std(ddof=1)), grain)
    reach = t_quantile(check_confidence(confidence), count - 1) * spread / math.sqrt(count)
    return Interval(mean, mean - reach, mean + reach, confidence)


def wilson_interval(hits: int, count: int, confidence: float = 0.95) -> Interval:
    """Share of independent hits (such as chips that pass) with Wilson's interval."""
    if count == 0:
        return Interval(math.nan, 0.0, 1.0, confidence)
    z = NormalDist().inv_cdf((1 + check_confidence(confidence)) / 2)
    share = hits / count
    scale = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    low = 0.0 if hits == 0 else max(0.0, middle - reach)
    high = 1.0 if hits == count else min(1.0, middle + reach)
    return Interval(share, low, high, confidence)


def bootstrap_interval(
    values: Sequence[float] | npt.NDArray[Any],
    confidence: float = 0.95,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Mean of independent values with the percentile bootstrap's interval."""
    sample = np.asarray(values, np.float64)
    if len(sample) < 2:
        return mean_interval(sample, confidence)
    rng = np.random.default_rng(seed)
    picks = rng.integers(len(sample), size=(resamples, len(sample)))
    tail = 100 * (1 - check_confidence(confidence)) / 2
    low, high = np.percentile(sample[picks].mean(axis=1), [tail, 100 - tail])
    return Interval(float(sample.mean()), float(low), float(high), confidence)
