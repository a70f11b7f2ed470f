"""What the probes compute: that they issue what they say can be seen in their results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from ternary_engine.kernels import nibbles, probes
from tests.kernels.operands import JIT

STEPS = 3
Words = npt.NDArray[np.uint64]
Update = Callable[[Words, Words, Words], Words]


def _words() -> Words:
    return np.random.default_rng(2).integers(0, 2**63, probes.ROOM, np.uint64)


def _popcount(x: Words) -> Words:
    return np.bitwise_count(x).astype(np.uint64)


UPDATES: dict[str, Update] = {
    "popcounts": lambda x, y, s: _popcount(x),
    "logic_and_adds": lambda x, y, s: (x ^ y) + y,
    "masked": lambda x, y, s: x + _popcount((s ^ x) & y),
    "plain": lambda x, y, s: x + _popcount(s ^ x),
}


@pytest.mark.parametrize("count", [4, 8])
@pytest.mark.parametrize("name", UPDATES)
def test_words_that_depend_on_themselves(name: str, count: int) -> None:
    words = _words()
    x, y, s = words[: 8 * count].reshape(count, 8).copy(), words[64:72], words[72:80]
    expected = x
    for _ in range(STEPS):
        expected = UPDATES[name](expected, y, s)
    getattr(probes, f"{name}_of_{count}")(words, STEPS)
    np.testing.assert_array_equal(words[:8], expected.sum(axis=0, dtype=np.uint64))


@pytest.mark.parametrize("count", [2, 8])
def test_gated(count: int) -> None:
    words = _words()
    n = words[: 8 * count].reshape(count, 8).copy()
    g, m, s = n, words[64:72].copy(), words[72:80].copy()
    for _ in range(STEPS):
        t = m & n
        n, g = n + _popcount(t), g + _popcount(t & (s ^ g))
    getattr(probes, f"gated_of_{count}")(words, STEPS)
    np.testing.assert_array_equal(words[:8], n.sum(axis=0, dtype=np.uint64))
    np.testing.assert_array_equal(words[8:16], g.sum(axis=0, dtype=np.uint64))


@pytest.mark.parametrize("count", [4, 8])
def test_loads(count: int) -> None:
    words = _words()
    read = words[: 8 * count * STEPS].reshape(STEPS, count, 8)
    expected = np.bitwise_xor.reduce(words[: 8 * count].reshape(count, 8), axis=0)
    expected = expected ^ np.bitwise_xor.reduce(read.reshape(-1, 8), axis=0)
    getattr(probes, f"loads_of_{count}")(words, STEPS)
    np.testing.assert_array_equal(words[:8], expected)


def test_look_ups() -> None:
    if JIT and not nibbles.are_supported():
        pytest.skip("look-ups are instructions of AVX2")
    words = _words()
    x, n = words[:32].copy().view(np.uint8).reshape(4, 4, 16), words[64:72].copy().view(np.uint8)
    places = (n & 15).reshape(1, 4, 16).astype(np.int64)
    for _ in range(STEPS):
        x = x + np.take_along_axis(x, np.repeat(places, 4, axis=0), axis=2)
    probes.look_ups_of_4(words, STEPS)
    expected = np.bitwise_xor.reduce(x.reshape(4, 64), axis=0).view(np.uint64)
    np.testing.assert_array_equal(words[:8], expected)


def test_int8_products() -> None:
    if JIT and not nibbles.are_supported():
        pytest.skip("products of bytes are instructions of AVX2")
    words = _words()
    x, w = words[:48].copy().view(np.uint16), words[64:72].copy().view(np.int8).astype(np.int64)
    for _ in range(STEPS):
        products = x.view(np.uint8).astype(np.int64).reshape(6, 64) * w
        pairs = products.reshape(-1, 2).sum(axis=1).clip(-(1 << 15), (1 << 15) - 1)
        x = x + pairs.astype(np.uint16)
    probes.int8_products_of_6(words, STEPS)
    expected = np.bitwise_xor.reduce(x.view(np.uint64).reshape(6, 8), axis=0)
    np.testing.assert_array_equal(words[:8], expected)


def test_stream_reads_everything_once() -> None:
    words = _words()
    steps = words.size // probes.STREAMED
    expected = np.bitwise_xor.reduce(words.reshape(-1, 8), axis=0)
    expected = expected ^ np.bitwise_xor.reduce(words[:32].reshape(-1, 8), axis=0)
    probes.stream(words, steps)
    np.testing.assert_array_equal(words[:8], expected)


@pytest.mark.skipif(not JIT, reason="rates of compiled code")
def test_rates() -> None:
    from ternary_engine.benchmark import roofline

    rates = roofline.measure(["popcount", "plain", "no such limit"], rounds=2)
    assert set(rates) == {"popcount", "plain"}
    assert min(rates.values()) > 0
    assert set(rates) <= set(roofline.MEANINGS)
