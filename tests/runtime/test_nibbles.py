"""Layers by look-up of nibbles: the same bits as on popcounts and by the oracle, in any setting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels.nibbles import are_supported, pay_here
from ternary_engine.layer import Layer
from ternary_engine.runtime import int8, nibbles, tiles
from ternary_engine.steps import Geometry
from tests.runtime import ways
from tests.runtime.builder import Builder
from tests.runtime.ways import WINDOWS

pytestmark = pytest.mark.skipif(not are_supported(), reason="this processor has no AVX2")

KINDS = [
    ("ternary", 1), ("binary", 1), ("unsigned", 1), ("unsigned", 2), ("unsigned", 4),
    ("unsigned", 5), ("unsigned", 8), ("signed", 2), ("signed", 4), ("signed", 9),
]  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "bits"), KINDS)


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups also where they do not pay."""
    _switch(monkeypatch, True)


def _switch(patch: pytest.MonkeyPatch, on: bool) -> None:
    patch.setattr(tiles, "available", lambda: False)
    patch.setattr(int8, "available", lambda: False)
    patch.setattr(nibbles, "available", lambda: on)
    patch.setattr(nibbles.NibbleProduct, "pays", lambda *_: on)


def _off(patch: pytest.MonkeyPatch) -> None:
    _switch(patch, False)


@kinds
@pytest.mark.parametrize("window", WINDOWS)
def test_convolutions(kind: str, bits: int, window: str) -> None:
    made, sums = ways.convolution(kind, bits, window, ("ternary", 1))
    ways.compare(made.network(made.scale(sums)), made.input(3), _off)


@kinds
@pytest.mark.parametrize("channels", [64, 65, 130])
def test_binary_results_and_linear_layers(kind: str, bits: int, channels: int) -> None:
    ways.compare(*ways.linear(kind, bits, channels), _off)


@pytest.mark.parametrize("kind", ["binary", "ternary"])
def test_binary_weights(kind: str) -> None:
    made = Builder(7, 13, 6, 7)
    sums = made.crossbar(made.encode(kind), 33, WINDOWS["3 x 3"], binary=True)
    codes = made.threshold(sums, "binary")
    more = made.crossbar(codes, 70, WINDOWS["dilated"], binary=True)
    ways.compare(made.network(made.scale(more)), made.input(5), _off)


@pytest.mark.parametrize("largest", [4, 40, 121, 300])
def test_weights_of_several_planes(largest: int) -> None:
    made = Builder(3, 5, 6, 6)
    sums = made.crossbar(made.encode("unsigned", 8), 20, WINDOWS["3 x 3"], largest=largest)
    hidden = made.threshold(sums, "signed", 3)
    ways.compare(made.network(made.scale(made.crossbar(hidden, 9), "NC")), made.input(4), _off)


def test_groups_stay_on_popcounts() -> None:
    made = Builder(4, 8, 5, 5)
    grouped = made.crossbar(made.encode("ternary"), 16, Geometry((3, 3), groups=4))
    ways.compare(made.network(made.scale(grouped)), made.input(9), _off)


@pytest.mark.parametrize("inputs", [2000, 4000, 32766, 32767])
def test_sums_that_do_not_fit_sixteen_bits(inputs: int) -> None:
    """Long inputs take smaller digits, or popcounts."""
    made = Builder(8, inputs, 1, 1)
    sums = made.crossbar(made.encode("unsigned", 4), 3)
    layer = made.layers[-1]
    made.layers[-1] = replace(layer, pairs=Layer.pack(np.ones(layer.shape, np.int8)))
    ways.compare(
        made.network(made.scale(sums, "NC")), np.full((2, inputs, 1, 1), 99, np.float32), _off
    )


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_geometry(data: st.DataObject) -> None:
    ways.compare(*ways.any_layer(data.draw, KINDS), _off)


CODES = ("ternary", 1), ("ternary", 1)


def test_many_threads_at_once() -> None:
    ways.check_threads(*ways.small_network(*CODES))


@pytest.mark.skipif(not pay_here(), reason="this processor counts bits of vectors")
@pytest.mark.parametrize(
    "setting", [{nibbles.SWITCH: "0"}, {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+ssse3"}]
)
def test_switched_off_or_another_processor(setting: dict[str, str]) -> None:
    ways.check_switch("nibbles", CODES, setting)
