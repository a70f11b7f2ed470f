"""What the tests of all ways to compute a layer share: matrix tiles, look-ups, int8 products."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import strategies as st

from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests.runtime.builder import Array, Builder, check

WINDOWS = {
    "1 x 1": Geometry(),
    "3 x 3": Geometry((3, 3), pads=(1, 1, 1, 1)),
    "strided": Geometry((3, 2), strides=(2, 3), pads=(1, 0, 0, 1)),
    "dilated": Geometry((2, 3), dilations=(3, 2), pads=(2, 2, 2, 2)),
    "wide border": Geometry((1, 5), pads=(0, 4, 3, 3)),
}

Off = Callable[[pytest.MonkeyPatch], None]  # switches a way off


def compare(network: Network, x: Array, off: Off, **options: int) -> None:
    """Answers by the oracle, and with the way switched off."""
    check(network, x, **options)
    got = network.run({"x": x}, **options)
    plain = Network(
        inputs=network.inputs, outputs=network.outputs, layers=network.layers, steps=network.steps
    )
    with pytest.MonkeyPatch.context() as patch:
        off(patch)
        expected = plain.run({"x": x}, **options)
    for port in network.outputs:
        np.testing.assert_array_equal(got[port.name], expected[port.name])


def convolution(kind: str, bits: int, window: str, between: tuple[str, int]) -> tuple[Builder, str]:
    """A convolution of any window and one of its results; the value that both give."""
    made = Builder(1, 3, 7, 9)
    sums = made.crossbar(made.encode(kind, bits), 40, WINDOWS[window])
    return made, made.crossbar(made.threshold(sums, *between), 21, WINDOWS["3 x 3"])


def linear(kind: str, bits: int, channels: int) -> tuple[Network, Array]:
    """A convolution with a binary result, and linear layers, one with its outputs behind."""
    made = Builder(2, channels, 4, 5)
    codes = made.threshold(made.crossbar(made.encode(kind, bits), 70, WINDOWS["3 x 3"]), "binary")
    hidden = made.threshold(made.crossbar(codes, 50, output_axis=1), kind, bits)
    return made.network(made.scale(made.crossbar(hidden, 10), "NC")), made.input(33)


def any_layer(
    draw: st.DrawFn, kinds: list[tuple[str, int]], *, groups: int = 1
) -> tuple[Network, Array]:
    """A layer of any geometry, and its input."""
    geometry = Geometry(
        (draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        strides=(draw(st.integers(1, 3)), draw(st.integers(1, 3))),
        pads=tuple(draw(st.integers(0, 2)) for _ in range(4)),
        dilations=(draw(st.integers(1, 2)), draw(st.integers(1, 2))),
        groups=groups,
    )
    kind, bits = draw(st.sampled_from(kinds))
    most = 70 // groups
    made = Builder(
        draw(st.integers(0, 99)), groups * draw(st.integers(1, most)),
        draw(st.integers(5, 8)), draw(st.integers(5, 40)),
    )  # fmt: skip
    sums = made.crossbar(made.encode(kind, bits), groups * draw(st.integers(1, most)), geometry)
    result = draw(st.sampled_from(["ternary", "binary"]))
    network = made.network(made.decode(made.threshold(sums, result)))
    return network, made.input(draw(st.integers(1, 3)))


def small_network(first: tuple[str, int], second: tuple[str, int]) -> tuple[Network, Array]:
    """Three layers, of codes of two kinds and of ternary ones."""
    made = Builder(5, 3, 10, 10)
    codes = made.threshold(made.crossbar(made.encode(*first), 70, WINDOWS["3 x 3"]), *second)
    codes = made.threshold(made.crossbar(codes, 64, WINDOWS["3 x 3"]), "ternary")
    return made.network(made.scale(made.crossbar(codes, 10), "NC")), made.input(60)


def check_threads(network: Network, x: Array) -> None:
    """Many callers at once get what one gets."""
    expected = network.run(x, threads=1)
    with ThreadPoolExecutor(8) as pool:
        for got in pool.map(lambda _: network.run(x, threads=2), range(20)):
            np.testing.assert_array_equal(got, expected)


_SCRIPT = """
import hashlib
from ternary_engine.runtime import {way}
from tests.runtime.ways import small_network
network, x = small_network{codes}
print({way}.available(), hashlib.sha256(network.run(x, threads=1).tobytes()).hexdigest())
"""


def check_switch(way: str, codes: tuple[tuple[str, int], ...], setting: dict[str, str]) -> None:
    """In a process with that setting the way is off, and the answers are the same bits.

    Args:
        way: module of `ternary_engine.runtime`. codes: of `small_network`. setting: environment.
    """

    def result(more: dict[str, str]) -> list[str]:
        made = subprocess.run(
            [sys.executable, "-c", _SCRIPT.format(way=way, codes=codes)],
            env=os.environ | more, capture_output=True, text=True, timeout=300, check=True,
        )  # fmt: skip
        return made.stdout.split()

    (on, bits), (off, same) = result({}), result(setting)
    assert (on, off) == ("True", "False")
    assert bits == same
