"""Errors that last for a sample, a batch or a program: one draw of every cell for all its reads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import ternary_engine as te
from tests import statistics
from tests.errors.single import CASES, Case, Single, build, kinds_of_errors
from tests.oracles import naive_errors

PERS = ("sample", "batch", "program")
STRONGEST = {name: list(kinds_of_errors(case))[-1] for name, case in CASES.items()}
BATCH = 3
HOT = Case(channels=13, size=(1, 26), outputs=9)  # positions that switch on one input each


def lasting(errors: te.SenseErrors, per: str) -> te.SenseErrors:
    return dataclasses.replace(errors, per=per)


def draws(
    one: Single, image: np.ndarray, errors: te.SenseErrors, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Changes of all sums under independent draws of the cells: the engine's and the oracle's."""
    if errors.per == "sample":
        return one.change(image, count, errors, seed), one.naive(image, count, errors, seed)
    if errors.per == "batch":
        size = {"batch_size": BATCH}
        engine = one.change(image, count * BATCH - 1, errors, seed, **size)
        naive = one.naive(image, count * BATCH - 1, errors, seed, **size)
        for start in range(0, len(engine), BATCH):
            batch = engine[start : start + BATCH]
            assert (batch == batch[0]).all(), f"samples {start} on differ within a batch"
        return engine[::BATCH], naive[::BATCH]
    seeds = np.random.default_rng(seed).integers(0, 2**62, count).tolist()
    engine = [one.change(image, 1, errors, one_seed) for one_seed in seeds]
    naive = [one.naive(image, 1, errors, one_seed) for one_seed in seeds]
    return np.concatenate(engine), np.concatenate(naive)


def compare(name: str, per: str, errors: str, count: int, seed: int) -> None:
    one = build(CASES[name], seed)
    chosen = lasting(kinds_of_errors(CASES[name])[errors], per)
    engine, naive = draws(one, one.image(seed), chosen, count, seed)
    statistics.assert_same_everywhere(engine, naive, "engine and naive")
    for part in range(3):
        hashed = [
            statistics.fingerprints(values, np.random.default_rng([seed, part]))
            for values in (engine, naive)
        ]
        statistics.assert_same(*hashed, "engine and naive, all sums of a draw")


@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", CASES)
def test_draws_are_those_of_the_naive_sampler(name: str, per: str, seed: int) -> None:
    compare(name, per, STRONGEST[name], 200 if per == "program" else 300, seed)


@pytest.mark.parametrize("errors", kinds_of_errors(CASES["convolution"]))
def test_every_kind_of_error(errors: str, seed: int) -> None:
    compare("convolution", "sample", errors, 1000, seed)


@pytest.mark.slow
@pytest.mark.parametrize("per", PERS)
@pytest.mark.parametrize("name", CASES)
def test_every_layer_and_kind_of_error(name: str, per: str, seed: int) -> None:
    for errors in kinds_of_errors(CASES[name]):
        compare(name, per, errors, 250 if per == "program" else 1000, seed)


# Which cell was read as what, from inputs that switch on one cell each


def one_hot(case: Case, value: int) -> np.ndarray:
    """Image (1, C, 1, 2 C): position p switches on channel p modulo C."""
    image = np.zeros((1, case.channels, *case.size), np.int64)
    positions = np.arange(case.size[1])
    image[0, positions % case.channels, 0, positions] = value
    return image


def cells_read(one: Single, samples: int, errors: te.SenseErrors, seed: int, **how: int):
    """Trits read [sample, output, channel], of the first and of the second look at each cell."""
    image = one_hot(one.case, 1)
    y = one.network.run(one.feed(image, samples), errors=errors, seed=seed, **how)
    looks = one.sums(y)[:, :, 0]
    return looks[..., : one.case.channels], looks[..., one.case.channels :]


@pytest.mark.parametrize("kind", ["ternary", "unsigned", "signed", "real"])
@pytest.mark.parametrize("per", [*PERS, "read"])
def test_all_looks_at_a_cell_agree_while_a_draw_lasts(kind: str, per: str, seed: int) -> None:
    one = build(dataclasses.replace(HOT, kind=kind, bits=3), seed)
    if kind == "real":
        one = build(dataclasses.replace(HOT, kind=kind), seed)
    errors = lasting(te.SenseErrors(sign_flip=0.1, drop=0.2, rise=0.3), per)
    first, second = cells_read(one, 7, errors, seed, batch_size=3)
    assert set(np.unique(first)) <= {-1, 0, 1}
    if per == "read":
        assert (first != second).any(axis=(1, 2)).all()
        return
    np.testing.assert_array_equal(first, second)
    stored = one.trits[0, :, :, 0, 0]
    groups = {"sample": range(7), "batch": (0, 0, 0, 1, 1, 1, 2), "program": [0] * 7}[per]
    for i in range(7):
        assert (first[i] != stored).any()
        for j in range(i):
            assert (first[i] == first[j]).all() == (groups[i] == groups[j]), f"samples {i} and {j}"


