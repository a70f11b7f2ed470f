"""Layers by int8 products: the same bits as on planes and by the oracle, in any setting."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels.nibbles import are_supported, pay_here
from ternary_engine.runtime import int8, nibbles, tiles
from ternary_engine.steps import Geometry
from tests.runtime import ways
from tests.runtime.builder import Builder
from tests.runtime.ways import WINDOWS

pytestmark = pytest.mark.skipif(not are_supported(), reason="this processor has no AVX2")

KINDS = [
    ("unsigned", 1), ("unsigned", 3), ("unsigned", 5), ("unsigned", 8), ("signed", 2),
    ("signed", 4), ("signed", 8), ("signed", 9), ("ternary", 1), ("binary", 1),
]  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "bits"), KINDS)


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Int8 products also where they do not pay."""
    _switch(monkeypatch, True)


def _switch(patch: pytest.MonkeyPatch, on: bool) -> None:
    patch.setattr(tiles, "available", lambda: False)
    patch.setattr(int8, "available", lambda: on)
    patch.setattr(int8, "pay_here", lambda: True)  # grouped layers of ternary codes, too
    patch.setattr(int8.Int8Product, "pays", lambda *_: on)


def _off(patch: pytest.MonkeyPatch) -> None:
    _switch(patch, False)


@kinds
@pytest.mark.parametrize("window", WINDOWS)
def test_convolutions(kind: str, bits: int, window: str) -> None:
    made, sums = ways.convolution(kind, bits, window, ("unsigned", 4))
    ways.compare(made.network(made.scale(sums)), made.input(3), _off)


@kinds
@pytest.mark.parametrize("channels", [64, 65, 130])
def test_binary_results_and_linear_layers(kind: str, bits: int, channels: int) -> None:
    ways.compare(*ways.linear(kind, bits, channels), _off)


@pytest.mark.parametrize("largest", [4, 40, 121, 127, 128, 300])
def test_weights_of_several_planes(largest: int) -> None:
    made = Builder(3, 5, 6, 6)
    sums = made.crossbar(made.encode("unsigned", 7), 20, WINDOWS["3 x 3"], largest=largest)
    hidden = made.threshold(sums, "signed", 3)
    ways.compare(made.network(made.scale(made.crossbar(hidden, 9), "NC")), made.input(4), _off)


@kinds
@pytest.mark.parametrize(
    ("channels", "outputs", "groups"), [(8, 16, 4), (64, 64, 2), (128, 128, 4), (12, 6, 3)]
)
@pytest.mark.parametrize("window", ["3 x 3", "dilated"])
def test_groups(
    kind: str, bits: int, channels: int, outputs: int, groups: int, window: str
) -> None:
    made = Builder(4, channels, 5, 6)
    geometry = WINDOWS[window]
    shape = Geometry(
        geometry.kernel, pads=geometry.pads, dilations=geometry.dilations, groups=groups
    )
    grouped = made.crossbar(made.encode(kind, bits), outputs, shape)
    ways.compare(made.network(made.decode(made.threshold(grouped, "ternary"))), made.input(3), _off)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_geometry(data: st.DataObject) -> None:
    groups = data.draw(st.integers(1, 3))
    ways.compare(*ways.any_layer(data.draw, KINDS, groups=groups), _off)


CODES = ("unsigned", 8), ("signed", 5)


def test_many_threads_at_once() -> None:
    ways.check_threads(*ways.small_network(*CODES))


@pytest.mark.skipif(not pay_here(), reason="this processor counts bits of vectors")
@pytest.mark.parametrize(
    "setting", [{int8.SWITCH: "0"}, {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+ssse3"}]
)
def test_switched_off_or_another_processor(setting: dict[str, str]) -> None:
    ways.check_switch("int8", CODES, setting)


@pytest.mark.skipif(not pay_here(), reason="this processor counts bits of vectors")
@pytest.mark.parametrize(
    ("kind", "bits", "channels", "outputs", "size", "groups", "wanted"),
    [
        ("unsigned", 8, 3, 128, 32, 1, "int8"),  # images
        ("unsigned", 8, 1, 32, 16, 1, "int8"),
        ("signed", 6, 64, 64, 16, 1, "int8"),
        ("unsigned", 2, 64, 64, 16, 1, "nibbles"),
        ("ternary", 1, 16, 16, 32, 1, "int8"),  # half a panel of look-ups would be empty
        ("ternary", 1, 128, 128, 16, 1, "nibbles"),
        ("ternary", 1, 128, 128, 16, 4, "int8"),
        ("ternary", 1, 1024, 1024, 1, 1, "popcounts"),  # whose weights are the smallest
    ],
)
def test_the_way_of_a_layer(
    kind: str,
    bits: int,
    channels: int,
    outputs: int,
    size: int,
    groups: int,
    wanted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    if not (int8.available() and nibbles.available()):
        pytest.skip("switched off")
    made = Builder(6, channels, size, size)
    kernel = (1, 1) if size == 1 else (3, 3)
    pads = (kernel[0] // 2,) * 4
    sums = made.crossbar(
        made.encode(kind, bits), outputs, Geometry(kernel, pads=pads, groups=groups)
    )
    network = made.network(made.scale(sums))
    called: list[str] = []
    for way in (int8.Int8Product, nibbles.NibbleProduct):

        def watched(self: object, *_: object, name: str = way.__module__, **__: object) -> None:
            called.append(name.rpartition(".")[2])

        monkeypatch.setattr(way, "__call__", watched)
    network.run({"x": made.input(1)})
    assert called == [wanted] if wanted != "popcounts" else not called
