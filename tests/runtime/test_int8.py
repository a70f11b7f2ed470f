"""Layers by int8 products: the same bits as on planes and by the oracle, in any setting."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels.nibbles import are_supported, pay_here
from ternary_engine.network import Network
from ternary_engine.runtime import int8, nibbles, tiles
from ternary_engine.steps import Geometry
from tests.runtime.builder import Array, Builder, check

pytestmark = pytest.mark.skipif(not are_supported(), reason="this processor has no AVX2")

KINDS = [
    ("unsigned", 1), ("unsigned", 3), ("unsigned", 5), ("unsigned", 8), ("signed", 2),
    ("signed", 4), ("signed", 8), ("signed", 9), ("ternary", 1), ("binary", 1),
]  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "bits"), KINDS)

WINDOWS = {
    "1 x 1": Geometry(),
    "3 x 3": Geometry((3, 3), pads=(1, 1, 1, 1)),
    "strided": Geometry((3, 2), strides=(2, 3), pads=(1, 0, 0, 1)),
    "dilated": Geometry((2, 3), dilations=(3, 2), pads=(2, 2, 2, 2)),
    "wide border": Geometry((1, 5), pads=(0, 4, 3, 3)),
}


@pytest.fixture(autouse=True)
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Int8 products also where they do not pay."""
    _switch(monkeypatch, True)


def _switch(patch: pytest.MonkeyPatch, on: bool) -> None:
    patch.setattr(tiles, "available", lambda: False)
    patch.setattr(int8, "available", lambda: on)
    patch.setattr(int8, "pay_here", lambda: True)  # grouped layers of ternary codes, too
    patch.setattr(int8.Int8Product, "pays", lambda *_: on)


def _compare(network: Network, x: Array, **options: int) -> None:
    """By the oracle, and on planes."""
    check(network, x, **options)
    got = network.run({"x": x}, **options)
    plain = Network(
        inputs=network.inputs, outputs=network.outputs, layers=network.layers, steps=network.steps
    )
    with pytest.MonkeyPatch.context() as patch:
        _switch(patch, False)
        expected = plain.run({"x": x}, **options)
    for port in network.outputs:
        np.testing.assert_array_equal(got[port.name], expected[port.name])


@kinds
@pytest.mark.parametrize("window", WINDOWS)
def test_convolutions(kind: str, bits: int, window: str) -> None:
    made = Builder(1, 3, 7, 9)
    sums = made.crossbar(made.encode(kind, bits), 40, WINDOWS[window])
    more = made.crossbar(made.threshold(sums, "unsigned", 4), 21, WINDOWS["3 x 3"])
    _compare(made.network(made.scale(more)), made.input(3))


@kinds
@pytest.mark.parametrize("channels", [64, 65, 130])
def test_binary_results_and_linear_layers(kind: str, bits: int, channels: int) -> None:
    made = Builder(2, channels, 4, 5)
    codes = made.threshold(made.crossbar(made.encode(kind, bits), 70, WINDOWS["3 x 3"]), "binary")
    hidden = made.threshold(made.crossbar(codes, 50, output_axis=1), kind, bits)
    _compare(made.network(made.scale(made.crossbar(hidden, 10), "NC")), made.input(33))


@pytest.mark.parametrize("largest", [4, 40, 121, 127, 128, 300])
def test_weights_of_several_planes(largest: int) -> None:
    made = Builder(3, 5, 6, 6)
    sums = made.crossbar(made.encode("unsigned", 7), 20, WINDOWS["3 x 3"], largest=largest)
    hidden = made.threshold(sums, "signed", 3)
    _compare(made.network(made.scale(made.crossbar(hidden, 9), "NC")), made.input(4))


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
    _compare(made.network(made.decode(made.threshold(grouped, "ternary"))), made.input(3))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_any_geometry(data: st.DataObject) -> None:
    draw = data.draw
    groups = draw(st.integers(1, 3))
    geometry = Geometry(
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilations=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        groups=groups,
    )
    kind, bits = draw(st.sampled_from(KINDS))
    made = Builder(
        draw(st.integers(0, 99)), groups * draw(st.integers(1, 30)),
        draw(st.integers(5, 8)), draw(st.integers(5, 40)),
    )  # fmt: skip
    sums = made.crossbar(made.encode(kind, bits), groups * draw(st.integers(1, 30)), geometry)
    result = draw(st.sampled_from(["ternary", "binary"]))
    network = made.network(made.decode(made.threshold(sums, result)))
    _compare(network, made.input(draw(st.integers(1, 3))))


def _network() -> tuple[Network, Array]:
    made = Builder(5, 3, 10, 10)
    codes = made.threshold(
        made.crossbar(made.encode("unsigned", 8), 40, WINDOWS["3 x 3"]), "signed", 5
    )
    codes = made.threshold(made.crossbar(codes, 64, WINDOWS["3 x 3"]), "ternary")
    return made.network(made.scale(made.crossbar(codes, 10), "NC")), made.input(60)


def test_many_threads_at_once() -> None:
    network, x = _network()
    expected = network.run(x, threads=1)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: network.run(x, threads=2), range(20)):
            np.testing.assert_array_equal(got, expected)


SCRIPT = """
import hashlib
from ternary_engine.runtime import int8
from tests.runtime.test_int8 import _network
network, x = _network()
print(int8.available(), hashlib.sha256(network.run(x, threads=1).tobytes()).hexdigest())
"""


@pytest.mark.skipif(not pay_here(), reason="this processor counts bits of vectors")
@pytest.mark.parametrize(
    "setting", [{int8.SWITCH: "0"}, {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": "+ssse3"}]
)
def test_switched_off_or_another_processor(setting: dict[str, str]) -> None:
    def result(more: dict[str, str]) -> list[str]:
        made = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | more, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        return made.stdout.split()

    (on, bits), (off, same) = result({}), result(setting)
    assert (on, off) == ("True", "False")
    assert bits == same


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
    ways = (int8.Int8Product, nibbles.NibbleProduct)
    called: list[str] = []
    for way in ways:

        def watched(self: object, *_: object, name: str = way.__module__, **__: object) -> None:
            called.append(name.rpartition(".")[2])

        monkeypatch.setattr(way, "__call__", watched)
    network.run({"x": made.input(1)})
    assert called == [wanted] if wanted != "popcounts" else not called
