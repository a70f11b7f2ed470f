"""Interpolation of margins, and numbered random numbers."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from ternary_engine.kernels import random
from ternary_engine.kernels.offsets import offset_margins
from ternary_engine.kernels.uniforms import fill_uniforms
from tests import statistics

NODES, STEP, KNEE, SERIES = 12, 0.4, 1e6, 1e3


def margins(table: np.ndarray, t: np.ndarray, u: np.ndarray, offset: float, sure: float):
    r_bl, r_blb = (KNEE / np.expm1(one * STEP) - SERIES for one in (t, u))
    plus, minus = np.empty(t.size), np.empty(t.size)
    where = (SERIES, KNEE, STEP, NODES, table.reshape(-1))
    offset_margins(r_bl, r_blb, np.full(t.size, offset), *where, sure, plus, minus)
    return plus, minus


def test_polynomials_of_order_five_are_exact(seed: int) -> None:
    numbers = np.random.default_rng(seed)
    one, other = numbers.normal(0, 1, (2, 6))
    nodes = np.arange(NODES) / 6.0 - 1.0
    table = np.polynomial.polynomial.polyval(nodes, one)[:, None]
    table = table * np.polynomial.polynomial.polyval(nodes, other)
    t, u = numbers.uniform(0.01, NODES - 1.01, (2, 200))
    plus, minus = margins(table, t, u, 0.25, math.inf)

    def exact(a, b):
        value = np.polynomial.polynomial.polyval
        return value(a / 6.0 - 1.0, one) * value(b / 6.0 - 1.0, other)

    np.testing.assert_allclose(plus, exact(t, u) - 0.25, atol=1e-9)
    np.testing.assert_allclose(minus, exact(u, t) + 0.25, atol=1e-9)


def test_sure_margins_are_corners_of_the_mesh(seed: int) -> None:
    """Of a table that rises with the first coordinate and falls with the second."""
    numbers = np.random.default_rng(seed)
    nodes = np.arange(NODES)
    table = (nodes[:, None] - nodes[None]).astype(np.float64)
    t, u = numbers.uniform(0.01, NODES - 1.01, (2, 300))
    plus, minus = margins(table, t, u, 0.0, 2.0)
    for found, a, b in ((plus, t, u), (minus, u, t)):
        least, most = np.floor(a) - np.floor(b) - 1, np.floor(a) + 1 - np.floor(b)
        expected = np.where(least > 2.0, least, np.where(most < -2.0, most, a - b))
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_uniforms_belong_to_their_counters(seed: int) -> None:
    keys = random.stream_keys(seed, "test")
    counters = np.arange(50_000, dtype=np.int64) + (7 << 40)
    found, some = np.empty(counters.size), np.empty(100)
    fill_uniforms(keys, counters, found)
    fill_uniforms(keys, counters[5000:5100], some)
    assert (found[5000:5100] == some).all()
    assert found.min() > 0.0
    assert found.max() < 1.0
    statistics.assert_probability(stats.kstest(found, "uniform").pvalue, "uniform")
    statistics.assert_uncorrelated(found[:-1], found[1:], "neighbours")
