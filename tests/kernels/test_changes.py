"""Changes carried through one step, against the step on everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ternary_engine import steps
from ternary_engine.kernels import changes
from ternary_engine.layer import Layer
from ternary_engine.runtime.products import CellChange, CodeChanges, LayerProducts, Window
from ternary_engine.steps import Geometry
from tests.oracles import interpreter, products

GEOMETRIES = [
    Geometry(),
    Geometry((3, 3), pads=(1, 1, 1, 1)),
    Geometry((2, 3), strides=(2, 1), pads=(1, 0, 0, 2)),
    Geometry((2, 2), dilations=(2, 1), groups=2),
    Geometry((3, 2), strides=(3, 2), pads=(2, 1, 1, 1), groups=4),
]
CHANNELS = 4


def images(random: np.random.Generator, count: int) -> tuple[Any, Any, CodeChanges]:
    """Codes before, codes after, and what changed."""
    before = random.integers(-2, 3, (3, 5, 6, CHANNELS)).astype(np.int16)
    after = before.copy()
    flat, place = after.reshape(-1), random.choice(before.size, count, replace=False)
    flat[place] = random.integers(-2, 3, count)
    where = np.flatnonzero(flat != before.reshape(-1))
    delta = (after.astype(np.int64) - before).reshape(-1)[where]
    return before, after, CodeChanges(where // CHANNELS, where % CHANNELS, delta)


def first(values: Any) -> Any:
    """Channels second, as the oracle has them."""
    return np.moveaxis(values, -1, 1).astype(np.int64)


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("count", [0, 1, 40])
@pytest.mark.parametrize("apart", [False, True])
def test_sums(geometry: Geometry, count: int, apart: bool) -> None:
    random = np.random.default_rng([count, apart])
    shape = (2 * CHANNELS, CHANNELS // geometry.groups, *geometry.kernel)
    weights = random.integers(-1, 2, shape, np.int8)
    layer = Layer(
        name="l", op="Conv", kind="conv", placement="crossbar", input="3 bits", reason="",
        shape=shape, output_axis=0, scales=np.ones(1, np.float32), pairs=Layer.pack(weights),
        levels=3,
    )  # fmt: skip
    oracle = interpreter.crossbar_apart if apart else interpreter.crossbar
    before, after, inputs = images(random, count)
    sums = np.moveaxis(oracle(geometry, layer, first(before)), 1, -1)
    sums = np.ascontiguousarray(sums, np.int32)
    cells = random.choice(weights.size, 5, replace=False).tolist()
    reads = [int(random.choice([t for t in (-1, 0, 1) if t != weights.flat[c]])) for c in cells]
    faulty = weights.copy()
    faulty.reshape(-1)[cells] = reads
    step = steps.Crossbar(source="x", target="y", layer="l", geometry=geometry, apart=apart)
    made = LayerProducts(layer, step, Window.of(geometry, before, sums))
    changed = [CellChange(cell, 0, read) for cell, read in zip(cells, reads, strict=True)]
    for given, wanted in ((changed, faulty), ([], weights)):
        found = made.changed(after, sums, inputs if count else None, given)
        fresh = sums.reshape(-1, sums.shape[-1]).copy()
        fresh[found.touched[:, None], found.channels] = found.fresh
        right = oracle(geometry, layer.with_trits(wanted[None]), first(after))
        assert (fresh.reshape(sums.shape) == np.moveaxis(right, 1, -1)).all()


@pytest.mark.parametrize(("kind", "bits"), [("ternary", 1), ("binary", 1), ("unsigned", 4)])
def test_thresholds(kind: str, bits: int) -> None:
    random = np.random.default_rng(bits)
    code = products.make_codes(kind, bits)
    step = steps.Threshold(
        source="s", target="c", codes=code, decreasing=random.random(7) < 0.5,
        thresholds=np.sort(random.integers(-20, 20, (7, len(code.values) - 1)), 1).astype("i4"),
    )  # fmt: skip
    sums = random.integers(-25, 25, (11, 7)).astype(np.int32)
    touched, channels = np.array([0, 3, 10]), np.array([1, 2, 6])
    fresh = random.integers(-25, 25, (3, 3)).astype(np.int32)
    codes = interpreter.threshold(step, sums[:, :, None, None])[:, :, 0, 0].astype(np.int16)
    after = sums.copy()
    after[touched[:, None], channels] = fresh
    right = interpreter.threshold(step, after[:, :, None, None])[:, :, 0, 0]
    turned = step.decreasing[channels]
    between = code.integers[1] - code.integers[0]
    rules = (
        np.ascontiguousarray(step.thresholds[channels].T),
        np.where(turned, code.integers[-1], code.integers[0]).astype(np.int32),
        np.where(turned, -between, between).astype(np.int32),
    )
    before, room = codes.copy(), np.empty((9, 3), np.int64)
    found = changes.apply_thresholds(fresh, touched, channels, *rules, codes, room)
    assert (codes == right).all()
    before[room[:found, 0], room[:found, 1]] += room[:found, 2].astype(np.int16)
    assert (before == right).all()


def test_tables() -> None:
    random = np.random.default_rng(4)
    table = random.integers(-1, 2, (5, 21)).astype(np.int16)
    codes = random.integers(-1, 2, (6, 5)).astype(np.int16)
    fresh, touched, channels = np.array([[-10, 10], [0, 3]], np.int32), np.array([4, 1]), [0, 3]
    right = codes.copy()
    for row, at in enumerate(touched):
        right[at, channels] = table[channels, fresh[row] + 10]
    room = np.empty((4, 3), np.int64)
    changes.apply_table(fresh, touched, np.array(channels), table, -10, codes, room)
    assert (codes == right).all()


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 1, 0, 1)])
def test_pools(ceil: bool, pads: tuple[int, int, int, int]) -> None:
    random = np.random.default_rng(6)
    geometry = Geometry((2, 3), strides=(2, 2), pads=pads, ceil_mode=ceil)
    smallest = np.array([True, False, False, True])
    step = steps.Pool(source="c", target="p", geometry=geometry, smallest=smallest)
    before, after, one = images(random, 60)
    codes, right = (
        np.ascontiguousarray(np.moveaxis(interpreter.pool(step, first(x)), 1, -1), np.int16)
        for x in (before, after)
    )
    window = Window.of(geometry, before, codes)
    room = np.empty((one.place.size * window.taps, 3), np.int64)
    changes.pool_again(
        one.place, one.channel, after.reshape(-1, CHANNELS), *window.arrays, window.rows,
        window.columns, smallest, codes.reshape(-1, CHANNELS), room,
    )  # fmt: skip
    assert (codes == right).all()
