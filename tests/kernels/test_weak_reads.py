"""Reads of weak cells beside a version that draws them one by one; bits of words turned around."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.chips.weak import WeakCells
from ternary_engine.kernels import weak_reads
from ternary_engine.runtime.weak_tables import _RARE, plane_tables
from tests.oracles.weak_reads import Cell, changes


def some_cells(random: np.random.Generator, outputs: int, inputs: int) -> WeakCells:
    """Weak cells of a linear layer, from even chances to rare ones."""
    count = min(outputs * inputs, 24)
    cell = np.sort(random.choice(outputs * inputs, count, replace=False))
    usual = random.integers(-1, 2, count).astype(np.int8)
    otherwise = random.choice([0.6, 0.3, 0.05, 2.0**-8, 3e-3, 1e-3, 2e-4, 1e-5], count)
    part = random.choice([0.0, 0.25, 1.0], count)
    chances = np.zeros((count, 3))
    rows, at = np.arange(count), usual + 1
    chances[rows, at] = 1.0 - otherwise
    chances[rows, (at + 1) % 3] = part * otherwise
    chances[rows, (at + 2) % 3] = (1.0 - part) * otherwise
    return WeakCells(np.zeros(count, np.int32), cell.astype(np.int64), usual, chances)


def as_oracle_takes_them(tables) -> list[Cell]:
    found = []
    for i in range(len(tables.numbers)):
        kind = int(np.searchsorted(tables.classes, i, side="right"))
        values = (int(tables.values[i, 1]), int(tables.values[i, 2]))
        largest = _RARE[kind - 1] if kind else 1.0
        numbers = int(tables.numbers[i]), int(tables.chances[i])
        found.append(Cell(*numbers, kind, largest, values, int(tables.shares[i])))
    return found


@pytest.mark.parametrize("positions", [1, 7, 9, 64, 70])
def test_reads_change_as_one_by_one(positions: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    images, outputs, words = 2, 5, 2
    inputs = 64 * words
    weak = some_cells(random, outputs, inputs)
    tables = plane_tables(weak, 0)
    keys = random.integers(0, 2**64, (images, 2), np.uint64)
    nonzero = random.integers(0, 2**64, (images * positions, words), np.uint64)
    negative = random.integers(0, 2**64, nonzero.shape, np.uint64) & nonzero
    a = np.stack([nonzero, negative], axis=2).reshape(-1)
    starts = np.arange(images * positions, dtype=np.int64) * 2 * words
    places, of = tables.numbers % inputs, tables.numbers // inputs
    sums = np.zeros((images * positions, 16), np.int32)
    columns = np.zeros(inputs * 2 * -(-positions // 64), np.uint64)
    weak_reads.add_weak_reads(
        a, starts, np.zeros(1, np.int64), words, keys, 3, tables.numbers, of, places,
        *tables.draws, columns, sums.reshape(-1), 16,
    )  # fmt: skip
    expected = np.zeros_like(sums)
    usual = dict(zip(tables.numbers.tolist(), tables.values[:, 0].tolist(), strict=True))
    for image in range(images):
        both = tuple(int(key) for key in keys[image])
        for number, position, value in changes(as_oracle_takes_them(tables), positions, both):
            row, place = image * positions + position, number % inputs
            word, bit = place // 64, np.uint64(place % 64)
            if nonzero[row, word] >> bit & np.uint64(1):
                sign = -1 if negative[row, word] >> bit & np.uint64(1) else 1
                expected[row, number // inputs] += 3 * sign * (value - usual[number])
    np.testing.assert_array_equal(sums, expected)


def test_events_are_those_changes(seed: int) -> None:
    """The list for layers with other inputs, against the same oracle."""
    random = np.random.default_rng(seed)
    images, outputs, inputs, height, width = 2, 4, 6, 5, 15
    positions = height * width
    weak = some_cells(random, outputs, inputs)
    tables = plane_tables(weak, 0)
    keys = random.integers(0, 2**64, (images, 2), np.uint64)
    x = random.integers(-1, 2, (images, inputs, positions)).astype(np.float32)
    window = np.array([height, width, height, width, 1, 1, 1, 0, 0, 1, 1], np.int64)
    pitches = (inputs * positions, positions, 1)
    where, read = np.empty((4000, 3), np.int64), np.empty(4000, np.int8)
    found = weak_reads.draw_weak_events(
        x.reshape(-1), pitches, window, tables.numbers % inputs, np.zeros_like(tables.numbers),
        keys, tables.numbers, *tables.draws, where, read,
    )  # fmt: skip
    events = {(*where[i].tolist(), int(read[i])) for i in range(found)}
    expected = set()
    for image in range(images):
        both = tuple(int(key) for key in keys[image])
        for number, position, value in changes(as_oracle_takes_them(tables), positions, both):
            if x[image, number % inputs, position]:
                expected.add((image, position, number, value))
    assert events == expected
    assert found == len(expected)
    few = weak_reads.draw_weak_events(
        x.reshape(-1), pitches, window, tables.numbers % inputs, np.zeros_like(tables.numbers),
        keys, tables.numbers, *tables.draws, where[:0], read[:0],
    )  # fmt: skip
    assert few == found


def test_tables_hold_the_chances_they_were_made_from(seed: int) -> None:
    weak = some_cells(np.random.default_rng(seed), 8, 30)
    tables = plane_tables(weak, 0)
    order = {number: i for i, number in enumerate(weak.cell.tolist())}
    for i, number in enumerate(tables.numbers.tolist()):
        cell = order[number]
        told = weak.chances[cell]
        chance = int(tables.chances[i]) * 2.0**-64
        assert chance == pytest.approx(1.0 - told[weak.usual[cell] + 1], rel=1e-9)
        share = min((int(tables.shares[i]) + 1) * 2.0**-64, 1.0)
        first, second = tables.values[i, 1] + 1, tables.values[i, 2] + 1
        assert chance * share == pytest.approx(told[first], rel=1e-9, abs=1e-19)
        assert chance * (1.0 - share) == pytest.approx(told[second], rel=1e-9, abs=1e-19)
        if i >= tables.frequent:
            kind = int(np.searchsorted(tables.classes, i, side="right"))
            accepted = int(tables.accepted[i]) * 2.0**-64
            assert accepted * _RARE[kind - 1] == pytest.approx(chance, rel=1e-9)
            assert accepted <= 1.0
