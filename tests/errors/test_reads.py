"""Errors per read: the engine's sums are distributed as the naive sampler's, and as theory says."""

from __future__ import annotations

import numpy as np
import pytest

import ternary_engine as te
from tests import statistics
from tests.errors.conftest import Force
from tests.errors.single import CASES, Case, Single, build, kinds_of_errors
from tests.oracles import naive_errors

# Grouped layers have the sampler of frequent errors alone, real inputs one of their own.
WITH_BOTH = [n for n, c in CASES.items() if c.kind != "real" and c.geometry.groups == 1]
WAYS = [(n, "rare") for n in WITH_BOTH]
WAYS += [(n, "frequent") for n, c in CASES.items() if c.kind != "real"]
WAYS += [(n, "events") for n, c in CASES.items() if c.kind == "real"]
STRONGEST = {name: list(kinds_of_errors(case))[-1] for name, case in CASES.items()}
EVERYTHING = [(n, way, e) for n, way in WAYS for e in kinds_of_errors(CASES[n])]
MOST_SITES = 12
ENOUGH_FOR_MOMENTS = 500  # for the mean of so many errors is nearly normal


def choose(force: Force, way: str) -> None:
    if way != "events":
        force(way)


def compare_with_naive(one: Single, errors: te.SenseErrors, draws: int, seed: int) -> None:
    """Every sum on its own, and all sums of a sample together."""
    image = one.image(seed)
    engine = one.change(image, draws, errors, seed)
    naive = one.naive(image, draws, errors, seed + 1)
    statistics.assert_same_everywhere(engine, naive, "engine and naive")
    for part in range(3):
        hashed = [
            statistics.fingerprints(values, np.random.default_rng([seed, part]))
            for values in (engine, naive)
        ]
        statistics.assert_same(*hashed, "engine and naive, all sums of a sample")


def compare_with_theory(one: Single, errors: te.SenseErrors, draws: int, seed: int) -> None:
    """Every sum against its exact distribution, its mean and its variance."""
    image = one.image(seed)
    table = errors.resolve(one.layer)
    engine = one.change(image, draws, errors, seed).reshape(draws, -1)
    cells = one.cells(image)
    chosen = np.random.default_rng(seed).permutation(len(cells))[:MOST_SITES]
    for site in chosen:
        shown, stored = cells[site]
        what, values = f"site {site}", engine[:, site]
        low, mass = naive_errors.change_distribution(shown, stored, table)
        assert low <= values.min()
        assert values.max() < low + mass.size
        statistics.assert_rate(int((values != 0).sum()), draws, 1.0 - mass[-low], what)
        statistics.assert_counts(np.bincount(values - low, minlength=mass.size), mass, what)
        if draws * mass[-low] * (1.0 - mass[-low]) > ENOUGH_FOR_MOMENTS:
            mean, variance = naive_errors.change_moments(shown, stored, table)
            statistics.assert_moments(values, mean, variance, what)


@pytest.mark.parametrize(("name", "way"), WAYS)
def test_reads_are_those_of_the_naive_sampler(name: str, way: str, force: Force, seed: int) -> None:
    choose(force, way)
    errors = kinds_of_errors(CASES[name])[STRONGEST[name]]
    compare_with_naive(build(CASES[name], seed), errors, 1000, seed)


@pytest.mark.parametrize("way", ["rare", "frequent"])
@pytest.mark.parametrize("errors", kinds_of_errors(CASES["convolution"]))
def test_every_kind_of_error_follows_theory(errors: str, way: str, force: Force, seed: int) -> None:
    force(way)
    case = CASES["convolution"]
    compare_with_theory(build(case, seed), kinds_of_errors(case)[errors], 4000, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way", "errors"), EVERYTHING)
def test_every_layer_and_kind_of_error_follows_theory(
    name: str, way: str, errors: str, force: Force, seed: int
) -> None:
    choose(force, way)
    one = build(CASES[name], seed)
    compare_with_theory(one, kinds_of_errors(CASES[name])[errors], 10_000, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "way", "errors"), EVERYTHING)
def test_every_layer_and_kind_of_error_is_that_of_the_naive_sampler(
    name: str, way: str, errors: str, force: Force, seed: int
) -> None:
    choose(force, way)
    one = build(CASES[name], seed)
    compare_with_naive(one, kinds_of_errors(CASES[name])[errors], 1500, seed)


@pytest.mark.slow
@pytest.mark.parametrize("strength", [1e-3, 1e-2, 0.1])
@pytest.mark.parametrize(("name", "way"), WAYS)
def test_rare_errors_follow_theory(
    name: str, way: str, strength: float, force: Force, seed: int
) -> None:
    choose(force, way)
    one = build(CASES[name], seed)
    errors = kinds_of_errors(CASES[name], strength)[STRONGEST[name]]
    compare_with_theory(one, errors, 50_000, seed)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["rare", "frequent"])
@pytest.mark.parametrize(
    ("inputs", "strength"), [(513, 0.01), (1152, 0.003), (1152, 0.5), (4608, 0.001), (4608, 1.0)]
)
def test_long_rows_follow_theory(
    inputs: int, strength: float, way: str, force: Force, seed: int
) -> None:
    """More cells than a row of the alias tables: they are drawn in portions."""
    if way == "rare" and strength * inputs > 30:
        way = "frequent"
    force(way)
    case = Case(channels=inputs, outputs=5)
    one = build(case, seed)
    for errors in kinds_of_errors(case, strength).values():
        compare_with_theory(one, errors, 20_000, seed)
