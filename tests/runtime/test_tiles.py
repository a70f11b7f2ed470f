"""Layers on matrix tiles: the same bits as on popcounts and by the oracle, in every setting."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.runtime import tiles
from ternary_engine.steps import Geometry
from tests.runtime import ways
from tests.runtime.builder import Builder
from tests.runtime.ways import WINDOWS

pytestmark = pytest.mark.skipif(
    not tiles.available(), reason="no matrix tiles here (Intel AMX), or switched off"
)

KINDS = [
    ("ternary", 1), ("binary", 1), ("unsigned", 1), ("unsigned", 2), ("unsigned", 4),
    ("unsigned", 8), ("signed", 2), ("signed", 8), ("signed", 9),
]  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "bits"), KINDS)


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles also where they do not pay."""
    monkeypatch.setattr(tiles.TileProduct, "pays", lambda *_: True)


def _off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(tiles, "available", lambda: False)


@kinds
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.usefixtures("everywhere")
def test_convolutions(kind: str, bits: int, window: str) -> None:
    made, sums = ways.convolution(kind, bits, window, ("ternary", 1))
    ways.compare(made.network(made.scale(sums)), made.input(3), _off)


@kinds
@pytest.mark.parametrize("channels", [64, 65, 130])
@pytest.mark.usefixtures("everywhere")
def test_binary_results_and_linear_layers(kind: str, bits: int, channels: int) -> None:
    ways.compare(*ways.linear(kind, bits, channels), _off)


@pytest.mark.parametrize("largest", [4, 40, 121])
@pytest.mark.usefixtures("everywhere")
def test_weights_of_several_planes_are_one_product(largest: int) -> None:
    made = Builder(3, 5, 6, 6)
    codes = made.encode("unsigned", 8)
    sums = made.crossbar(codes, 20, WINDOWS["3 x 3"], largest=largest)
    hidden = made.threshold(sums, "signed", 3)
    ways.compare(made.network(made.scale(made.crossbar(hidden, 9), "NC")), made.input(4), _off)


@pytest.mark.usefixtures("everywhere")
def test_weights_beyond_eight_bits_and_groups_stay_on_popcounts() -> None:
    made = Builder(4, 8, 5, 5)
    sums = made.crossbar(made.encode("ternary"), 6, largest=300)
    grouped = made.crossbar(made.encode("ternary"), 16, Geometry((3, 3), groups=4))
    ways.compare(made.network(made.scale(sums, "NC"), made.scale(grouped)), made.input(9), _off)


def test_tiles_are_used_where_they_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def spy(self: tiles.TileProduct, *_: object) -> None:
        calls.append(self.step.target)
        run(self, *_)

    run = tiles.TileProduct.__call__
    monkeypatch.setattr(tiles.TileProduct, "__call__", spy)
    made = Builder(6, 64, 12, 12)
    large = made.crossbar(made.encode("ternary"), 64, WINDOWS["3 x 3"])
    small = made.crossbar(made.threshold(large, "ternary"), 10)
    ways.compare(made.network(made.scale(small, "NC")), made.input(4), _off)
    assert set(calls) == {large}


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_geometry(data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.TileProduct, "pays", lambda *_: True)
        ways.compare(*ways.any_layer(data.draw, KINDS), _off)


CODES = ("ternary", 1), ("ternary", 1)


@pytest.mark.usefixtures("everywhere")
def test_many_threads_at_once() -> None:
    ways.check_threads(*ways.small_network(*CODES))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.usefixtures("everywhere")
def test_a_forked_child_has_tiles_too() -> None:
    network, x = ways.small_network(*CODES)
    expected = network.run(x, threads=1)
    child = os.fork()
    if child == 0:
        os._exit(0 if np.array_equal(network.run(x, threads=1), expected) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize(
    "setting", [{tiles.SWITCH: "0"}, {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2"}]
)
def test_switched_off_or_another_processor(setting: dict[str, str]) -> None:
    ways.check_switch("tiles", CODES, setting)
