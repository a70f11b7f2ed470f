"""Reads that err one by one: drawn where an input is on, and applied to the sums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ternary_engine.kernels import cell_reads
from ternary_engine.kernels.random import sample_keys, stream_keys
from ternary_engine.runtime import noise
from ternary_engine.steps import Geometry
from tests import statistics
from tests.kernels.operands import JIT
from tests.oracles import naive_errors

IMAGES = 400 if JIT else 12
TABLE = np.array([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.02, 0.08, 0.9]])


@dataclass(frozen=True)
class Case:
    """A layer: channels and size of the image, outputs, window."""

    channels: int
    size: tuple[int, int]
    outputs: int
    geometry: Geometry

    @property
    def out_size(self) -> tuple[int, int]:
        zeros = np.zeros((1, 1, *self.size), np.int64)
        found = naive_errors.windows_of(zeros, self.geometry).shape
        return found[2], found[3]

    @property
    def window(self) -> np.ndarray:
        g = self.geometry
        parts = (*self.size, *self.out_size, g.kernel[1], *g.strides, *g.pads[:2], *g.dilations)
        return np.array(parts, np.int64)


CASES = {
    "linear": Case(9, (1, 1), 5, Geometry()),
    "padded": Case(2, (3, 4), 3, Geometry((3, 3), pads=(1, 1, 1, 1))),
    "strided": Case(2, (5, 4), 2, Geometry((3, 2), strides=(2, 1), pads=(1, 0, 0, 1))),
    "dilated groups": Case(
        4, (4, 4), 6, Geometry((2, 2), dilations=(2, 1), pads=(0, 1, 1, 0), groups=2)
    ),
}


def run(case: Case, x: np.ndarray, trits: np.ndarray, by_output: bool, seed: int, table=TABLE):
    """Events [n, 3] and what they read; trits are [outputs, taps, channels of a group]."""
    rate, levels = noise.share_levels(table)
    keys = sample_keys(stream_keys(seed, "test"), 0, len(x))
    places = int(np.prod(case.size))
    pitches = (case.channels * places, places, 1)
    cells = (x.reshape(-1), pitches, case.window, case.geometry.groups, trits, by_output)
    room = x.shape[0] * int(np.prod(case.out_size)) * trits.size
    where, read = np.full((room, 3), -9), np.full(room, -9, np.int8)
    found = cell_reads.draw_read_events(*cells, noise.log_keep(rate), levels, keys, where, read)
    assert (where[found + 1 :] == -9).all()
    return cells, where[:found], read[:found]


@pytest.mark.parametrize("by_output", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_events_and_what_they_do(name: str, by_output: bool, seed: int) -> None:
    case, draw = CASES[name], np.random.default_rng(seed)
    taps, per_group = int(np.prod(case.geometry.kernel)), case.channels // case.geometry.groups
    trits = draw.integers(-1, 2, (case.outputs, taps, per_group), np.int8)
    image = draw.integers(-2, 3, (1, case.channels, *case.size))
    x = np.repeat(image, IMAGES, axis=0).astype(np.float32)
    cells, where, read = run(case, x, trits, by_output, seed)

    # The cell's index counts (output, channel, tap), or the output last.
    flat = trits.transpose(0, 2, 1).reshape(case.outputs, -1)
    if by_output:
        output, rest = where[:, 2] // flat.shape[1], where[:, 2] % flat.shape[1]
    else:
        output, rest = where[:, 2] % case.outputs, where[:, 2] // case.outputs
    stored = flat[output, rest]
    assert (stored != read).all()

    # Counted over images: every cell that is on, at every position, at its rates; no other.
    windows = naive_errors.windows_of(image, case.geometry)[0]
    positions = windows.shape[1] * windows.shape[2]
    hits = np.zeros((3, 3), np.int64)
    np.add.at(hits, (stored + 1, read + 1), 1)
    sensed = np.zeros(3, np.int64)
    expected = np.zeros((IMAGES, case.outputs, positions))
    change = np.zeros(len(where))
    for o in range(case.outputs):
        first = o // (case.outputs // case.geometry.groups) * per_group
        under = windows[first : first + per_group].reshape(per_group, positions, taps)
        on = under.transpose(1, 0, 2).reshape(positions, -1)
        for trit in (-1, 0, 1):
            sensed[trit + 1] += IMAGES * int(((on != 0) & (flat[o] == trit)).sum())
        mine = output == o
        inputs = on[where[mine, 1], rest[mine]]
        assert inputs.all(), "a cell without input was sensed"
        change[mine] = inputs * (read[mine].astype(int) - stored[mine])
    for trit in (-1, 0, 1):
        for value in (-1, 0, 1):
            if trit != value:
                statistics.assert_rate(
                    int(hits[trit + 1, value + 1]), int(sensed[trit + 1]),
                    TABLE[trit + 1, value + 1], f"{trit:+d} read as {value:+d}",
                )  # fmt: skip
    np.add.at(expected, (where[:, 0], output, where[:, 1]), change)
    out = np.zeros(expected.size, np.float32)
    values = np.tile(np.array([-1, 0, 1], np.float32), (case.outputs, 1))
    pitches = (case.outputs * positions, positions, 1)
    cell_reads.apply_read_events(*cells, where, read, values, out, pitches)
    np.testing.assert_array_equal(out.reshape(expected.shape), expected)


def test_images_draw_for_themselves(seed: int) -> None:
    case = CASES["padded"]
    trits = np.random.default_rng(seed).integers(-1, 2, (3, 9, 2), np.int8)
    x = np.ones((3, 2, 3, 4), np.float32)
    _, where, read = run(case, x, trits, True, seed)
    parts = [
        (where[where[:, 0] == i, 1:].tolist(), read[where[:, 0] == i].tolist()) for i in (0, 1, 2)
    ]
    assert parts[0] != parts[1] != parts[2]
    _, first, _ = run(case, x[:1], trits, True, seed)
    assert first[:, 1:].tolist() == parts[0][0]


def test_rate_1_errs_at_every_cell_that_is_on(seed: int) -> None:
    case = CASES["strided"]
    trits = np.random.default_rng(seed).integers(-1, 2, (2, 6, 2), np.int8)
    x = np.random.default_rng(seed).integers(-1, 2, (2, 2, 5, 4)).astype(np.float32)
    all_wrong = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
    _, where, _ = run(case, x, trits, True, seed, all_wrong)
    on = naive_errors.windows_of(x.astype(np.int64), case.geometry) != 0
    assert len(where) == case.outputs * on.sum()
    assert len(np.unique(where, axis=0)) == len(where)
