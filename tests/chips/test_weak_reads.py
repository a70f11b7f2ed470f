"""Reads of weak cells against one random number for every cell and read, for all layers."""

from __future__ import annotations

import numpy as np
import pytest

from tests import statistics
from tests.chips.by_hand import chip_of, mixed_chances
from tests.errors.single import CASES, Case, Single, build
from tests.oracles import naive_errors


def chip_and_chances(single: Single, seed: int):
    random = np.random.default_rng(seed)
    chances = mixed_chances(single.layer, random, binary=single.case.binary)
    return chip_of(single.network, {"layer": chances}), chances


def ordered(chances: np.ndarray, single: Single) -> np.ndarray:
    """[planes, outputs, channels of a group, kernel rows, kernel columns, 3]."""
    axis = 1 + (1 if single.case.matmul else 0)
    moved = np.moveaxis(chances, axis, 1)
    return moved.reshape(*moved.shape[:2], -1, *single.case.geometry.kernel, 3)


def check(case: Case, seed: int, draws: int) -> None:
    single = build(case, seed)
    chip, chances = chip_and_chances(single, seed)
    image = single.image(seed)
    ours = single.sums(np.asarray(chip.run(single.feed(image, draws), seed=seed)))
    naive = naive_errors.cell_sums(
        np.repeat(image, draws, axis=0),
        case.kind,
        case.bits,
        ordered(chances, single),
        case.geometry,
        np.random.default_rng(seed + 1),
    )
    statistics.assert_same_everywhere(ours, naive)

    prints = [
        statistics.fingerprints(s.reshape(draws, -1), np.random.default_rng(seed + 2))
        for s in (ours, naive)
    ]

    statistics.assert_same(*prints, "joint distribution")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_layer(name: str, seed: int) -> None:
    check(CASES[name], seed, 8_000)


@pytest.mark.parametrize("name", ["convolution", "groups", "signed, four bits", "real convolution"])
def test_some_kinds_of_layers(name: str, seed: int) -> None:
    check(CASES[name], seed, 2000)


@pytest.mark.parametrize("name", CASES)
def test_a_recorded_run_is_the_same_run(name: str, seed: int) -> None:
    """Block by block over packed words, or one read after the other: the same draws."""
    single = build(CASES[name], seed)
    chip, _ = chip_and_chances(single, seed)
    x = single.feed(single.image(seed), 50)
    plain = chip.run(x, seed=seed)
    recorded, record = chip.run(x, seed=seed, record=True)
    np.testing.assert_array_equal(plain, recorded)
    np.testing.assert_array_equal(chip.run(x, replay=record), plain)
    errors = record.layers["layer"]
    stored = chip.layers[0].trits.reshape(chip.layers[0].planes, -1)
    assert len(errors)
    assert (errors.stored == stored[errors.plane, errors.cell]).all()
    assert (errors.stored != errors.read).all()


@pytest.mark.parametrize("name", CASES)
def test_the_first_samples_of_a_run_are_a_run_of_them(name: str, seed: int) -> None:
    single = build(CASES[name], seed)
    chip, _ = chip_and_chances(single, seed)
    x = single.feed(single.image(seed), 40)
    y = chip.run(x, seed=seed, threads=1)
    for threads in (1, 3):
        np.testing.assert_array_equal(chip.run(x, seed=seed, threads=threads), y)
        np.testing.assert_array_equal(chip.run(x[:7], seed=seed, threads=threads), y[:7])
    assert (chip.run(x, seed=seed + 1) != y).any()


@pytest.mark.parametrize("chance", [0.5, 0.1, 2.0**-8, 1e-3, 1e-4])
def test_a_cell_is_read_otherwise_as_often_as_told(chance: float, seed: int) -> None:
    """Of one weak cell among many, below and above what blocks and skipping take over at."""
    single = build(
        Case(channels=6, outputs=3, size=(20, 20)), seed, np.zeros((3, 6, 1, 1), np.int8)
    )
    likely = np.zeros((1, 3, 6, 1, 1, 3))
    likely[..., 1] = 1.0
    likely[0, 1, 4, 0, 0] = 0.75 * chance, 1.0 - chance, 0.25 * chance
    chip = chip_of(single.network, {"layer": likely})
    x = np.ones((400, 6, 20, 20), np.float32)
    sums = np.asarray(chip.run(x, seed=seed))
    assert not sums[:, [0, 2]].any()
    counts = [(sums[:, 1] == v).sum() for v in (-1, 0, 1)]
    statistics.assert_counts(counts, likely[0, 1, 4, 0, 0], f"chance {chance}")
    changed = sums[:, 1].reshape(400, -1) != 0
    if chance > 0.05:
        statistics.assert_independent(changed[:, :-1], changed[:, 1:], "neighbouring positions")
        statistics.assert_independent(changed[:-1], changed[1:], "samples")


def test_cells_of_one_output_are_independent(seed: int) -> None:
    single = build(
        Case(channels=2, outputs=2, size=(16, 16)), seed, np.zeros((2, 2, 1, 1), np.int8)
    )
    likely = np.zeros((1, 2, 2, 1, 1, 3))
    likely[...] = 0.0, 0.7, 0.3
    chip = chip_of(single.network, {"layer": likely})
    x = np.zeros((300, 2, 16, 16), np.float32)
    alone = []
    for channel in (0, 1):
        x[:] = 0.0
        x[:, channel] = 1.0
        alone.append(np.asarray(chip.run(x, seed=seed)))
    x[:] = 1.0
    both = np.asarray(chip.run(x, seed=seed))
    np.testing.assert_array_equal(both, alone[0] + alone[1])  # a draw is the cell's own
    statistics.assert_independent(alone[0][:, 0], alone[1][:, 0], "cells")
    statistics.assert_independent(alone[0][:, 0], alone[0][:, 1], "outputs")


def test_a_chip_without_weak_cells_runs_without_errors(seed: int) -> None:
    single = build(CASES["convolution"], seed)
    likely = np.eye(3)[single.layer.trits + 1]
    chip = chip_of(single.network, {"layer": likely})
    x = single.feed(single.image(seed), 3)
    np.testing.assert_array_equal(chip.run(x), single.network.run(x))