def test_both_signs_of_an_input_see_the_same_cell(seed: int) -> None:
    one = build(HOT, seed)
    errors = te.SenseErrors(sign_flip=0.1, drop=0.2, rise=0.3, per="sample")
    image = one_hot(HOT, 1)
    image[..., HOT.channels :] *= -1
    looks = one.sums(one.network.run(one.feed(image, 50), errors=errors, seed=seed))[:, :, 0]
    np.testing.assert_array_equal(looks[..., : HOT.channels], -looks[..., HOT.channels :])


@pytest.mark.parametrize("kind", ["unsigned", "signed"])
def test_all_bit_planes_see_the_same_cell(kind: str, seed: int) -> None:
    one = build(dataclasses.replace(HOT, kind=kind, bits=3), seed)
    image = one_hot(HOT, 3)
    errors = te.SenseErrors(drop=0.4, rise=0.4, per="sample")
    sums = one.sums(one.network.run(one.feed(image, 50), errors=errors, seed=seed))
    assert set(np.unique(sums)) == {-3, 0, 3}
    each = one.sums(one.network.run(one.feed(image, 50), errors=lasting(errors, "read"), seed=seed))
    assert set(np.unique(each)) == {-3, -2, -1, 0, 1, 2, 3}


def test_cells_of_a_sample_are_drawn_at_their_rates(seed: int) -> None:
    one = build(HOT, seed)
    table = np.array([[0.7, 0.2, 0.1], [0.15, 0.8, 0.05], [0.02, 0.13, 0.85]])
    errors = te.SenseErrors.from_table(table, per="sample")
    read, _ = cells_read(one, 4000, errors, seed)
    stored = np.broadcast_to(one.trits[0, :, :, 0, 0], read.shape)
    for trit in (-1, 0, 1):
        counts = [int(((stored == trit) & (read == r)).sum()) for r in (-1, 0, 1)]
        statistics.assert_counts(np.array(counts), table[trit + 1], f"stored {trit}")
    rates = 1.0 - np.diag(table)
    wrong = (read != stored) - rates[stored + 1]
    statistics.assert_uncorrelated(wrong[:, :, 1:], wrong[:, :, :-1], "neighbouring cells")
    statistics.assert_uncorrelated(wrong[:, 1:], wrong[:, :-1], "neighbouring outputs")
    statistics.assert_uncorrelated(wrong[1:], wrong[:-1], "neighbouring samples")


# One draw per program, whichever way it is asked for


@pytest.mark.parametrize("name", CASES)
def test_program_is_the_run_per_program(name: str, seed: int) -> None:
    one = build(CASES[name], seed)
    image = one.image(seed)
    for errors in kinds_of_errors(CASES[name]).values():
        held = lasting(errors, "program")
        run = one.network.run(one.feed(image, 4), errors=held, seed=seed)
        chip = one.network.program(errors=errors, seed=seed)  # whatever its per
        np.testing.assert_array_equal(chip.run(one.feed(image, 4)), run)
        stored = chip.layers[0].trits.astype(np.int64)
        assert set(np.unique(stored)) <= {-1, 0, 1}
        ordered = np.moveaxis(stored, chip.layers[0].output_axis + 1, 1).reshape(one.trits.shape)
        factors = (3 ** np.arange(len(ordered))).reshape(-1, 1, 1, 1, 1)
        again = naive_errors.convolve(image, (ordered * factors).sum(0), CASES[name].geometry)
        np.testing.assert_array_equal(one.sums(run), np.repeat(again, 4, axis=0))


def test_the_programmed_network_errs_again_when_it_is_read(seed: int) -> None:
    one = build(CASES["convolution"], seed)
    flips = te.SenseErrors(sign_flip=1.0)
    chip = one.network.program(errors=flips, seed=seed)
    x = one.feed(one.image(seed), 2)
    np.testing.assert_array_equal(chip.run(x), -one.network.run(x))
    np.testing.assert_array_equal(chip.run(x, errors=flips, seed=seed), one.network.run(x))
    np.testing.assert_array_equal(one.network.layers[0].trits, build(one.case, seed).layer.trits)
