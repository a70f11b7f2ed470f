"""The two samplers of a sum's change against exact distributions, at any counts of cells."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.kernels import noisy, random, sampling
from ternary_engine.kernels.random import sample_keys, stream_keys
from ternary_engine.runtime.read_tables import Changes, FrequentTables, frequent_tables
from tests import statistics
from tests.kernels.operands import JIT
from tests.kernels.sampled import (
    EVEN,
    UNEVEN,
    draw_frequent,
    entries,
    frequent,
    noisy_sums,
    rare,
)

OUTPUTS = 200_000 if JIT else 400
NEVER = (0.0, 0.0)
CHANGES: dict[str, Changes] = {
    "even": EVEN,
    "uneven": UNEVEN,
    "drops": ((0.05, 0.0), (0.05, 0.0), NEVER),
    "flips": ((0.0, 0.03), (0.0, 0.03), NEVER),
    "rises": (NEVER, NEVER, (0.02, 0.02)),
    "rises only up": (NEVER, NEVER, (0.04, 0.0)),
    "class +1 alone": ((0.02, 0.02), NEVER, NEVER),
    "one in a million, one in ten": ((1e-6, 0.0), (0.0, 1e-6), (0.05, 0.05)),
}
COUNTS = [
    (0, 0, 0),
    (1, 0, 0),
    (0, 1, 0),
    (0, 0, 1),
    (3, 2, 1),
    (40, 25, 30),
    (0, 0, 64),
    (63, 0, 0),
]
FREQUENT: dict[str, Changes] = {
    "half of all": ((0.3, 0.2), (0.3, 0.2), (0.25, 0.25)),
    "nearly all": ((0.5, 0.4999), (0.9, 0.05), (0.7, 0.2)),
    "all": ((0.4, 0.6), (0.0, 1.0), (0.2, 0.8)),
    "all drop": ((1.0, 0.0), (1.0, 0.0), NEVER),
    "all rise": (NEVER, NEVER, (0.5, 0.5)),
}


def exact(changes: Changes, counts: tuple[int, int, int]) -> tuple[int, np.ndarray]:
    """Lowest change, and the distribution from it on, of cells with product +1, -1 and 0."""
    (plus1, plus2), (minus1, minus2), (rise, fall) = changes
    steps = (
        np.array([plus2, plus1, 1 - plus1 - plus2]),
        np.array([1 - minus1 - minus2, minus1, minus2]),
        np.array([fall, 1 - rise - fall, rise]),
    )
    mass, low = np.ones(1), 0
    for one, lowest, count in zip(steps, (-2, 0, -1), counts, strict=True):
        for _ in range(count):
            mass = np.convolve(mass, np.maximum(one, 0.0))
        low += lowest * count
    return low, mass


def check(drawn: np.ndarray, changes: Changes, counts: tuple[int, int, int]) -> None:
    low, mass = exact(changes, counts)
    assert low <= drawn.min()
    assert drawn.max() < low + mass.size
    statistics.assert_counts(np.bincount(drawn - low, minlength=mass.size), mass)
    values = low + np.arange(mass.size)
    mean = float(mass @ values)
    if OUTPUTS * (1 - mass.max()) > 500:
        statistics.assert_moments(drawn, mean, float(mass @ (values - mean) ** 2))
    sides = drawn.reshape(-1, 8)
    for lane in range(8):
        statistics.assert_counts(
            np.bincount(sides[:, lane] - low, minlength=mass.size), mass, f"lane {lane}"
        )


def keys_of(seed: int) -> np.ndarray:
    return sample_keys(stream_keys(seed, "test"), 0, 1)[0]


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("name", CHANGES)
def test_rare(name: str, counts: tuple[int, int, int], seed: int) -> None:
    positive, negative = (np.full(OUTPUTS, c) for c in counts[:2])
    drawn = rare(CHANGES[name], sum(counts), positive, negative, keys_of(seed))
    check(drawn, CHANGES[name], counts)


@pytest.mark.parametrize("counts", COUNTS)
@pytest.mark.parametrize("name", [*CHANGES, *FREQUENT])
def test_frequent(name: str, counts: tuple[int, int, int], seed: int) -> None:
    changes = {**CHANGES, **FREQUENT}[name]
    positive, negative = (np.full(OUTPUTS, c) for c in counts[:2])
    cells = np.full(OUTPUTS, sum(counts))
    check(frequent(changes, cells, positive, negative, keys_of(seed)), changes, counts)


@pytest.mark.parametrize("name", ["even", "uneven", "half of all"])
def test_frequent_in_portions(name: str, seed: int) -> None:
    """More cells of a class than its table has rows, and lanes that need different portions."""
    changes = {**CHANGES, **FREQUENT}[name]
    draw = np.random.default_rng(seed)
    kinds = [(700, 520, 1500), (3, 0, 2000), (513, 512, 511), (0, 0, 0), (1200, 1, 0)]
    which = draw.integers(0, len(kinds), OUTPUTS)
    plus, minus, none = np.array(kinds).T[:, which]
    drawn = frequent(changes, plus + minus + none, plus, minus, keys_of(seed))
    for i, counts in enumerate(kinds):
        low, mass = exact(changes, counts)
        seen = np.bincount(drawn[which == i] - low, minlength=mass.size)
        statistics.assert_counts(seen, mass, f"{counts}")


@pytest.mark.parametrize("use_rare", [True, False])
def test_lanes_with_different_counts(use_rare: bool, seed: int) -> None:
    """Every output has its own classes, as in a layer; for the rare sampler as many cells."""
    draw = np.random.default_rng(seed)
    kinds = np.array([(30, 0, 0), (0, 30, 0), (0, 0, 30), (10, 15, 5), (29, 1, 0)])
    which = draw.integers(0, len(kinds), OUTPUTS)
    plus, minus, _ = kinds.T[:, which]
    if use_rare:
        drawn = rare(UNEVEN, 30, plus, minus, keys_of(seed))
    else:
        drawn = frequent(UNEVEN, np.full(OUTPUTS, 30), plus, minus, keys_of(seed))
    for i, counts in enumerate(kinds.tolist()):
        low, mass = exact(UNEVEN, tuple(counts))
        seen = np.bincount(drawn[which == i] - low, minlength=mass.size)
        statistics.assert_counts(seen, mass, f"{counts}")


@pytest.mark.parametrize("use_rare", [True, False])
def test_neighbouring_outputs_are_independent(use_rare: bool, seed: int) -> None:
    half = np.full(OUTPUTS, 15)
    if use_rare:
        drawn = rare(EVEN, 40, half, half, keys_of(seed))
    else:
        drawn = frequent(EVEN, np.full(OUTPUTS, 40), half, half, keys_of(seed))
    for step in (1, 3, 8, 64, 72):
        statistics.assert_uncorrelated(drawn[step:], drawn[:-step], f"{step} apart")
        if JIT:
            statistics.assert_independent(drawn[step:], drawn[:-step], f"{step} apart")


@pytest.mark.parametrize("seed_of_operands", range(3))
def test_noisy_products_sense_what_is_there(seed_of_operands: int, seed: int) -> None:
    """Without rates nothing changes; with small ones a change is never more than the cells."""
    none: Changes = ((1e-300, 0.0), NEVER, NEVER)
    noisy, clean, counts = noisy_sums(seed_of_operands, changes=none, keys=keys_of(seed))
    np.testing.assert_array_equal(noisy, clean)
    noisy, clean, counts = noisy_sums(seed_of_operands, changes=EVEN, keys=keys_of(seed))
    assert (noisy != clean).any()
    outputs = noisy.size // counts.size
    change = (noisy - clean).reshape(counts.size, outputs)
    assert (np.abs(change) <= 2 * counts[:, None]).all()


def test_alias_tables_hold_their_distributions(seed: int) -> None:
    """Every number that can be drawn, weighed: thresholds and aliases give the mass back."""
    draw = np.random.default_rng(seed)
    for bins in (1, 2, 8, 64):
        mass = draw.random((30, bins)) ** draw.integers(1, 30, (30, 1))
        mass[0] = 0.0
        mass[0, bins // 2] = 1.0
        mass[1] = 1.0
        mass /= mass.sum(1, keepdims=True)
        firsts, seconds = np.empty(mass.size, np.int32), np.empty(mass.size, np.uint32)
        sampling.fill_alias(mass, firsts, seconds)
        share, alias = entries(firsts.reshape(mass.shape), seconds.reshape(mass.shape))
        assert alias.max() < bins
        found = share.copy()
        for row in range(len(mass)):
            np.add.at(found[row], alias[row], 1.0 - share[row])
        np.testing.assert_allclose(found / bins, mass, rtol=0, atol=2.0**-50)


def _sixteen(changes: Changes, seed: int, cells: int) -> tuple[FrequentTables, np.ndarray]:
    """Tables, and int32 [3, 16] cells of class +1, -1 and 0."""
    draw = np.random.default_rng(seed)
    plus = draw.integers(0, cells + 1, 16)
    minus = draw.integers(0, cells - plus + 1)
    return frequent_tables(changes), np.stack([plus, minus, cells - plus - minus]).astype(np.int32)


def _both_ways(
    tables: FrequentTables, classes: np.ndarray, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Changes of sixteen outputs at once, and of each by itself; whether there was a tie."""
    plus, minus, none = classes
    together, alone = np.zeros(16, np.int32), np.zeros(16, np.int32)
    sampled = (tables.firsts, tables.seconds, tables.shapes, *keys)
    tied = draw_frequent(plus + minus + none, plus, minus, *sampled, together)
    sampling.settled_change(classes, *sampled, alone)
    return together, alone, tied


