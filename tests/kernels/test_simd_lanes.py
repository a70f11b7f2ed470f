"""The SIMD word: what is done to lanes and numbers, compiled, against its own Python bodies."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.kernels.bytes import put
from ternary_engine.kernels.simd import (
    LANES,
    add64,
    at_least,
    choose_at_least,
    floats_at_least,
    gather,
    high64,
    lane,
    lane_numbers,
    load,
    lowest_bit,
    multiply64,
    popcount,
    popcount64,
    shift_left,
    shift_right,
    store,
)
from tests.kernels.compiled import EDGES, both, words


def test_of_popcount() -> None:
    def function(a, out):
        store(out, 0, popcount(load(a, 0)))

    a, out = words(12), np.zeros(LANES, np.uint64)
    both(function, a, out)
    function(a, out)
    assert out.tolist() == [int(lane).bit_count() for lane in a[:LANES]]


def test_of_at_least() -> None:
    def function(a, i, b, j):
        return at_least(load(a, i), load(b, j))

    a, b = words(13), words(14)
    for i in (0, 8, 24):
        for j in (0, 8, 24):
            both(function, a, i, b, j)
            signed = zip(a.view(np.int64)[i : i + 8], b.view(np.int64)[j : j + 8], strict=True)
            assert function(a, i, b, j) == sum(int(x >= y) << k for k, (x, y) in enumerate(signed))
    assert function(a, 0, a, 0) == 0xFF


@pytest.mark.parametrize("threshold", [0.0, 1.5, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("index", [0, 3])
def test_of_choose_at_least(threshold: float, index: int) -> None:
    def function(a, index, threshold, b, out):
        store(out, 0, choose_at_least(a, index, threshold, load(b, 0), load(b, 8)))

    a = np.array([np.nan, 1.5, np.inf, -np.inf, 0, -0.0, 1e-45, 1.4999999, 2, -1, 3], np.float32)
    b, out = words(30), np.zeros(LANES, np.uint64)
    both(function, a, index, np.float32(threshold), b, out)
    function(a, index, np.float32(threshold), b, out)
    reached = [float(x) >= threshold for x in a[index : index + LANES]]
    assert out.tolist() == [int(b[i] if yes else b[8 + i]) for i, yes in enumerate(reached)]


@pytest.mark.parametrize("bits", [0, 1, 31, 32, 63])
def test_of_shift_right(bits: int) -> None:
    def function(a, bits, out):
        store(out, 0, shift_right(load(a, 0), bits))

    both(function, words(21), bits, words(22))
    assert shift_right(words(21), bits).tolist() == [int(x) >> bits for x in words(21)]


@pytest.mark.parametrize("bits", [0, 1, 31, 32, 63])
def test_of_shift_left(bits: int) -> None:
    def function(a, bits, out):
        store(out, 0, shift_left(load(a, 0), bits))

    both(function, words(23), bits, words(24))
    expected = [(int(x) << bits) % 2**64 for x in words(23)]
    assert shift_left(words(23), bits).tolist() == expected


def test_of_gather() -> None:
    def function(table, indices, out):
        store(out, 0, gather(table, load(indices, 0)))

    indices = np.array([31, 0, 7, 7, 1, 30, 16, 0], np.uint64)
    both(function, words(25), indices, words(26))
    np.testing.assert_array_equal(gather(words(25), indices), words(25)[indices.astype(int)])


def test_of_lane_numbers() -> None:
    def function(out):
        store(out, 0, lane_numbers())

    both(function, words(27))
    assert lane_numbers().tolist() == list(range(LANES))


@pytest.mark.parametrize("value", EDGES)
def test_of_popcount64(value: int) -> None:
    assert popcount64(np.uint64(value)) == value.bit_count()


@pytest.mark.parametrize("value", [edge for edge in EDGES if edge])
def test_of_lowest_bit(value: int) -> None:
    assert lowest_bit(np.uint64(value)) == (value & -value).bit_length() - 1


@pytest.mark.parametrize("left", EDGES[:5])
@pytest.mark.parametrize("right", EDGES[2:7])
def test_of_add64(left: int, right: int) -> None:
    assert add64(left, right) == (left + right) % 2**64


@pytest.mark.parametrize("left", EDGES[:5])
@pytest.mark.parametrize("right", EDGES[2:8])
def test_of_multiply64(left: int, right: int) -> None:
    assert multiply64(left, right) == left * right % 2**64


@pytest.mark.parametrize("left", EDGES)
@pytest.mark.parametrize("right", EDGES)
def test_of_high64(left: int, right: int) -> None:
    assert high64(left, right) == left * right >> 64


def test_numbers_when_compiled() -> None:
    def function(numbers, out):
        for i in range(numbers.size):
            out[i, i, 4] = popcount64(numbers[i])
            out[i, i, 5] = lowest_bit(numbers[i] | np.uint64(1 << 63))
            for j in range(numbers.size):
                out[i, j, 0] = add64(numbers[i], numbers[j])
                out[i, j, 1] = multiply64(numbers[i], numbers[j])
                out[i, j, 2] = add64(numbers[i], i)
                out[i, j, 3] = multiply64(j, numbers[i])
                out[i, j, 6] = np.uint64(high64(numbers[i], numbers[j]))
                put(out.reshape(-1), (i * numbers.size + j) * 8 + 7, i - j)

    both(function, np.array(EDGES, np.uint64), np.zeros((8, 8, 8), np.uint64))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.int64, np.uint64])
def test_put_keeps_the_lower_bits(dtype: type) -> None:
    """What does not fit loses its upper bits, as compiled stores do."""

    def function(values, out):
        for i in range(values.size):
            put(out, i, values[i])

    both(function, np.array([0, 1, -1, 127, -128, 2**31, -(2**40)]), np.zeros(7, dtype))


def test_of_floats_at_least() -> None:
    def function(a, i, b, j):
        return floats_at_least(a, i, b, j)

    inf, nan = np.inf, np.nan
    a = np.array([nan, 1, inf, -inf, 0, -0.0, 1e-45, 1.5] * 4, np.float32)
    b = np.array(
        [0, nan, inf, -inf, -0.0, 0, 0, np.nextafter(np.float32(1.5), np.float32(2))] * 4,
        np.float32,
    )
    for i, j in ((0, 0), (3, 3), (16, 5)):
        both(function, a, i, b, j)
    assert function(a, 0, b, 0) == 0b0111_1100_0111_1100


def test_of_lane() -> None:
    def function(a, index):
        return lane(load(a, 0), index)

    for index in range(LANES):
        both(function, words(15), index)
        assert function(words(15), index) == words(15)[index]
