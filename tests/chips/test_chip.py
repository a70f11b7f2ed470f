"""Programmed chips: cells as the device and the amplifier say, and what a user does with them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.chips.cells import LayerCells
from ternary_engine.chips.chances import read_chances, voted
from ternary_engine.device import LogNormal
from ternary_engine.physics.integrate import PRECISE
from ternary_engine.physics.rates import error_rates
from tests import statistics
from tests.errors.single import CASES, Case, build

NOISY = te.SenseAmp(noise_sigma=5e-3)
ALONE = {"array": (1, 1)}  # an amplifier for every cell


def program(case: Case | str, seed: int, **how):
    single = build(CASES[case] if isinstance(case, str) else case, 1)
    chip = single.network.program(**{"device": te.Device(), "sense": NOISY, "seed": seed} | how)
    return single, chip


def chances_of(chip) -> np.ndarray:
    """Chances of all cells of the one layer, [planes, *shape, 3]."""
    layer = chip.layers[0]
    found = np.eye(3)[layer.trits + 1].reshape(layer.planes, -1, 3)
    if "layer" in chip.weak:
        weak = chip.weak["layer"]
        found[weak.plane, weak.cell] = weak.chances
    return found.reshape(layer.planes, *layer.shape, 3)


def read_again(r1, r2, offsets, *, settled: bool) -> np.ndarray:
    """Read values; the side that is ahead after a long time where the latch is let settle."""
    if not settled:
        return NOISY.read(r1, r2, offsets, precise=True).value
    cells = [np.broadcast_to(one, offsets.shape).ravel() for one in (r1, r2, offsets)]
    v1, v2, _, _ = NOISY.circuit.resolve(*cells, 5e-6, PRECISE)
    return np.sign(v2 - v1).reshape(offsets.shape)


@pytest.mark.parametrize("name", CASES)
def test_chances_are_those_of_the_amplifier(name: str, seed: int) -> None:
    """Cells with middling chances, read again and again by the transient."""
    wide = te.Device(lrs=LogNormal(6e4, 0.6), hrs=LogNormal(1.2e5, 0.4))
    weak = np.zeros(0, np.int64)
    while not weak.size:  # a small layer may have none
        single, chip = program(name, seed, device=wide)
        chances = chances_of(chip).reshape(-1, 3)
        weak = np.flatnonzero(chances.max(axis=1) < 0.98)[:3]
        seed += 1
    cells = LayerCells(single.layer, chip.design, chip.seed)
    r1, r2 = (r.reshape(-1) for r in cells.resistances())
    offsets = cells.offsets().reshape(-1)
    reads = 1500
    noise = np.random.default_rng(seed).normal(0, NOISY.noise_sigma, (reads, weak.size))
    value = read_again(r1[weak], r2[weak], offsets[weak] + noise, settled=single.case.binary)
    for i, cell in enumerate(weak):
        counts = [(value[:, i] == v).sum() for v in (-1, 0, 1)]
        statistics.assert_counts(counts, chances[cell], f"{name}, cell {cell}")


@pytest.mark.parametrize(
    "device", [te.Device(), te.Device.preset("degraded"), te.Device(stuck_lrs=0.02, stuck_hrs=0.03)]
)
def test_rates_over_many_cells_are_those_of_from_device(device: te.Device, seed: int) -> None:
    sense = te.SenseAmp()
    case = Case(channels=400, outputs=500)
    single, chip = program(case, seed, device=device, sense=sense, **ALONE)
    chances, stored = chances_of(chip), single.layer.trits
    rates = error_rates(device, sense)
    wrong = 1.0 - np.take_along_axis(chances, stored[..., None].astype(np.intp) + 1, -1)[..., 0]
    rise, drop = wrong[stored == 0], chances[stored != 0][:, 1]
    flip = np.concatenate([chances[stored == 1][:, 0], chances[stored == -1][:, 2]])
    for found, rate in ((rise, rates.rise), (drop, rates.drop), (flip, rates.sign_flip)):
        # Nearly all chances are 0 or 1: cells that err, but for a few in between.
        error = np.sqrt(max(rate * (1.0 - rate), 1e-9) / found.size)
        assert abs(found.mean() - rate) <= statistics.SIGMAS * error + 10.0 / found.size


def test_amplifiers_belong_to_columns(seed: int) -> None:
    case = Case(channels=70, outputs=80)
    for outputs, axis in (("rows", 0), ("columns", 1)):
        single, chip = program(case, seed, array=(32, 16), outputs=outputs)
        found = LayerCells(single.layer, chip.design, chip.seed).offsets()[0]
        blocks = np.split(found, [32, 64], axis=axis)
        for block in blocks:
            same = block == np.take(block, [0], axis=axis)
            assert same.all()
        firsts = np.concatenate([np.take(block, 0, axis=axis) for block in blocks])
        assert len(np.unique(firsts)) == firsts.size
    wide = Case(channels=300, outputs=300)
    single, chip = program(wide, seed, sense=te.SenseAmp(mismatch_sigma=0.02), **ALONE)
    offsets = LayerCells(single.layer, chip.design, chip.seed).offsets()
    statistics.assert_moments(offsets, 0.0, 0.02**2, "offsets")


def test_stuck_devices_are_as_many_as_asked_for(seed: int) -> None:
    exact = {"lrs": LogNormal(5e3, 0.0), "hrs": LogNormal(3e5, 0.0)}
    device = te.Device(**exact, stuck_lrs=0.01, stuck_hrs=0.004)
    single, chip = program(Case(channels=500, outputs=500), seed, device=device)
    cells = LayerCells(single.layer, chip.design, chip.seed)
    trits = single.layer.trits
    for r, side in zip(cells.resistances(), (1, -1), strict=True):
        low, high = r[trits == side], r[trits != side]
        statistics.assert_rate(int((high == 5e3).sum()), high.size, 0.01, "stuck at LRS")
        statistics.assert_rate(int((low == 3e5).sum()), low.size, 0.004, "stuck at HRS")


def test_a_chip_of_sound_devices_reads_what_it_stores(seed: int) -> None:
    exact = te.Device(lrs=LogNormal(5e3, 0.1), hrs=LogNormal(1e6, 0.1))
    for name in CASES:
        single, chip = program(name, seed, device=exact, sense=te.SenseAmp())
        assert not chip.weak
        x = single.feed(single.image(seed), 2)
        np.testing.assert_array_equal(chip.run(x), single.network.run(x))


def test_without_noise_every_read_is_the_same(seed: int) -> None:
    single, chip = program("convolution", seed, sense=te.SenseAmp(noise_sigma=0.0))
    assert not chip.weak
    x = single.feed(single.image(seed), 3)
    y = np.asarray(chip.run(x))
    assert (y == y[:1]).all()


def test_same_seed_same_chip(seed: int) -> None:
    single, chip = program("two trit planes", seed)
    _, again = program("two trit planes", seed)
    _, other = program("two trit planes", seed + 1)
    assert (chances_of(chip) == chances_of(again)).all()
    assert (chances_of(chip) != chances_of(other)).any()
    x = single.feed(single.image(seed), 5)
    np.testing.assert_array_equal(chip.run(x, seed=3), again.run(x, seed=3))
    copy = pickle.loads(pickle.dumps(chip))
    np.testing.assert_array_equal(chip.run(x, seed=3), copy.run(x, seed=3))


def test_chances_are_accurate_however_small() -> None:
    noise = 1e-3
    z = np.array([-8.0, -3.0, 0.0, 2.0, 8.5])
    found = read_chances(z * noise, (-z - 5.0) * noise, noise, settled=False)
    from scipy.stats import norm

    np.testing.assert_allclose(found[:, 2], norm.cdf(z), rtol=1e-12)
    np.testing.assert_allclose(found[:, 0], norm.cdf(-z - 5.0), rtol=1e-12)
    np.testing.assert_allclose(found[-1, 1], norm.sf(8.5) - norm.cdf(-13.5), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("votes", [1, 3, 5, 7])
def test_votes_by_enumeration(votes: int) -> None:
    import itertools

    random = np.random.default_rng(votes)
    one = random.dirichlet([1.0, 1.0, 1.0], 4)
    expected = np.zeros((4, 3))
    for reads in itertools.product((0, 1, 2), repeat=votes):
        expected[:, int(np.median(reads))] += one[:, reads].prod(axis=1)
    np.testing.assert_allclose(voted(one, votes), expected, rtol=1e-10)
    rare = voted(np.array([[1e-12, 1e-9, 1.0 - 1e-9 - 1e-12]]), 3)
    np.testing.assert_allclose(rare[0, :2], [3e-24, 3e-18], rtol=1e-2)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"device": te.Device()}, "sense: got none; a chip takes both"),
        ({"sense": te.SenseAmp()}, "device: got none; a chip takes both"),
        ({}, "got neither errors nor a device"),
        (
            {"device": te.Device(), "sense": te.SenseAmp(), "errors": te.SenseErrors()},
            "errors: a chip's errors follow",
        ),
        (
            {"device": "talk", "sense": te.SenseAmp()},
            "device: got str; it takes a te.Device, such as",
        ),
        (
            {"device": te.Device(), "sense": 1.2},
            "sense: got float; it takes a te.SenseAmp, such as",
        ),
        ({"device": te.Device(), "sense": te.SenseAmp(), "seed": -1}, "seed: got -1"),
        ({"device": te.Device(), "sense": te.SenseAmp(), "array": (0, 4)}, "array: got 0 x 4"),
        ({"device": te.Device(), "sense": te.SenseAmp(), "outputs": "up"}, "outputs: got 'up'"),
    ],
)
def test_bad_arguments_are_told(how, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        build(CASES["linear"]).network.program(**how)


def test_a_sense_time_too_short_for_anything_is_told(seed: int) -> None:
    with pytest.warns(te.PhysicsWarning, match="sense time of 1e-09 s: too short, 5e\\+03 against"):
        program("linear", seed, sense=te.SenseAmp(sense_time=1e-9))


def test_a_chip_takes_no_errors(seed: int) -> None:
    for sense in (NOISY, te.SenseAmp(noise_sigma=0.0)):  # with weak cells and without
        single, chip = program("linear", seed, sense=sense)
        x = single.feed(single.image(0), 2)
        with pytest.raises(ValueError, match="errors: this network is a chip"):
            chip.run(x, errors=te.SenseErrors(rise=0.1))
        _, record = chip.run(x, seed=seed, record=True)
        np.testing.assert_array_equal(chip.run(x, replay=record), chip.run(x, seed=seed))
