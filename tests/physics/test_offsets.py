"""The offset at which a read changes: the table against the transient itself."""

from __future__ import annotations

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.physics.offsets import critical_offsets, offset_table

AMPLIFIERS = {
    "talk": te.SenseAmp(),
    "0.6 V": te.SenseAmp("thin-oxide"),
    "hot and slow": te.SenseAmp(temperature=85.0, corner="ss"),
    "no series resistance": te.SenseAmp(series_resistance=0.0),
}
CASES = [
    ("talk", False),
    pytest.param("talk", True, marks=pytest.mark.slow),
    *(
        pytest.param(name, settled, marks=pytest.mark.slow)
        for name in ("0.6 V", "hot and slow", "no series resistance")
        for settled in (False, True)
    ),
]


def pairs(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Resistances all over the place, and some that are nearly equal."""
    random = np.random.default_rng(seed)
    r1 = np.exp(random.uniform(np.log(300), np.log(5e6), n))
    r2 = np.exp(random.uniform(np.log(300), np.log(5e6), n))
    near = random.random(n) < 0.3
    return r1, np.where(near, r1 * np.exp(random.normal(0, 0.1, n)), r2)


@pytest.mark.parametrize(("name", "settled"), CASES)
def test_the_table_is_as_accurate_as_it_says(name: str, settled: bool, seed: int) -> None:
    sense = AMPLIFIERS[name]
    table = offset_table(sense, settled)
    r1, r2 = pairs(seed, 20_000)
    plus, minus = table.margins(r1, r2, np.zeros(r1.size))
    inside = np.flatnonzero(np.abs(plus) < table.reach)[:400]
    series = sense.series_resistance
    exact = critical_offsets(sense, r1[inside] + series, r2[inside] + series, settled=settled)
    off = np.abs(plus[inside] - exact)
    assert len(inside) > 100
    assert off.max() < 2.0 * table.error + 3e-6
    assert np.quantile(off, 0.99) < 1e-6
    assert table.error < 2e-5
    if settled:
        np.testing.assert_allclose(minus, -plus, atol=1e-12)
    else:
        assert ((plus + minus)[np.abs(plus) < table.reach] < 2e-6).all()  # never both


@pytest.mark.parametrize("name", ["talk", "0.6 V"])
def test_reads_change_where_the_table_says(name: str, seed: int) -> None:
    sense = AMPLIFIERS[name]
    table = offset_table(sense)
    r1, r2 = pairs(seed, 8_000)
    plus, minus = table.margins(r1, r2, np.zeros(r1.size))
    step = 2.0 * table.error + 2e-6
    for margin, value, side in ((plus, 1, 1.0), (minus, -1, -1.0)):
        some = np.flatnonzero(np.abs(margin) < table.reach)[:300]
        for beyond in (-step, step):
            offset = side * (margin[some] + beyond)
            read = sense.read(r1[some], r2[some], offset, precise=True).value
            assert ((read == value) == (beyond < 0)).all()


def test_margins_beyond_the_sure_ones_are_bounds(seed: int) -> None:
    table = offset_table(te.SenseAmp())
    r1, r2 = pairs(seed, 20_000)
    offsets = np.random.default_rng(seed).normal(0, 0.01, r1.size)
    exact, quick = table.margins(r1, r2, offsets), table.margins(r1, r2, offsets, 0.005)
    for slow, fast in zip(exact, quick, strict=True):
        near = np.abs(slow) < 0.005
        assert (fast[near] == slow[near]).all()
        assert (np.abs(fast[~near]) >= 0.005).all()
        assert (np.sign(fast) == np.sign(slow)).all()
