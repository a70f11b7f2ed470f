"""The tables of the samplers against scipy, number by number."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from ternary_engine.kernels import sampling
from ternary_engine.runtime import noise, read_tables
from ternary_engine.runtime.read_tables import Changes

NEVER = (0.0, 0.0)


@pytest.mark.parametrize("rate", [1e-300, 1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.3])
@pytest.mark.parametrize("cells", [0, 1, 2, 27, 100, 1152, 4608])
def test_binomial_tails(cells: int, rate: float) -> None:
    if cells * rate > 30:
        rate = 30 / cells
    tails = read_tables._binomial_tails(cells, rate)
    k = np.arange(tails.size)
    np.testing.assert_allclose(tails, stats.binom.sf(k, cells, rate), rtol=1e-11, atol=2.0**-63)
    assert stats.binom.sf(tails.size, cells, rate) < 2.0**-63, "what the table leaves out"


def test_units_are_the_probabilities() -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate([draw.random(200), 2.0 ** -draw.uniform(0, 70, 200), [0.0, 1.0, 0.5]])
    for value, unit in zip(values.tolist(), read_tables._to_units(values).tolist(), strict=True):
        assert unit == min(int(Fraction(value) * 2**64), 2**64 - 1)


@pytest.mark.parametrize("cells", [1, 27, 1152, 4608])
def test_levels_split_a_candidate(cells: int) -> None:
    changes: Changes = ((0.001, 0.0002), (0.0003, 0.0008), (0.002, 0.001))
    tables = read_tables.rare_tables(changes, cells)
    unit = 2.0**tables.fraction_bits
    assert cells << tables.fraction_bits < 2**64
    expected = np.array([0.0002, 0.0012, 0.0008, 0.0011, 0.002, 0.003]) / 0.003
    np.testing.assert_allclose(tables.levels / unit, expected, rtol=0, atol=1 / unit)
    assert int(tables.levels[5]) == int(unit), "the most likely class always errs"


def exact_totals(one: tuple[float, float, float], cells: int) -> np.ndarray:
    mass = np.ones(1)
    for _ in range(cells):
        mass = np.convolve(mass, one)
    return mass


SETS: dict[str, Changes] = {
    "rare": ((1e-5, 1e-6), (1e-5, 1e-6), (1e-5, 1e-5)),
    "common": ((0.01, 0.001), (0.02, 0.0), (0.03, 0.03)),
    "half": ((0.3, 0.2), (0.1, 0.4), (0.3, 0.2)),
    "all": ((0.2, 0.8), (1.0, 0.0), (0.2, 0.8)),
    "one class": (NEVER, (0.1, 0.2), NEVER),
    "never": (NEVER, NEVER, NEVER),
}


@pytest.mark.parametrize("name", SETS)
def test_alias_tables_hold_the_totals(name: str) -> None:
    """Every row of every class, put together again from its thresholds and aliases."""
    (plus1, plus2), (minus1, minus2), (rise, fall) = SETS[name]
    classes = [
        ((1 - plus1 - plus2, plus1, plus2), 0, -1),
        ((1 - minus1 - minus2, minus1, minus2), 0, 1),
        ((fall, 1 - rise - fall, rise), -1, 1),
    ]
    made = read_tables.frequent_tables(SETS[name])
    for which, (one, lowest, sign) in enumerate(classes):
        start, limit, bits, slope, half, turned = made.shapes[which].tolist()
        if sum(SETS[name][which]) == 0.0:
            assert limit == 0, "a class that never errs has no table"
            continue
        bins = 1 << bits
        table = made.tables[start : start + (limit + 1) * bins].reshape(limit + 1, bins)
        share = (table & ~sampling.ALIAS_MASK).astype(np.float64) / 2.0**64
        alias = (table & sampling.ALIAS_MASK).astype(np.int64)
        for cells in {0, 1, 2, limit // 3, limit - 1, limit}:
            found = share[cells].copy()
            np.add.at(found, alias[cells], 1.0 - share[cells])
            first = (cells * slope >> sampling.SLOPE_BITS) - half
            mass = np.maximum(exact_totals(one, cells), 0.0)
            expected = np.zeros(bins)
            for place, chance in enumerate(mass):
                change = (place + lowest * cells) * sign * turned
                if 0 <= change - first < bins:
                    expected[change - first] = chance
                else:
                    assert chance < 2.0**-60, f"{cells} cells: {change} lies outside the table"
            np.testing.assert_allclose(found / bins, expected, rtol=0, atol=2.0**-42)


def test_tables_stay_in_the_cache() -> None:
    for rate in (1e-4, 1e-3, 0.01, 0.1, 0.5, 1.0):
        changes: Changes = ((rate / 2, rate / 2), (rate / 2, rate / 2), (rate / 2, rate / 2))
        made = read_tables.frequent_tables(changes)
        assert made.tables.nbytes <= 3 * read_tables._TABLE_BYTES
        assert made.shapes[0, 0] == made.shapes[1, 0], "classes that err alike share a table"


@pytest.mark.parametrize("rate", [1e-300, 1e-9, 0.3, 1.0])
def test_levels_of_programming(rate: float) -> None:
    wrong = rate * np.array([[0.0, 0.2, 0.3], [0.4, 0.0, 0.6], [0.6, 0.1, 0.0]])
    most, levels = noise.share_levels(wrong + np.diag(1.0 - wrong.sum(1)))
    assert most == pytest.approx(rate, rel=1e-15)
    expected = np.array([[0.2, 0.5], [0.4, 1.0], [0.6, 0.7]])
    np.testing.assert_allclose(levels / 2.0**64, expected, rtol=1e-12)