@pytest.mark.parametrize("changes", [EVEN, UNEVEN, ((0.5, 0.5), NEVER, (0.9, 0.1))])
@pytest.mark.parametrize("cells", [0, 1, 40, 900, 3000, 5000])
def test_outputs_alone_change_as_they_do_together(changes: Changes, cells: int, seed: int) -> None:
    ties = 0
    for round_ in range(20 if JIT else 2):
        tables, classes = _sixteen(changes, seed + round_, cells)
        together, alone, tied = _both_ways(tables, classes, keys_of(seed + round_))
        ties += tied
        if not tied:
            np.testing.assert_array_equal(together, alone)
    assert ties <= 1, "one in a hundred thousand rounds"


def test_ties_are_settled_by_the_second_bits(seed: int) -> None:
    """Thresholds put where the fractions fall: both ends of the second bits, and halfway."""
    tables, classes = _sixteen(UNEVEN, seed, 30)
    keys = keys_of(seed)
    start, _, bits = tables.shapes[0, :3].tolist()
    classes[1:] = 0  # one draw: of class +1
    counters = np.uint64(keys[0]) + np.arange(8, dtype=np.uint64) * random.GOLDEN
    numbers = np.array([random.random_number(one, keys[1]) for one in counters], np.uint64)
    drawn = numbers.view(np.uint32).astype(np.int64)
    bins, fraction = drawn >> 32 - bits, (drawn << bits & 0xFFFFFFFF) >> 8
    at = start + (classes[0].astype(np.int64) << bits) + bins
    first, kept = np.unique(at, return_index=True)
    alias = (bins[kept] + 1) % (1 << bits)
    firsts, seconds = tables.firsts.copy(), tables.seconds.copy()
    firsts[first] = (fraction[kept] << 8 | alias).astype(np.uint32).view(np.int32)
    for second, wanted in ((0, alias), (2**32 - 1, bins[kept])):
        seconds[first] = second
        made = FrequentTables(firsts, seconds, tables.shapes)
        _, alone, tied = _both_ways(made, classes, keys)
        assert tied
        np.testing.assert_array_equal(-alone[kept], wanted)
    seconds[first] = 1 << 31
    _, alone, _ = _both_ways(FrequentTables(firsts, seconds, tables.shapes), classes, keys)
    assert set(zip(-alone[kept] == bins[kept], -alone[kept] == alias, strict=True)) == {
        (True, False), (False, True),
    }  # fmt: skip


