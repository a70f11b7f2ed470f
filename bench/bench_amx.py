"""Products on matrix tiles beside popcounts and ONNX Runtime, one thread, by turns.

``pytest bench/bench_amx.py``, or ``python -m bench.bench_amx [seconds]`` for a short table.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import ternary_engine as te
from bench import products
from bench.measure import best_seconds
from bench.peers import Case, aligned, session
from ternary_engine.kernels import epilogue, tile_layout
from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.layout import PANEL, panels_for, words_for
from ternary_engine.kernels.tile_product import convolve_tiles
from ternary_engine.kernels.tiles import begin_tiles, end_tiles, multiply_tiles
from ternary_engine.network import Network
from ternary_engine.runtime import tiles
from tests.networks import vgg

Array = npt.NDArray[Any]
pytestmark = pytest.mark.skipif(not tiles.available(), reason="no matrix tiles here (Intel AMX)")

STEPS = 20_000
FINISHES = ("sums", "codes")


@kernel
def tile_products(steps):
    """Four products a step, operands in tiles: the limit of the tile unit."""
    begin_tiles()
    for _ in range(steps):
        multiply_tiles(0, 4, 6)
        multiply_tiles(1, 4, 7)
        multiply_tiles(2, 5, 6)
        multiply_tiles(3, 5, 7)
    end_tiles()


def roof(rounds: int = 60) -> float:
    """Products of the tile unit, in GMAC/s."""
    tile_products(1)
    best = 1.0
    for _ in range(rounds):
        before = time.perf_counter()
        tile_products(STEPS)
        best = min(best, time.perf_counter() - before)
    return 4 * 16 * 16 * 64 * STEPS / best / 1e9


def tiled_product(
    shape: products.Shape, finish: str, seed: int = 0
) -> tuple[Callable[[], None], Array, Array]:
    """Ternary weights with packed ternary codes on tiles: the call, its sums, the right ones."""
    random = np.random.default_rng(seed)
    x = random.integers(-1, 2, (shape.rows, shape.inputs), np.int8)
    w = random.integers(-1, 2, (shape.outputs, shape.inputs), np.int8)
    sources, places, blocks = tile_layout.spread_steps(np.zeros(1, np.int64), shape.inputs, 2)
    rows, part = tile_layout.room_for(blocks, shape.outputs)
    sums = aligned(np.zeros(shape.rows * panels_for(shape.outputs) * PANEL, np.int32))
    codes = np.zeros(shape.rows * words_for(shape.outputs) * 8, np.uint16)
    result = sums if finish == "sums" else codes
    reached = np.tile(np.array([[-15, 16]], np.int32), (shape.outputs, 1))
    arguments = (
        aligned(products._pack_rows([x != 0, x < 0])),
        aligned(tile_layout.pack_tiles(w)),
        np.arange(shape.rows, dtype=np.int64) * words_for(shape.inputs) * 2,
        tile_layout.byte_form("ternary", 2)[0],
        sources,
        places,
        blocks,
        np.zeros(shape.rows, np.int32),
        tile_layout.spread_pairs(np.zeros((1, shape.outputs), np.int64)),
        panels_for(shape.outputs),
        epilogue.STORE if finish == "sums" else epilogue.TERNARY,
        tile_layout.thresholds(reached, np.zeros(shape.outputs, np.bool_)),
        np.arange(shape.rows, dtype=np.int64) * (result.size // shape.rows),
        codes,
        sums,
        aligned(np.zeros(rows, np.int8)),
        aligned(np.zeros(part, np.int32)),
    )
    return lambda: convolve_tiles(*arguments), sums, x.astype(np.int32) @ w.T.astype(np.int32)


def product_case(size: tuple[int, int, int], finish: str) -> Case:
    """A product on tiles and its peers; the others give sums in any case."""
    shape = products.Shape(*size)
    ours, sums, right = tiled_product(shape, finish)
    ours()
    if finish == "sums" and not np.array_equal(sums.reshape(right.shape), right):
        raise AssertionError(f"{shape}: wrong sums")
    calls: dict[str, Callable[[], object]] = {"ours": ours}
    calls["popcounts"] = products.packed_product("ternary x ternary", shape)[0]
    calls |= products.peers(shape)
    del calls["numpy float32"]
    return Case(f"ternary x ternary on tiles {shape} -> {finish}", shape.macs, "MAC", calls)


def network_case(filters: int, batch: int, threads: int = 1) -> Case:
    """The VGG of the ternary papers on tiles, on popcounts and by ONNX Runtime in float32."""
    model = vgg(filters)
    x = np.random.default_rng(0).normal(size=(batch, 3, 32, 32)).astype(np.float32)
    peer = session(model, threads)

    def made() -> tuple[Network, Array]:
        network = te.convert(model)
        return network, network.run(x, threads=threads)

    ours, y = made()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "available", lambda: False)
        plain, same = made()
    if not np.array_equal(y, same):
        raise AssertionError("tiles and popcounts differ")
    calls: dict[str, Callable[[], object]] = {
        "ours": lambda: ours.run(x, threads=threads),
        "popcounts": lambda: plain.run(x, threads=threads),
        "onnxruntime float32": lambda: peer.run(None, {"x": x}),
    }
    return Case(f"VGG f={filters} on tiles batch {batch}", batch, "image", calls, threads=threads)


@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("size", products.SHAPES)
def bench_tiles(size, finish, compare):
    row = compare(product_case(size, finish))
    assert row["ratios"]["onnxruntime float32"] > 8


@pytest.mark.parametrize("batch", [64, 1])
def bench_vgg_on_tiles(batch, compare):
    row = compare(network_case(128, batch))
    assert row["ratios"]["popcounts"] > 1


def main(seconds: float = 1.0) -> None:
    """Print rates and ratios of everything."""
    limit = roof()
    print(f"tile unit: {limit:.0f} GMAC/s")
    cases = [product_case(size, finish) for size in products.SHAPES for finish in FINISHES]
    cases += [network_case(filters, batch) for filters in (128, 16) for batch in (64, 1)]
    for case in cases:
        best = best_seconds(case, seconds)
        scale, unit = (1e9, "GMAC/s") if case.unit == "MAC" else (1, "images/s")
        share = f" ({case.work / best['ours'] / 1e9 / limit:.0%} of limit)"
        print(f"{case.name}: {share if case.unit == 'MAC' else ''}")
        for engine, taken in best.items():
            ratio = "" if engine == "ours" else f"  ours is {taken / best['ours']:.2f} times faster"
            print(f"    {engine:22}{case.work / taken / scale:8.0f} {unit}{ratio}")


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
