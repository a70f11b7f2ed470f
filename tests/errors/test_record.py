"""Recorded runs: every error named, the sums those errors make, and the same bits replayed."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.record import ErrorRecord
from tests import statistics
from tests.errors.single import CASES, Single, build, kinds_of_errors
from tests.errors.test_reproducible import MODELS, network, samples
from tests.oracles import naive_errors

PERS = ("read", "sample", "batch", "program")
SAMPLES = 12
STRONGEST = {name: list(kinds_of_errors(case))[-1] for name, case in CASES.items()}


def per(errors: te.SenseErrors, lasts: str) -> te.SenseErrors:
    return dataclasses.replace(errors, per=lasts)


def presentations(one: Single, image: np.ndarray, *, both_signs: bool) -> list:
    """What the record numbers: bit planes; for -1, 0, +1 one read, or one for each sign."""
    shown = naive_errors.presentations(image, one.case.kind, one.case.bits)
    if one.case.kind in ("binary", "ternary") and not both_signs:
        return [(1, (image == 1).astype(np.int64)), (-1, (image == -1).astype(np.int64))]
    return shown


def changes_of(one: Single, image: np.ndarray, record: ErrorRecord, count: int) -> np.ndarray:
    """Changes of the sums (sample, output, row, column) as the record tells them, one by one."""
    held = record.layers["layer"]
    even = (held.table == held.table[::-1, ::-1]).all() and one.case.geometry.groups == 1
    windows = [
        (c, naive_errors.windows_of(x, one.case.geometry)[0])
        for c, x in presentations(one, image, both_signs=bool(even))
    ]
    rows, columns = windows[0][1].shape[1:3]
    change = np.zeros((count, one.case.outputs, rows * columns), np.int64)
    cells = np.arange(int(np.prod(one.case.shape))).reshape(one.case.shape)
    ordered = np.moveaxis(cells, 1 if one.case.matmul else 0, 0).reshape(one.case.outputs, -1)
    place = {int(cell): (o, i) for o, row in enumerate(ordered) for i, cell in enumerate(row)}
    per_group, taps = one.trits.shape[2], int(np.prod(one.trits.shape[3:]))
    batches = {"sample": 1, "batch": record.batch_size, "program": count}
    for row in record.rows():
        output, index = place[row["cell"]]
        channel = output // (one.case.outputs // one.case.geometry.groups) * per_group
        step = (row["read"] - row["stored"]) * 3 ** row["plane"]
        assert one.trits[row["plane"], output].reshape(-1)[index] == row["stored"] != row["read"]
        which = range(len(windows)) if row["presentation"] < 0 else [row["presentation"]]
        for number in which:
            coefficient, x = windows[number]
            inputs = x[channel + index // taps, :, :, index % taps].reshape(-1)
            if held.per == "read":
                assert inputs[row["position"]] != 0, "a cell without input was sensed"
                at = row["sample"], output, row["position"]
                change[at] += coefficient * step * inputs[row["position"]]
                continue
            size = batches[held.per]
            of_draw = slice(row["sample"] * size, (row["sample"] + 1) * size)
            change[of_draw, output] += coefficient * step * inputs
    return change.reshape(count, one.case.outputs, rows, columns)


@pytest.mark.parametrize("lasts", PERS)
@pytest.mark.parametrize("name", CASES)
def test_the_record_tells_what_happened(name: str, lasts: str, seed: int) -> None:
    one = build(CASES[name], seed)
    image = one.image(seed)
    x = one.feed(image, SAMPLES)
    clean = one.sums(one.network.run(x))
    for errors in (kinds_of_errors(CASES[name])[STRONGEST[name]], te.SenseErrors(sign_flip=0.7)):
        y, record = one.network.run(
            x, errors=per(errors, lasts), seed=seed, record=True, batch_size=5, threads=2
        )
        assert len(record) == len(list(record.rows()))
        assert errors.sign_flip == 0.0 or len(record) > 0
        told = changes_of(one, image, record, SAMPLES)
        np.testing.assert_array_equal(one.sums(y) - clean, told)
        for threads in (1, 3):
            again = one.network.run(x, replay=record, threads=threads)
            assert again.tobytes() == y.tobytes()
        np.testing.assert_array_equal(one.sums(one.network.run(x)), clean)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lasts", PERS)
def test_networks_are_replayed_bit_for_bit(name: str, lasts: str, seed: int) -> None:
    x = samples(name)
    errors = te.SenseErrors(sign_flip=0.05, per=lasts)
    how = {"errors": errors, "seed": seed, "batch_size": 5}
    y, record = network(name).run(x, record=True, **how)
    assert network(name).run(x, replay=record).tobytes() == y.tobytes()
    again, second = network(name).run(x, record=True, threads=1, **how)
    assert again.tobytes() == y.tobytes()
    assert list(second.rows()) == list(record.rows())
    if lasts != "read":
        assert network(name).run(x, **how).tobytes() == y.tobytes(), "draws of cells are the same"


@pytest.mark.parametrize("name", CASES)
def test_recorded_reads_are_those_of_the_naive_sampler(name: str, seed: int) -> None:
    """Errors per read are drawn cell by cell when recorded: another way to the same sums."""
    one = build(CASES[name], seed)
    image, errors = one.image(seed), kinds_of_errors(CASES[name])[STRONGEST[name]]
    x = one.feed(image, 500)
    clean = one.sums(one.network.run(x))
    y, _ = one.network.run(x, errors=errors, seed=seed, record=True)
    naive = one.naive(image, 500, errors, seed)
    statistics.assert_same_everywhere(one.sums(y) - clean, naive, "recorded and naive")


def test_every_error_of_a_record_is_there_once_and_in_order(seed: int) -> None:
    one = build(CASES["convolution"], seed)
    x = one.feed(one.image(seed), 30)
    errors = te.SenseErrors(sign_flip=0.2, drop=0.2, rise=0.2)
    _, record = one.network.run(x, errors=errors, seed=seed, record=True, threads=3)
    held = record.layers["layer"]
    keys = list(zip(held.sample, held.position, held.presentation, held.plane, held.cell))  # noqa: B905
    assert all(a < b for a, b in pairwise(keys))
    assert len(held) == len(keys)
