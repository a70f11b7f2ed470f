from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ternary_engine.sweeps.intervals import (
    bootstrap_interval,
    mean_interval,
    t_quantile,
    wilson_interval,
)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 31, 100, 5000])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.9999])
def test_t_quantile(confidence: float, freedom: int) -> None:
    wanted = stats.t.ppf((1 + confidence) / 2, freedom)
    assert t_quantile(confidence, freedom) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize(("hits", "count"), [(0, 10), (1, 10), (10, 10), (500, 1000)])
def test_wilson(hits: int, count: int) -> None:
    wanted = stats.binomtest(hits, count).proportion_ci(0.9, method="wilson")
    found = wilson_interval(hits, count, 0.9)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)
    assert found.low <= found.value == hits / count <= found.high


def test_mean() -> None:
    values = [0.1, 0.4, 0.2, 0.9]
    wanted = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx(wanted)
    assert found.half_width == pytest.approx((wanted[1] - wanted[0]) / 2)


def test_grain_keeps_equal_trials_from_certainty() -> None:
    assert mean_interval([0.5] * 4).half_width == 0
    assert mean_interval([0.5] * 4, grain=0.1).half_width > 0.1


def test_too_few_values_say_nothing() -> None:
    one = mean_interval([0.5])
    assert (one.value, one.low, one.high) == (0.5, -math.inf, math.inf)
    assert math.isnan(mean_interval([]).value)
    assert (wilson_interval(0, 0).low, wilson_interval(0, 0).high) == (0, 1)


@pytest.mark.parametrize("interval", [mean_interval, bootstrap_interval])
def test_intervals_hold_the_truth_as_often_as_they_say(interval, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [interval(rng.exponential(size=60), 0.9) for _ in range(400)]
    held = sum(one.low <= 1.0 <= one.high for one in found)
    assert 0.80 * 400 < held < 0.96 * 400


@pytest.mark.parametrize("confidence", [0, 1, math.nan])
def test_bad_confidence(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        mean_interval([0.1, 0.2], confidence)
