"""Repair of stuck cells and noisy reads, each against what it must do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.chips.cells import LayerCells
from ternary_engine.chips.repair import Arrangement, Faults, arrange
from ternary_engine.device import LogNormal
from tests import statistics
from tests.chips.test_chip import chances_of, program
from tests.errors.single import CASES, Case

# Devices that are what they should be, but for those that are stuck: what is wrong is stuck.
EXACT = {"lrs": LogNormal(5e3, 0.0), "hrs": LogNormal(1e6, 0.0)}
CLEAN = te.SenseAmp(noise_sigma=0.0, mismatch_sigma=0.0)
STUCK = te.Device(**EXACT, stuck_lrs=0.02, stuck_hrs=0.05)


def wrong_devices(stored: np.ndarray, faults: Faults, where: Arrangement) -> int:
    """Stuck devices in the wrong state, one by one."""
    at = {(int(where.lines[i]), int(where.inputs[j])): int(where.signs[i] * stored[i, j])
          for i in range(stored.shape[0]) for j in range(stored.shape[1])}  # fmt: skip
    total = 0
    for line, entry, wrong in zip(faults.line, faults.entry, faults.wrong, strict=True):
        if (int(line), int(entry)) in at:
            total += int(wrong[at[int(line), int(entry)] + 1])
    return total


def some_faults(random: np.random.Generator, lines: int, inputs: int, count: int) -> Faults:
    kinds = np.array([[1, 1, 0], [0, 0, 1], [0, 1, 1], [1, 0, 0]])  # LRS, HRS at BL; at BLb
    return Faults(
        random.integers(0, lines, count),
        random.integers(0, inputs, count),
        kinds[random.integers(0, 4, count)],
    )


def test_lines_and_polarity_are_the_best_there_are(seed: int) -> None:
    """Of all places and signs of four lines on five places."""
    random = np.random.default_rng(seed)
    stored = random.integers(-1, 2, (4, 6)).astype(np.int8)
    faults = some_faults(random, 5, 6, 12)
    found = arrange(stored, faults, te.Repair(polarity=True, lines=True, spares=1), 6)
    least = min(
        wrong_devices(
            stored,
            faults,
            Arrangement(np.array(lines), np.arange(6), np.array(signs, np.int8), 5),
        )
        for lines in itertools.permutations(range(5), 4)
        for signs in itertools.product((1, -1), repeat=4)
    )
    assert wrong_devices(stored, faults, found) == least
    assert found.places == 5
    assert len(set(found.lines.tolist())) == 4


@pytest.mark.parametrize(
    "repair", [te.Repair(inputs=True), te.Repair(lines=True, inputs=True, polarity=True)]
)
def test_inputs_stay_in_their_array_and_help(repair: te.Repair, seed: int) -> None:
    random = np.random.default_rng(seed)
    stored = random.integers(-1, 2, (12, 10)).astype(np.int8)
    faults = some_faults(random, 12, 10, 30)
    found = arrange(stored, faults, repair, 4)
    plain = Arrangement(np.arange(12), np.arange(10), np.ones(12, np.int8), 12)
    assert wrong_devices(stored, faults, found) <= wrong_devices(stored, faults, plain)
    assert sorted(found.inputs) == list(range(10))
    assert sorted(found.lines) == list(range(12))
    assert (found.inputs // 4 == np.arange(10) // 4).all()


def test_inputs_are_the_best_there_are(seed: int) -> None:
    random = np.random.default_rng(seed)
    stored = random.integers(-1, 2, (5, 4)).astype(np.int8)
    faults = some_faults(random, 5, 4, 9)
    found = arrange(stored, faults, te.Repair(inputs=True), 4)
    least = min(
        wrong_devices(
            stored, faults, Arrangement(np.arange(5), np.array(p), np.ones(5, np.int8), 5)
        )
        for p in itertools.permutations(range(4))
    )
    assert wrong_devices(stored, faults, found) == least


REPAIRS = {
    "none": None,
    "polarity": te.Repair(polarity=True),
    "lines": te.Repair(lines=True),
    "inputs": te.Repair(inputs=True),
    "spares": te.Repair(lines=True, spares=8),
    "all": te.Repair(polarity=True, lines=True, inputs=True, spares=8),
}


def test_every_repair_leaves_fewer_wrong_cells(seed: int) -> None:
    case, wrong = Case(channels=64, outputs=48), {}
    for name, repair in REPAIRS.items():
        single, chip = program(case, seed, device=STUCK, sense=CLEAN, repair=repair)
        wrong[name] = (chances_of(chip).argmax(-1) - 1 != single.layer.trits).sum()
        assert wrong[name] == (chip.misreads("layer") > 0.5).sum()
    assert all(wrong[name] < wrong["none"] for name in wrong if name != "none"), wrong
    assert wrong["all"] < wrong["lines"]
    assert wrong["spares"] <= wrong["lines"] + 3  # it counts devices, not cells


@pytest.mark.parametrize("name", [n for n in CASES if not CASES[n].binary])
def test_repaired_layers_compute_what_is_stored(name: str, seed: int) -> None:
    """Sound devices: whatever lies wherever, with whatever sign, the answers stay."""
    repair = te.Repair(polarity=True, lines=True, inputs=True, spares=2)
    device = te.Device(lrs=LogNormal(5e3, 0.1), hrs=LogNormal(2e6, 0.1), stuck_hrs=0.1)
    single, chip = program(name, seed, device=device, sense=te.SenseAmp(), repair=repair)
    cells = LayerCells(single.layer, chip.design, chip.seed)
    stored, bl_low = single.layer.trits, [r < 5e4 for r in cells.resistances()]
    # +1 is LRS at BL, -1 at BLb; a device that is stuck at HRS makes a 0 of either.
    expected = bl_low[0].astype(int) - bl_low[1]
    assert (chip.layers[0].trits == expected).all()
    assert ((expected == stored) | (expected == 0)).all()


def test_stuck_at_hrs_is_met_by_zeros(seed: int) -> None:
    """As many wrong cells as stuck devices under a +1 or -1 that wants LRS there."""
    device = te.Device(**EXACT, stuck_hrs=0.1)
    single, chip = program(Case(channels=50, outputs=40), seed, device=device, sense=CLEAN)
    cells = LayerCells(single.layer, chip.design, chip.seed)
    places = np.arange(2000)
    for side, trit in (("BL", 1), ("BLb", -1)):
        held = device.stuck(places, chip.seed, f"layer/{side}/")["hrs"]
        dropped = (chip.layers[0].trits == 0) & (single.layer.trits == trit)
        np.testing.assert_array_equal(dropped.ravel(), held & (single.layer.trits == trit).ravel())
    assert cells.stuck()["hrs"] > 300


@pytest.mark.parametrize("votes", [3, 7])
def test_votes_are_medians_of_reads(votes: int, seed: int) -> None:
    """Chances of a chip with votes against medians of reads of the same chip without."""
    device = te.Device(hrs=LogNormal(1.1e5, 0.3))
    case = Case(channels=40, outputs=30)
    single, one = program(case, seed, device=device)
    _, many = program(case, seed, device=device, repair=te.Repair(votes=votes))
    assert many.price()["senses_per_read"] == votes
    before, after = chances_of(one).reshape(-1, 3), chances_of(many).reshape(-1, 3)
    some = np.flatnonzero(before.max(axis=1) < 0.99)[:20]
    random, draws = np.random.default_rng(seed), 3000
    for cell in some:
        reads = random.choice([-1, 0, 1], (draws, votes), p=before[cell])
        median = np.median(reads, axis=1)
        counts = [(median == v).sum() for v in (-1, 0, 1)]
        statistics.assert_counts(counts, after[cell], f"cell {cell}")
    assert some.size
    wrong = [c.misreads("layer") for c in (one, many)]
    assert len(many.weak["layer"]) < len(one.weak["layer"])
    assert wrong[0].mean() != wrong[1].mean()
    x = single.feed(single.image(seed), 3)
    many.run(x, seed=seed)


def test_prices(seed: int) -> None:
    repair = te.Repair(polarity=True, lines=True, inputs=True, spares=3, votes=5)
    _, chip = program(Case(channels=70, outputs=20), seed, repair=repair)
    price = chip.price()
    assert price["cells"] == 1400
    assert price["spare_cells"] == 3 * 70
    assert price["senses_per_read"] == 5
    assert price["tables_bits"] == 20 + 20 * 5 + 70 * 5  # 23 places; 32 inputs an array
    assert price["pulses"] == 2800
    assert price["test_pulses"] == 2 * (1400 + 210)
    _, plain = program(Case(channels=70, outputs=20), seed)
    free = plain.price()
    assert (free["spare_cells"], free["tables_bits"], free["test_pulses"]) == (0, 0, 0)