def test_ties_reach_the_sums(seed: int) -> None:
    """`change_frequently` on tables that always tie: as if each output had been drawn alone."""
    tables = frequent_tables(EVEN)
    firsts = np.zeros_like(tables.firsts)  # a fraction of 0 ties, and a threshold of 0 is never met
    draw = np.random.default_rng(seed)
    nonzero = draw.integers(0, 40, 16).astype(np.int32)
    sums = (nonzero - 2 * draw.integers(0, nonzero + 1)).astype(np.int32)
    keys = keys_of(seed)
    start, _, bits = tables.shapes[0, :3].tolist()
    assert start == 0
    numbers = np.array([random.random_number(keys[0], keys[1])], np.uint64)
    u = int(numbers.view(np.uint32)[0])
    positive = (int(nonzero[0]) + int(sums[0])) // 2
    chosen = u >> 32 - bits
    entry = (positive << bits) + chosen
    seconds = np.full_like(tables.seconds, 2**32 - 1)  # a tie keeps the bin, else it is alias 0
    firsts[entry] = np.array((u << bits & 0xFFFFFFFF) >> 8 << 8, np.uint32).view(np.int32)
    results, counts = sums.copy(), np.full(1, 50, np.int32)
    sampled = (firsts, seconds, tables.shapes)
    noisy.change_frequently(sums, nonzero, 16, counts, 1, keys[None], *sampled, 3, results)
    minus = (nonzero - sums) // 2
    classes = np.stack([nonzero - minus, minus, 50 - nonzero]).astype(np.int32)
    alone = np.zeros(16, np.int32)
    sampling.settled_change(classes, *sampled, *keys, alone)
    np.testing.assert_array_equal(results, sums + 3 * alone)
    without = np.zeros(16, np.int32)
    sampling.settled_change(classes, firsts, np.zeros_like(seconds), tables.shapes, *keys, without)
    assert without[0] - alone[0] == chosen, "the tie kept the bin of output 0"
