"""Packed files are small, and quick to load."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ternary_engine import storage
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder


def _large() -> Network:
    """1.2 million ternary weights in four layers."""
    made = Builder(2, 128, 8, 8)
    codes = made.encode("ternary")
    padded = Geometry((3, 3), pads=(1, 1, 1, 1))
    for outputs in (256, 256):
        codes = made.threshold(made.crossbar(codes, outputs, padded), "ternary")
    pooled = made.pool(codes, Geometry((4, 4), (4, 4)))
    codes = made.threshold(made.crossbar(pooled, 300), "binary")
    return made.network(made.scale(made.crossbar(codes, 10), "NC"))


def test_two_bits_a_weight(tmp_path: Path) -> None:
    network = _large()
    network.save(tmp_path / "large")
    cells = sum(layer.cells for layer in network.layers)
    assert cells > 1_000_000
    assert cells / 4 <= os.path.getsize(tmp_path / "large") <= 1.05 * cells / 4


@pytest.mark.parametrize("inputs", [784, 785, 787])
def test_padding_of_just_over_a_hundred_thousand_weights(tmp_path: Path, inputs: int) -> None:
    made = Builder(3, inputs)
    codes = made.threshold(made.crossbar(made.encode("ternary", one=True), 128), "ternary")
    network = made.network(made.scale(made.crossbar(codes, 10), "NC"))
    network.save(tmp_path / "net")
    layers = storage.load(tmp_path / "net").layers
    cells = sum(layer.cells for layer in layers)
    assert cells > 100_000
    stored = sum(layer.pairs.nbytes for layer in layers if layer.pairs is not None)
    assert cells / 4 <= stored <= 1.05 * cells / 4
    # The rest: steps, names, and eight bytes of thresholds for each of the 128 outputs.
    assert os.path.getsize(tmp_path / "net") - stored < 6 * 1024


def test_loading_is_quicker_than_saving(tmp_path: Path) -> None:
    """It hashes and maps; it neither packs nor copies."""
    network, path = _large(), tmp_path / "large"

    def best(call: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            before = time.perf_counter()
            call()
            times.append(time.perf_counter() - before)
        return min(times)

    def repack() -> None:
        for layer in network.layers:
            assert layer.weights is not None
            Layer.pack(layer.weights)
        network.save(path)

    assert best(repack) > best(lambda: storage.load(path))
