"""Which cells err, drawn by skipping: rates, places, gaps; and writing them into packed weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ternary_engine.encoding import pack_trits
from ternary_engine.kernels import faults
from ternary_engine.kernels.random import sample_keys, stream_keys
from ternary_engine.runtime import noise
from tests import statistics
from tests.kernels.operands import JIT

CELLS = 300_001 if JIT else 2003
RATES = [1e-6, 1e-4, 1e-3, 0.01, 0.2, 0.5, 0.9, 1.0]


def keys_of(seed: int) -> np.ndarray:
    return sample_keys(stream_keys(seed, "test"), 0, 1)[0]


def table_of(rate: float) -> np.ndarray:
    """Stored 0 errs at ``rate``, -1 and +1 less often; all six ways differ."""
    wrong = rate * np.array([[0.0, 0.2, 0.3], [0.4, 0.0, 0.6], [0.6, 0.1, 0.0]])
    return wrong + np.diag(1.0 - wrong.sum(1))


def drawn(trits: np.ndarray, table: np.ndarray, seed: int, room: int) -> tuple[int, ...]:
    rate, levels = noise.share_levels(table)
    where, read = np.full(room, -9), np.full(room, -9, np.int8)
    pairs = pack_trits(trits.astype(np.int8))
    found = faults.draw_faults(
        pairs, trits.size, noise.log_keep(rate), levels, keys_of(seed), where, read
    )
    return found, where, read


@pytest.mark.parametrize("rate", RATES)
def test_rates_and_places(rate: float, seed: int) -> None:
    trits = np.random.default_rng(seed).integers(-1, 2, CELLS)
    found, where, read = drawn(trits, table_of(rate), seed, CELLS)
    where, read = where[:found], read[:found]
    assert (np.diff(where) > 0).all()
    assert (read != trits[where]).all()
    for stored in (-1, 0, 1):
        total = int((trits == stored).sum())
        for value in (-1, 0, 1):
            if value != stored:
                hits = int(((trits[where] == stored) & (read == value)).sum())
                chance = table_of(rate)[stored + 1, value + 1]
                statistics.assert_rate(hits, total, chance, f"{stored:+d} as {value:+d}")
    of_all = np.bincount(np.arange(CELLS) % 4, minlength=4) / CELLS
    if found > 1000 and rate < 1.0:
        zeros = where[trits[where] == 0]
        statistics.assert_counts(np.bincount(zeros % 4, minlength=4), of_all, "place in the byte")
        statistics.assert_uniform(np.bincount(zeros * 16 // CELLS, minlength=16), "place")


@pytest.mark.parametrize("rate", [0.003, 0.2, 0.8])
def test_gaps_are_geometric(rate: float, seed: int) -> None:
    trits = np.zeros(CELLS, np.int64)
    table = np.array([[1, 0, 0], [rate / 2, 1 - rate, rate / 2], [0, 0, 1.0]])
    found, where, _ = drawn(trits, table, seed, CELLS)
    gaps = np.diff(where[:found]) - 1
    most = int(5 / rate)
    mass = np.append(stats.geom.pmf(np.arange(1, most + 1), rate), (1 - rate) ** most)
    counts = np.bincount(np.minimum(gaps, most), minlength=most + 1)
    statistics.assert_counts(counts, mass, "gaps")
    if found > 500:
        statistics.assert_uncorrelated(gaps[1:], gaps[:-1], "gaps in a row")


@pytest.mark.parametrize("cells", [0, 1, 2, 3, 4, 5, 7])
def test_few_cells(cells: int, seed: int) -> None:
    trits = np.ones(cells, np.int64)
    drop = np.array([[0, 1, 0], [0, 1, 0], [0, 1, 0.0]])
    found, where, read = drawn(trits, drop, seed, 8)
    assert found == cells
    assert where[:cells].tolist() == list(range(cells))
    assert not read[:cells].any()
    assert (where[cells:] == -9).all()


def test_what_does_not_fit_asks_for_room(seed: int) -> None:
    trits = np.random.default_rng(seed).integers(-1, 2, 1001)
    full = drawn(trits, table_of(0.5), seed, 1001)
    needed, where, read = drawn(trits, table_of(0.5), seed, 10)
    assert needed >= full[0] > 10
    assert (read == -9).all(), "places are not looked at before all fit"
    again, where, read = drawn(trits, table_of(0.5), seed, needed)
    assert again == full[0]
    np.testing.assert_array_equal(where[:again], full[1][:again])
    np.testing.assert_array_equal(read[:again], full[2][:again])


def test_gaps_of_extreme_numbers() -> None:
    """The smallest and largest random numbers, at rates from 1e-300 to 1."""
    low, high = np.uint64(0), np.uint64(2**64 - 1)
    for rate in (1e-300, 1e-9, 0.5, 1 - 2**-53):
        assert faults.next_gap(high, math.log1p(-rate)) == 0
        assert faults.next_gap(low, math.log1p(-rate)) >= 1
    assert faults.next_gap(low, math.log1p(-1e-300)) == 9 * 10**18
    for number in (low, high):
        assert faults.next_gap(number, -math.inf) == 0
    expected = 53 * math.log(2) / 1e-9
    assert abs(faults.next_gap(low, math.log1p(-1e-9)) - expected) < 100


def test_values_read() -> None:
    levels = np.array([[10, 30], [5, 7], [2**63, 2**64 - 1]], np.uint64)
    for stored, random, value in [
        (-1, 9, 0), (-1, 10, 1), (-1, 29, 1), (-1, 30, -1), (0, 4, -1), (0, 6, 1), (0, 7, 0),
        (1, 0, -1), (1, 2**63, 0), (1, 2**64 - 1, 1),
    ]:  # fmt: skip
        assert faults.read_value(stored, np.uint64(random), levels) == value


@pytest.mark.parametrize("cells", [1, 3, 4, 5, 101])
def test_writing_pairs(cells: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    before, after = draw.integers(-1, 2, (2, cells)).astype(np.int8)
    where = np.flatnonzero(draw.random(cells) < 0.7)
    pairs = pack_trits(before)
    faults.write_pairs(where, after[where], pairs)
    before[where] = after[where]
    np.testing.assert_array_equal(pairs, pack_trits(before))
