"""Tests of hypotheses for samplers: each fails by chance less than once in 10**9 times.

The suite holds some hundreds of them and draws fresh entropy every time, so five standard
deviations (6e-7) would raise a false alarm every few thousand runs; six (2e-9) do not. Every
failure says what was seen and what was expected; the ``seed`` fixture prints the entropy.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

Array = npt.NDArray[Any]

P_CUT = 1e-9
SIGMAS = 6.0
FEWEST = 60  # expected in a bin: chi-square's far tail is then that of the normal distribution


def assert_probability(p: float, what: str) -> None:
    """Fail where a test's p-value is too small to be chance."""
    assert p >= P_CUT, f"{what}: p = {p:.3g}, chance gives less than {P_CUT} never in practice"


def assert_rate(hits: int, n: int, p: float, what: str = "rate") -> None:
    """Hits of n independent trials, each with probability p: exact binomial test."""
    p = min(max(p, 0.0), 1.0)
    if p in (0.0, 1.0):
        assert hits == n * p, f"{what}: {hits} of {n}, with probability {p}"
        return
    found = stats.binomtest(int(hits), int(n), p).pvalue
    sd = math.sqrt(n * p * (1 - p))
    assert_probability(
        found, f"{what}: {hits} hits of {n}, expected {n * p:.6g} with deviation {sd:.3g}"
    )


def assert_moments(values: Array, mean: float, variance: float, what: str = "moments") -> None:
    """Mean and variance of many independent values, within six standard errors.

    Values that are nearly all the same have no nearly normal mean: take `assert_rate` there. The
    standard error of the variance takes the fourth moment from the values themselves.
    """
    values = np.asarray(values, np.float64).ravel()
    n = values.size
    seen = values.mean()
    error = math.sqrt(variance / n)
    assert abs(seen - mean) <= SIGMAS * error + 1e-12, (
        f"{what}: mean {seen:.6g}, expected {mean:.6g} with error {error:.3g} (n = {n})"
    )
    squares = (values - mean) ** 2
    error = float(squares.std()) / math.sqrt(n)
    assert abs(squares.mean() - variance) <= SIGMAS * error + 1e-12, (
        f"{what}: variance {squares.mean():.6g}, expected {variance:.6g} with error {error:.3g}"
    )


def merge_rare(expected: Array, *observed: Array) -> list[Array]:
    """Join neighbouring bins until each expects `FEWEST`; the last take what is left over."""
    bounds, held = [0], 0.0
    for i, count in enumerate(expected):
        held += count
        if held >= FEWEST:
            bounds.append(i + 1)
            held = 0.0
    if len(bounds) > 1:
        bounds[-1] = len(expected)
    else:
        bounds.append(len(expected))
    return [np.add.reduceat(counts, bounds[:-1]) for counts in (expected, *observed)]


def _table(expected: Array, observed: Array) -> str:
    worst = np.argsort(-np.abs(observed - expected) / np.sqrt(expected))[:5]
    return ", ".join(f"bin {i}: {observed[i]:.0f} (expected {expected[i]:.1f})" for i in worst)


def assert_counts(observed: Array, probabilities: Array, what: str = "counts") -> None:
    """Chi-square of counts in bins with known probabilities.

    Args:
        observed: how often each bin was hit; a bin of probability 0 must not be.
        probabilities: of the bins, summing to 1.
    """
    observed = np.asarray(observed, np.float64).ravel()
    probabilities = np.asarray(probabilities, np.float64).ravel()
    never = observed[probabilities == 0.0]
    assert not never.any(), f"{what}: {never.sum():.0f} hits where the probability is 0"
    total = observed.sum()
    expected, observed = merge_rare(probabilities * total, observed)
    if len(expected) < 2:
        return
    chi = float(((observed - expected) ** 2 / expected).sum())
    p = float(stats.chi2.sf(chi, len(expected) - 1))
    assert_probability(
        p, f"{what}: chi-square {chi:.1f} of {len(expected) - 1}; {_table(expected, observed)}"
    )


def assert_uniform(counts: Array, what: str = "uniform") -> None:
    """Chi-square of counts that should be alike."""
    counts = np.asarray(counts)
    assert_counts(counts, np.full(counts.size, 1.0 / counts.size), what)


def _histograms(a: Array, b: Array) -> tuple[Array, Array]:
    values, index = np.unique(np.concatenate([a, b]), return_inverse=True)
    first = np.bincount(index[: a.size], minlength=values.size)
    second = np.bincount(index[a.size :], minlength=values.size)
    return first.astype(np.float64), second.astype(np.float64)


