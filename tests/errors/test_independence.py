"""Reads know nothing of one another: outputs, positions, samples, bit planes, layers, signs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

import ternary_engine as te
from tests import statistics
from tests.errors.conftest import Force
from tests.errors.single import Case, Single, build

SAMPLES = 1000
MIXED = te.SenseErrors(sign_flip=0.05, drop=0.15, rise=0.2)
# 40 outputs fill two panels and a half; seven columns fill a tile and leave three positions.
BLOCK = Case(channels=20, size=(1, 7), outputs=40)
Pairs = Iterator[tuple[str, np.ndarray, np.ndarray]]


def same_weights(case: Case, seed: int) -> Single:
    """All outputs have the same weights, all positions and samples the same input."""
    row = np.random.default_rng(seed).integers(-1, 2, case.channels)
    return build(case, codes=np.broadcast_to(row, case.shape[:2]).reshape(case.shape))


def same_input(case: Case) -> np.ndarray:
    column = np.where(np.arange(case.channels) % 4 == 1, -1, 1)
    if case.kind in ("unsigned", "signed"):
        column = np.full(case.channels, -1 if case.kind == "signed" else (1 << case.bits) - 1)
    return np.broadcast_to(column[None, :, None, None], (1, case.channels, *case.size)).copy()


def neighbours(change: np.ndarray) -> Pairs:
    """Pairs of sums (samples, outputs, positions) at every distance that a mistake may have."""
    for step in (1, 2, 7, 8, 15, 16, 17, 24, 32):
        yield f"outputs {step} apart", change[:, step:], change[:, :-step]
    for step in range(1, change.shape[2]):
        yield f"positions {step} apart", change[:, :, step:], change[:, :, :-step]
        yield (
            f"outputs 1 and positions {step} apart",
            change[:, 1:, step:],
            change[:, :-1, :-step],
        )
    for step in (1, 2, 3, 4, 8, 16, 64, 500):
        yield f"samples {step} apart", change[step:], change[:-step]
        yield f"samples {step} and outputs 8 apart", change[step:, 8:], change[:-step, :-8]


def check(change: np.ndarray) -> None:
    for what, a, b in neighbours(change):
        statistics.assert_uncorrelated(a, b, what)
        statistics.assert_uncorrelated(a**2, b**2, f"squares, {what}")
        statistics.assert_independent(a, b, what)


@pytest.mark.parametrize("way", ["rare", "frequent"])
@pytest.mark.parametrize("kind", ["ternary", "binary", "unsigned", "signed"])
def test_sums_are_independent(kind: str, way: str, force: Force, seed: int) -> None:
    force(way)
    case = dataclasses.replace(BLOCK, kind=kind, bits=3)
    one = same_weights(case, seed)
    check(one.change(same_input(case), SAMPLES, MIXED, seed)[:, :, 0])


def test_sums_of_real_inputs_are_independent(seed: int) -> None:
    case = dataclasses.replace(BLOCK, kind="real")
    check(same_weights(case, seed).change(same_input(case), SAMPLES, MIXED, seed)[:, :, 0])


@pytest.mark.parametrize("groups", [2, 10])
def test_sums_of_groups_are_independent(groups: int, seed: int) -> None:
    geometry = dataclasses.replace(BLOCK.geometry, groups=groups)
    case = dataclasses.replace(BLOCK, geometry=geometry)
    row = np.resize([1, 0, -1, 1], case.shape[1])
    codes = np.broadcast_to(row, case.shape[:2]).reshape(case.shape)
    image = np.ones((1, case.channels, *case.size), np.int64)  # the same for every group
    check(build(case, codes=codes).change(image, SAMPLES, MIXED, seed)[:, :, 0])


@pytest.mark.parametrize("way", ["rare", "frequent"])
@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("kind", ["unsigned", "signed"])
def test_bit_planes_are_independent(
    kind: str, planes: int, way: str, force: Force, seed: int
) -> None:
    """One cell an output, all bits of its input set: the change spells which plane's read fell."""
    force(way)
    case = Case(kind, 4, channels=1, outputs=32, planes=planes)
    value = 3 ** (planes - 1) if planes == 2 else 1  # one trit plane holds it all
    one = build(case, codes=np.full(case.shape, value))
    image = np.full((1, 1, 1, 1), 15 if kind == "unsigned" else -1)
    change = one.change(image, 20_000, te.SenseErrors(drop=0.3), seed) // value
    lost = -change if kind == "unsigned" else -(change - 8)  # signed: the top plane counts -8
    fallen = lost & 15
    if kind == "signed":
        fallen ^= 8
    for plane in range(4):
        bit = fallen >> plane & 1
        statistics.assert_rate(int(bit.sum()), bit.size, 0.3, f"plane {plane}")
    bits = (np.arange(16)[:, None] >> np.arange(4) & 1).sum(1)
    chances = 0.3**bits * 0.7 ** (4 - bits)
    statistics.assert_counts(np.bincount(fallen.ravel(), minlength=16), chances, "joint planes")


