"""The tables of the samplers against scipy, number by number."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from ternary_engine.kernels import noisy, sampling
from ternary_engine.runtime import noise, read_tables
from ternary_engine.runtime.read_tables import Changes
from tests.kernels.sampled import entries

NEVER = (0.0, 0.0)


@pytest.mark.parametrize("mean", [0.0, 1e-300, 1e-9, 1e-4, 0.03, 1.0, 7.5, 98.0, 256.0, 400.0])
def test_poisson_tails(mean: float) -> None:
    tails = read_tables._poisson_tails(mean)
    k = np.arange(tails.size)
    np.testing.assert_allclose(tails, stats.poisson.sf(k, mean), rtol=1e-11, atol=2.0**-63)
    assert stats.poisson.sf(tails.size, mean) < 2.0**-63, "what the table leaves out"


def test_units_are_the_probabilities() -> None:
    draw = np.random.default_rng(0)
    values = np.concatenate([draw.random(200), 2.0 ** -draw.uniform(0, 70, 200), [0.0, 1.0, 0.5]])
    for value, unit in zip(values.tolist(), read_tables._to_units(values).tolist(), strict=True):
        assert unit == min(int(Fraction(value) * 2**64), 2**64 - 1)


@pytest.mark.parametrize("mean", [0.0, 1e-9, 0.7, 98.0, 256.0])
def test_guide_finds_the_number_of_candidates(mean: float) -> None:
    tails = np.append(read_tables._to_units(read_tables._poisson_tails(mean)), np.uint64(0))
    guide = read_tables._guide(tails)
    draw = np.random.default_rng(1)
    numbers = draw.integers(0, 2**64, 2000, dtype=np.uint64)
    edges = np.concatenate([tails, tails - (tails > 0), np.array([0, 2**64 - 1], np.uint64)])
    for number in np.concatenate([numbers, edges]):
        assert noisy._candidates.py_func(number, tails, guide) == (number < tails).sum()


@pytest.mark.parametrize(("cells", "outputs"), [(0, 3), (1, 70_000), (27, 10), (4608, 512)])
@pytest.mark.parametrize("rate", [0.0, 1e-12, 1e-3, 0.2])
def test_blocks_hold_all_outputs(cells: int, outputs: int, rate: float) -> None:
    changes: Changes = ((rate / 2, 0.0), (0.0, rate / 3), (rate / 4, rate * 3 / 4))
    tables = read_tables.rare_tables(changes, cells, outputs)
    blocks = -(-outputs // tables.block)
    assert (blocks - 1) * tables.block < outputs <= blocks * tables.block
    assert tables.tails.size < 1 << 14, "one draw for each candidate"
    mean = -tables.block * cells * np.log1p(-rate)
    assert tables.tails[0] == pytest.approx(2.0**64 * -np.expm1(-mean), rel=1e-9)


def test_outcomes_split_a_candidate() -> None:
    changes: Changes = ((0.001, 0.0002), (0.0003, 0.0008), (0.002, 0.001))
    tables = read_tables.rare_tables(changes, 1152, 128, factor=-3)
    levels, amounts = tables.levels.reshape(32, 2) / 2.0**64, tables.changes.reshape(32, 3)
    shares = {1: (0.0002, 0.0012), -1: (0.0008, 0.0011), 0: (0.001, 0.003)}
    for stored, pair in ((1, 1), (-1, 2), (0, 0)):
        for x, bits in ((1, 4), (-1, 12), (0, 0)):
            for again in (0, 16):
                code = pair | bits | again
                product = stored * x
                wrong = x != 0 and not again
                expected = np.array(shares[product]) / 0.003 if wrong else np.zeros(2)
                np.testing.assert_allclose(levels[code], expected, rtol=1e-15)
                steps = (0, 1, -1) if product == 0 else (0, -product, -2 * product)
                assert amounts[code].tolist() == [-3 * step * wrong for step in steps]


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
        parts = (one[start : start + (limit + 1) * bins] for one in (made.firsts, made.seconds))
        share, alias = entries(*(part.reshape(limit + 1, bins) for part in parts))
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
        assert made.firsts.nbytes <= 3 * read_tables._TABLE_BYTES
        assert made.shapes[0, 0] == made.shapes[1, 0], "classes that err alike share a table"


@pytest.mark.parametrize("rate", [1e-300, 1e-9, 0.3, 1.0])
def test_levels_of_programming(rate: float) -> None:
    wrong = rate * np.array([[0.0, 0.2, 0.3], [0.4, 0.0, 0.6], [0.6, 0.1, 0.0]])
    most, levels = noise.share_levels(wrong + np.diag(1.0 - wrong.sum(1)))
    assert most == pytest.approx(rate, rel=1e-15)
    expected = np.array([[0.2, 0.5], [0.4, 1.0], [0.6, 0.7]])
    np.testing.assert_allclose(levels / 2.0**64, expected, rtol=1e-12)
