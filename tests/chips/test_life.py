"""A chip over its life: programmed, verified, programmed again, aged, saved, looked at."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy.stats import norm

import ternary_engine as te
from ternary_engine.chips.cells import LayerCells
from ternary_engine.device import Drift, Empirical, LogNormal
from tests import statistics
from tests.chips.test_chip import NOISY, chances_of, program
from tests.errors.single import Case

MIDDLE = Case(channels=120, outputs=100)


def cells_of(chip) -> LayerCells:
    return LayerCells(chip.stored_layers[0], chip.design, chip.seed, chip.cycle)


def test_reprogramming_keeps_devices_and_amplifiers(seed: int) -> None:
    device = te.Device(stuck_lrs=0.05, stuck_hrs=0.05, device_share=0.6)
    _, chip = program(MIDDLE, seed, device=device)
    again = chip.reprogram()
    assert again.cycle == 1
    assert (chip.offsets("layer") == again.offsets("layer")).all()
    assert cells_of(chip).stuck() == cells_of(again).stuck()
    before, after = (np.log(one.resistances("layer")[0]).ravel() for one in (chip, again))
    assert (before != after).all()
    sound = ~np.zeros(before.size, np.bool_)
    for held in device.stuck(np.arange(before.size), seed, "layer/BL/").values():
        sound &= ~held
    for trit in (1, 0):
        those = sound & ((chip.stored_layers[0].trits.ravel() == 1) == trit)
        found = np.corrcoef(before[those], after[those])[0, 1]
        error = (1 - 0.6**2) / math.sqrt(those.sum())
        assert abs(found - 0.6) < statistics.SIGMAS * error
    assert (chances_of(chip.reprogram(5)) == chances_of(again.reprogram(5))).all()
    assert (chances_of(again) == chances_of(chip.reprogram(1))).all()
    assert (chances_of(again) != chances_of(again.reprogram())).any()


def test_ages_add_up(seed: int) -> None:
    _, chip = program(MIDDLE, seed)
    once, twice = chip.age(3e7, 85.0), chip.age(1e7, 85.0).age(2e7, 85.0)
    for one, other in zip(once.resistances("layer"), twice.resistances("layer"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    drift = Drift()
    same = drift.time_constant(85.0) / drift.time_constant(27.0)
    moved, still = chip.age(1e7, 27.0).age(1e6, 85.0), chip.age(1e6 + 1e7 * same, 85.0)
    for one, other in zip(moved.resistances("layer"), still.resistances("layer"), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)
    wrong = [(c.misreads("layer")).mean() for c in (chip, once, chip.age(1e10, 125.0))]
    assert wrong[0] < wrong[1] < wrong[2]  # HRS falls, LRS rises
    fresh = once.reprogram(0)
    assert (chances_of(fresh) == chances_of(chip)).all()


@pytest.mark.parametrize("aged", [False, True])
def test_write_verify_counts_its_pulses(aged: bool, seed: int) -> None:
    """Without a share that stays with the device, pulses are geometric."""
    device = te.Device(device_share=0.0)
    verify = te.WriteVerify(lrs_below=6e3, hrs_above=3e5, most=5)
    _, chip = program(Case(channels=300, outputs=200), seed, device=device, verify=verify)
    if aged:
        chip = chip.age(1e8, 85.0)
    took = chip.programmed["layer"]
    trits = chip.stored_layers[0].trits
    low = np.count_nonzero(trits)
    share = {
        "lrs": norm.cdf(math.log(6e3 / 5e3) / 0.5),
        "hrs": norm.sf(math.log(3e5 / 335e3) / 0.668),
    }
    counts = {"lrs": low, "hrs": 2 * trits.size - low}
    failed = mean = variance = 0.0
    for state, p in share.items():
        q = 1.0 - p
        pulses = np.arange(1, 6)
        chance = np.where(pulses < 5, p * q ** (pulses - 1), q**4)
        one = (pulses * chance).sum()
        mean += counts[state] * one
        variance += counts[state] * ((pulses**2 * chance).sum() - one**2)
        failed += counts[state] * q**5
    assert took.devices == 2 * trits.size
    assert abs(took.pulses - mean) < statistics.SIGMAS * math.sqrt(variance)
    assert abs(took.failed - failed) < statistics.SIGMAS * math.sqrt(failed)
    if not aged:
        for r, side in zip(chip.resistances("layer"), (1, -1), strict=True):
            bad = (r[trits == side] >= 6e3).sum() + (r[trits != side] <= 3e5).sum()
            assert bad <= took.failed
    assert chip.price()["energy_J"] == pytest.approx(took.pulses * device.programming_energy)


def test_write_verify_pays(seed: int) -> None:
    device = te.Device(stuck_hrs=0.01)
    plain, verified = (
        program(MIDDLE, seed, device=device, verify=v)[1] for v in (None, te.WriteVerify())
    )
    assert verified.misreads("layer").mean() < 0.5 * plain.misreads("layer").mean()
    assert verified.programmed["layer"].failed > 0  # what is stuck stays so
    assert plain.programmed["layer"].pulses == 2 * MIDDLE.channels * MIDDLE.outputs


@pytest.mark.parametrize("name", ["two trit planes", "real, columns", "groups", "binary groups"])
def test_weak_cells_as_data(name: str, seed: int) -> None:
    device = te.Device(hrs=LogNormal(1.2e5, 0.4), stuck_lrs=0.4)
    single, chip = program(name, seed, device=device)
    table = chip.weak_cells()
    wrong = chip.misreads("layer")
    assert len(table) == (wrong > 0).sum()
    layer = single.layer
    where = (table.plane, table.cell)
    flat = (layer.planes, -1)
    assert (layer.trits.reshape(flat)[where] == table.stored).all()
    assert (chip.layers[0].trits.reshape(flat)[where] == table.usual).all()
    assert (wrong.reshape(flat)[where] == table.p_wrong).all()
    chances = chances_of(chip).reshape(layer.planes, -1, 3)[where]
    assert (chances == np.stack([table.p_minus, table.p_zero, table.p_plus], axis=1)).all()
    for r, found in zip(chip.resistances("layer"), (table.r_bl, table.r_blb), strict=True):
        assert (r.reshape(flat)[where] == found).all()
    outputs = np.unravel_index(table.cell, layer.shape)[layer.output_axis]
    assert (outputs == table.output).all()
    assert (chip.weak_cells(above=0.1).p_wrong > 0.1).all()
    assert (chip.weak_cells(always=False).p_wrong < 1.0).all()
    rows = list(table.rows())
    assert len(rows) == len(table)
    assert set(rows[0]) >= {"layer", "cell", "p_wrong", "stuck"}
    with pytest.raises(ValueError, match="no crossbar layer 'other'; the crossbar layers are"):
        chip.weak_cells("other")


def test_rows_tell_the_rates(seed: int) -> None:
    device = te.Device(stuck_lrs=0.02, stuck_hrs=0.03)
    single, chip = program(MIDDLE, seed, device=device)
    (row,), trits = chip.rows(), single.layer.trits
    chances = chances_of(chip)
    ones = np.concatenate([chances[trits == 1], chances[trits == -1][:, ::-1]])
    assert row["rise"] == pytest.approx(1.0 - chances[trits == 0][:, 1].mean())
    assert row["drop"] == pytest.approx(ones[:, 1].mean())
    assert row["sign_flip"] == pytest.approx(ones[:, 0].mean())
    assert row["wrong"] == (trits != chip.layers[0].trits).sum()
    assert row["weak"] == len(chip.weak["layer"])
    statistics.assert_rate(row["stuck_lrs"], 2 * trits.size, 0.02, "stuck at LRS")
    statistics.assert_rate(row["stuck_hrs"], 2 * trits.size, 0.03, "stuck at HRS")


def test_errors_of_a_run_are_those_of_the_rows(seed: int) -> None:
    """Types counted in a record against the means over cells."""
    _, chip = program(Case(channels=60, outputs=40), seed, sense=te.SenseAmp(noise_sigma=0.02))
    x = np.ones((400, 60), np.float32)
    _, record = chip.run(x, seed=seed, record=True)
    found = len(record.layers["layer"])
    weak = chip.weak["layer"].otherwise
    expected, variance = 400 * weak.sum(), 400 * (weak * (1.0 - weak)).sum()
    assert abs(found - expected) < statistics.SIGMAS * math.sqrt(variance)


@pytest.mark.parametrize("name", ["two trit planes", "binary"])
def test_a_saved_chip_is_the_same_chip(name: str, seed: int, tmp_path) -> None:
    hrs = Empirical(np.geomspace(5e4, 1e6, 50))
    design = {
        "device": te.Device(hrs=hrs, stuck_lrs=0.03, drift=Drift(hrs_rate=-0.07)),
        "sense": dataclasses.replace(NOISY, vdd=1.1),
        "verify": te.WriteVerify(most=3),
        "repair": te.Repair(polarity=True, votes=3),
    }
    single, chip = program(name, seed, **design)
    chip = chip.age(1e6, 60.0)
    chip.save(tmp_path / "chip.tern")
    loaded = te.load(tmp_path / "chip.tern")
    assert isinstance(loaded, te.Chip)
    assert (chances_of(loaded) == chances_of(chip)).all()
    assert loaded.rows() == chip.rows()
    assert loaded.price() == chip.price()
    x = single.feed(single.image(seed), 5)
    np.testing.assert_array_equal(loaded.run(x, seed=2), chip.run(x, seed=2))
    np.testing.assert_array_equal(loaded.stored.run(x), single.network.run(x))
    assert (chances_of(loaded.reprogram()) == chances_of(chip.reprogram())).all()


def test_a_chip_is_programmed_from_what_it_stores(seed: int) -> None:
    single, chip = program("convolution", seed)
    other = chip.program(device=te.Device(), sense=NOISY, seed=seed)
    assert (chances_of(other) == chances_of(chip)).all()
    weights = chip.program(errors=te.SenseErrors(drop=0.1), seed=1).layers[0].weights
    same = single.network.program(errors=te.SenseErrors(drop=0.1), seed=1).layers[0].weights
    assert (weights == same).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: te.WriteVerify(lrs_below=-1.0), "lrs_below: got -1.0; it takes a number above 0"),
        (lambda: te.WriteVerify(most=0), "most: got 0; it takes 1 to"),
        (lambda: te.WriteVerify(most=2.5), "most: got 2.5; it takes a whole number"),
        (lambda: te.Repair(votes=2), "votes: got 2; it takes an odd number"),
        (lambda: te.Repair(spares=-1), "spares: got -1"),
        (lambda: te.Repair(spares=3), "spares: got 3; spare lines are of use where"),
        (lambda: te.Repair(polarity=1), "polarity: got 1; it takes True or False"),
        (lambda: program("linear", 0, repair="votes"), "repair: got str; it takes a te.Repair"),
        (lambda: program("linear", 0, verify=3), "verify: got int; it takes a te.WriteVerify"),
        (lambda: program("linear", 0)[1].age(-1.0), "seconds: got -1.0"),
        (lambda: program("linear", 0)[1].age(1.0, -300.0), "temperature: got -300"),
        (lambda: program("linear", 0)[1].reprogram(-3), "seed: got -3"),
    ],
)
def test_bad_arguments_are_told(make, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        make()