def test_trit_planes_are_independent(seed: int) -> None:
    """Weight 4 = 3 + 1: two cells, each dropped on its own."""
    for kind, per in (("ternary", "read"), ("real", "read"), ("ternary", "sample")):
        case = Case(kind, channels=1, outputs=32, planes=2)
        one = build(case, codes=np.full(case.shape, 4))
        errors = te.SenseErrors(drop=0.3, per=per)
        change = -one.change(np.ones((1, 1, 1, 1), np.int64), 5000, errors, seed)
        counts = np.array([(change == lost).sum() for lost in (0, 1, 3, 4)])
        assert counts.sum() == change.size
        statistics.assert_counts(counts, np.array([0.49, 0.21, 0.21, 0.09]), f"{kind} per {per}")


@pytest.mark.parametrize("way", ["rare", "frequent"])
def test_both_signs_of_uneven_errors_are_independent(way: str, force: Force, seed: int) -> None:
    """Inputs +1 and -1 are presented apart; weights +1 and +1 make changes -d1 and +d2."""
    force(way)
    case = Case(channels=2, outputs=32)
    one = build(case, codes=np.ones(case.shape, np.int64))
    table = [[0.9, 0.05, 0.05], [0.1, 0.8, 0.1], [0.1, 0.2, 0.7]]
    image = np.array([1, -1]).reshape(1, 2, 1, 1)
    change = one.change(image, 20_000, te.SenseErrors.from_table(table), seed)
    fall = np.array([0.7, 0.2, 0.1])  # by 0, 1, 2
    chances = np.convolve(fall, fall[::-1])
    seen = np.bincount(change.ravel() + 2, minlength=5)
    statistics.assert_counts(seen, chances, "two presentations")


def two_layers(one: Single, names: tuple[str, str]) -> te.Network:
    """The same layer twice, side by side on one input."""
    encode, crossbar, scale = one.network.steps
    layers, steps, outputs = [], [encode], []
    for name in names:
        layers.append(dataclasses.replace(one.layer, name=name))
        steps.append(dataclasses.replace(crossbar, target=f"{name}:sums", layer=name))
        steps.append(dataclasses.replace(scale, source=f"{name}:sums", target=f"{name}:y"))
        outputs.append(dataclasses.replace(one.network.outputs[0], name=f"{name}:y"))
    return dataclasses.replace(
        one.network, layers=tuple(layers), steps=tuple(steps), outputs=tuple(outputs)
    )


@pytest.mark.parametrize("names", [("a", "b"), ("conv1", "conv11"), ("x", "x/read"), ("x", "x/0")])
@pytest.mark.parametrize("per", ["read", "sample"])
def test_layers_are_independent(per: str, names: tuple[str, str], seed: int) -> None:
    one = same_weights(BLOCK, seed)
    network = two_layers(one, names)
    errors = dataclasses.replace(MIXED, per=per)
    x = one.feed(same_input(BLOCK), 1000)
    first, second = network.run(x, errors=errors, seed=seed).values()
    if per == "sample":
        first, second = first[..., :1], second[..., :1]
    statistics.assert_uncorrelated(first, second, "two layers")
    statistics.assert_independent(first, second, "two layers")


def test_per_sample_and_per_batch_draw_different_cells(seed: int) -> None:
    """The kinds of draws have streams of their own, also where they carry the same number."""
    one = same_weights(BLOCK, seed)
    image = same_input(BLOCK)
    changes = [
        one.change(image, 1, dataclasses.replace(MIXED, per=per), seed)
        for per in ("read", "sample", "batch", "program")
    ]
    for i, a in enumerate(changes):
        for b in changes[:i]:
            assert (a != b).any()


@pytest.mark.parametrize("near", [lambda s: s + 1, lambda s: s ^ 1 << 20, lambda s: s + 2**64])
def test_seeds_are_independent(near: Callable[[int], int], seed: int) -> None:
    one = same_weights(BLOCK, seed)
    image = same_input(BLOCK)
    a, b = (one.change(image, 500, MIXED, s) for s in (seed, near(seed)))
    statistics.assert_uncorrelated(a, b, "two seeds")
    statistics.assert_independent(a, b, "two seeds")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ternary", "real"])
def test_many_sums_are_independent(kind: str, seed: int) -> None:
    case = dataclasses.replace(BLOCK, kind=kind)
    change = same_weights(case, seed).change(same_input(case), 20_000, MIXED, seed)[:, :, 0]
    check(change)
    for output, other in pairwise(range(case.outputs)):
        statistics.assert_independent(change[:, output, 0], change[:, other, 0], "two outputs")
