"""Words of int32 and of bytes: compiled, against their own Python bodies and the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ternary_engine.kernels.integers import (
    add_ints,
    add_neighbours,
    any_ints_equal,
    bytes_with,
    gather_ints,
    ints_at_least,
    load_ints,
    multiply_bytes,
    multiply_ints,
    select_ints_below,
    shift_ints_left,
    shift_ints_right,
    splat_ints,
    spread_four,
    store_ints,
    subtract_ints,
)
from ternary_engine.kernels.nibbles import are_supported
from ternary_engine.kernels.simd import LANES, load, store
from tests.kernels.compiled import both, words
from tests.kernels.operands import JIT

Array = np.ndarray[Any, Any]

on_x86 = pytest.mark.skipif(JIT and not are_supported(), reason="an instruction of AVX2")


def _result(function: Callable[..., Any], *arguments: Any) -> Array:
    """What a function stores in its last argument, by both ways to run it."""
    out = np.zeros(LANES, np.uint64)
    both(function, *arguments, out)
    function(*arguments, out)
    return out


def _add(a, b, out):
    store(out, 0, add_ints(load(a, 0), load(b, 0)))


def _subtract(a, b, out):
    store(out, 0, subtract_ints(load(a, 0), load(b, 0)))


def _multiply(a, b, out):
    store(out, 0, multiply_ints(load(a, 0), load(b, 0)))


@pytest.mark.parametrize(
    ("function", "right"), [(_add, np.add), (_subtract, np.subtract), (_multiply, np.multiply)]
)
def test_arithmetic_wraps(function: Callable[..., Any], right: Callable[..., Array]) -> None:
    a, b = words(1), words(2)
    expected = right(a[:LANES].view(np.uint32), b[:LANES].view(np.uint32))
    np.testing.assert_array_equal(_result(function, a, b).view(np.uint32), expected)


@pytest.mark.parametrize("bits", [0, 1, 8, 31])
def test_shifts_bring_zeros_in(bits: int) -> None:
    def left(a, bits, out):
        store(out, 0, shift_ints_left(load(a, 0), bits))

    def right(a, bits, out):
        store(out, 0, shift_ints_right(load(a, 0), bits))

    a = words(3)
    ints = a[:LANES].view(np.uint32)
    np.testing.assert_array_equal(_result(left, a, bits).view(np.uint32), ints << np.uint32(bits))
    np.testing.assert_array_equal(_result(right, a, bits).view(np.uint32), ints >> np.uint32(bits))


@pytest.mark.parametrize("value", [0, 1, -1, 2**31 - 1, -(2**31)])
def test_splat(value: int) -> None:
    def function(value, out):
        store(out, 0, splat_ints(value))

    assert (_result(function, value).view(np.int32) == value).all()


def test_memory() -> None:
    def function(a, i, out, j):
        store_ints(out, j, load_ints(a, i))

    a = words(4).view(np.int32)
    for i, j in ((0, 0), (1, 3), (7, 5)):
        out = np.zeros(24, np.int32)
        both(function, a, i, out, j)
        function(a, i, out, j)
        np.testing.assert_array_equal(out[j : j + 16], a[i : i + 16])
        assert not out[:j].any()
        assert not out[j + 16 :].any()


def test_gathering() -> None:
    def function(a, indices, out):
        store(out, 0, gather_ints(a, load(indices, 0)))

    a = words(5).view(np.int32)
    indices = np.random.default_rng(6).permutation(a.size)[:16].astype(np.int32)
    found = _result(function, a, indices.view(np.uint64)).view(np.int32)
    np.testing.assert_array_equal(found, a[indices])


def test_comparisons_are_signed() -> None:
    def reached(a, b):
        return ints_at_least(load(a, 0), load(b, 0))

    def selected(a, b, out):
        store(out, 0, select_ints_below(load(a, 0), load(b, 0), load(a, 8), load(b, 8)))

    def equal(a, b):
        return any_ints_equal(load(a, 0), load(b, 0))

    a, b = words(7), words(8)
    left, right = a.view(np.int32), b.view(np.int32)
    left[:3], right[:3] = [5, -5, 2**31 - 1], [5, 5, -(2**31)]
    both(reached, a, b)
    expected = sum(int(x >= y) << i for i, (x, y) in enumerate(zip(left, right, strict=True)))
    assert reached(a, b) == expected & 0xFFFF
    chosen = np.where(left[:16] < right[:16], left[16:32], right[16:32])
    np.testing.assert_array_equal(_result(selected, a, b).view(np.int32), chosen)
    both(equal, a, b)
    assert equal(a, b)
    right[0] = 6
    both(equal, a, b)
    assert equal(a, b) == (left[:16] == right[:16]).any()


def test_bytes_with_any_of_some_bits() -> None:
    def function(a, b, out):
        store(out, 0, bytes_with(load(a, 0), load(b, 0)))

    a, b = words(9), words(10)
    a.view(np.uint8)[:4], b.view(np.uint8)[:4] = [0, 255, 128, 7], [255, 0, 128, 8]
    found = _result(function, a, b).view(np.uint8)
    expected = (a.view(np.uint8)[:64] & b.view(np.uint8)[:64]) != 0
    np.testing.assert_array_equal(found, expected * np.uint8(255))


@on_x86
def test_four_bytes_spread_from_anywhere() -> None:
    def function(a, i, out):
        store(out, 0, spread_four(a, i))

    a = words(11).view(np.uint8)
    for i in (0, 1, 2, 3, 17):
        found = _result(function, a, i).view(np.uint8)
        np.testing.assert_array_equal(found, np.tile(a[i : i + 4], 16))


@on_x86
def test_products_of_bytes_are_cut_off_at_the_ends() -> None:
    def function(a, b, out):
        store(out, 0, multiply_bytes(load(a, 0), load(b, 0)))

    a, b = words(12), words(13)
    a.view(np.uint8)[:6], b.view(np.int8)[:6] = (
        [255, 255, 255, 255, 0, 255],
        [127, 127, -128, -128, 1, -1],
    )
    codes, weights = a.view(np.uint8)[:64].astype(int), b.view(np.int8)[:64].astype(int)
    pairs = (codes * weights).reshape(32, 2).sum(axis=1)
    assert pairs[0] > 32767
    assert pairs[1] < -32768
    found = _result(function, a, b).view(np.int16)
    np.testing.assert_array_equal(found, pairs.clip(-32768, 32767))


@on_x86
def test_neighbours_are_added_as_int32() -> None:
    def function(a, out):
        store(out, 0, add_neighbours(load(a, 0)))

    a = words(14)
    a.view(np.int16)[:4] = [32767, 32767, -32768, -32768]
    found = _result(function, a).view(np.int32)
    pairs = a.view(np.int16)[:32].astype(int).reshape(16, 2).sum(axis=1)
    np.testing.assert_array_equal(found, pairs)