def two_sample(a: Array, b: Array) -> tuple[float, int, str]:
    """Chi-square of two samples of whole numbers: statistic, degrees of freedom, a report."""
    a, b = np.asarray(a).ravel(), np.asarray(b).ravel()
    share = a.size / (a.size + b.size)
    first, second = _histograms(a, b)
    both = (first + second) * min(share, 1.0 - share)
    _, first, second = merge_rare(both, first, second)
    if len(first) < 2:
        return 0.0, 0, "one bin"
    total = first + second
    chi = float(((first - share * total) ** 2 / (share * (1.0 - share) * total)).sum())
    return chi, len(first) - 1, _table(share * total, first)


def assert_same(a: Array, b: Array, what: str = "samples") -> None:
    """Two samples of independent whole numbers come from one distribution."""
    chi, freedom, report = two_sample(a, b)
    if freedom:
        p = float(stats.chi2.sf(chi, freedom))
        assert_probability(p, f"{what}: chi-square {chi:.1f} of {freedom}; {report}")


def assert_same_everywhere(a: Array, b: Array, what: str = "samples") -> None:
    """`assert_same` for every column of [draws, sites], and Kolmogorov-Smirnov for the worst.

    Columns may depend on one another: each is held to the cut divided by their number.
    """
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    for site in range(a.shape[1]):
        chi, freedom, report = two_sample(a[:, site], b[:, site])
        if freedom:
            p = min(1.0, float(stats.chi2.sf(chi, freedom)) * a.shape[1])
            assert_probability(p, f"{what}, site {site}: chi-square {chi:.1f}/{freedom}; {report}")
        # For whole numbers the Kolmogorov-Smirnov test errs on the side of silence.
        p = float(stats.ks_2samp(a[:, site], b[:, site], method="asymp").pvalue)
        assert_probability(min(1.0, p * a.shape[1]), f"{what}, site {site}: Kolmogorov-Smirnov")


def fingerprints(values: Array, random: np.random.Generator, bins: int = 61) -> Array:
    """One number below ``bins`` for every row: rows' joint distribution, in one dimension."""
    rows = values.reshape(len(values), -1)
    factors = random.integers(1, 1 << 20, rows.shape[1])
    hashed: Array = (rows @ factors) % bins
    return hashed


def assert_uncorrelated(a: Array, b: Array, what: str = "correlation") -> None:
    """Correlation of two series of independent pairs is chance."""
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = math.sqrt(float((a * a).sum() * (b * b).sum()))
    assert norm > 0.0, f"{what}: a series is constant"
    z = float((a * b).sum()) / norm * math.sqrt(a.size)
    assert abs(z) <= SIGMAS, f"{what}: {z / math.sqrt(a.size):.4g}, {z:.2f} standard errors"


def assert_independent(a: Array, b: Array, what: str = "independence") -> None:
    """Chi-square of the joint counts of two series of whole numbers."""
    i, j = (np.asarray(values).astype(np.int64).ravel() for values in (a, b))
    i, j = i - i.min(), j - j.min()
    height, width = int(i.max()) + 1, int(j.max()) + 1
    joint = np.bincount(i * width + j, minlength=height * width).reshape(height, width)
    joint = joint[joint.any(axis=1)][:, joint.any(axis=0)].astype(np.float64)
    for axis in (0, 1):  # join rare values so that every cell of the table expects enough
        order = np.argsort(-joint.sum(1 - axis), kind="stable")
        joint = np.take(joint, order, axis=axis)
        while joint.shape[axis] > 2 and _least(joint) < FEWEST:
            joint = np.add.reduceat(joint, range(joint.shape[axis] - 1), axis=axis)
    assert min(joint.shape) >= 2, f"{what}: a series is constant"
    assert _least(joint) >= FEWEST / 4, f"{what}: too few pairs, {_least(joint):.1f} expected"
    expected = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True) / joint.sum()
    chi = float(((joint - expected) ** 2 / expected).sum())
    freedom = (joint.shape[0] - 1) * (joint.shape[1] - 1)
    report = _table(expected.ravel(), joint.ravel())
    assert_probability(
        float(stats.chi2.sf(chi, freedom)), f"{what}: chi-square {chi:.1f} of {freedom}; {report}"
    )


def _least(joint: Array) -> float:
    return float(joint.sum(0).min() * joint.sum(1).min() / joint.sum())
