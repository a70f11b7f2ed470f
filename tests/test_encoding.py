"""Device-pair states and balanced-ternary digits."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ternary_engine.encoding import (
    check_pairs,
    from_trit_planes,
    has_zero,
    pack_trits,
    to_trit_planes,
    unpack_trits,
)
from ternary_engine.exceptions import FormatError

trits = st.lists(st.integers(-1, 1), max_size=70).map(lambda t: np.array(t, np.int8))


def test_states_by_hand() -> None:
    """+1 is LRS/HRS (01), 0 is HRS/HRS (00), -1 is HRS/LRS (10); first pair lowest."""
    assert pack_trits(np.array([1, 0, -1, 1], np.int8)).tolist() == [0b01_10_00_01]
    assert pack_trits(np.array([-1, -1, -1, -1, 1], np.int8)).tolist() == [0xAA, 0x01]
    assert pack_trits(np.zeros(0, np.int8)).tolist() == []


def test_every_byte() -> None:
    valid = {}
    for four in itertools.product([-1, 0, 1], repeat=4):
        (byte,) = pack_trits(np.array(four, np.int8))
        valid[int(byte)] = four
    assert len(valid) == 81
    for byte in range(256):
        packed = np.array([byte], np.uint8)
        if byte in valid:
            assert tuple(unpack_trits(packed, (4,)).tolist()) == valid[byte]
        else:
            with pytest.raises(FormatError, match="LRS/LRS"):
                unpack_trits(packed, (4,))


@given(trits)
def test_round_trip(given_trits: npt.NDArray[np.int8]) -> None:
    packed = pack_trits(given_trits)
    assert packed.dtype == np.uint8
    assert packed.size == -(-given_trits.size // 4)
    np.testing.assert_array_equal(unpack_trits(packed, given_trits.shape), given_trits)


@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 3, 3, 3), (4, 0, 2)])
def test_shapes(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).integers(-1, 2, shape, np.int8)
    unpacked = unpack_trits(pack_trits(values), shape)
    assert unpacked.shape == shape
    assert unpacked.dtype == np.int8
    np.testing.assert_array_equal(unpacked, values)


def test_memory_order_does_not_matter() -> None:
    values = np.random.default_rng(2).integers(-1, 2, (5, 7), np.int8)
    np.testing.assert_array_equal(pack_trits(values.T), pack_trits(values.T.copy()))


@pytest.mark.parametrize("value", [2, -2, 127, -128])
def test_what_is_no_trit_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match=rf"got values (0 to {value}|{value} to 0)"):
        pack_trits(np.array([0, value], np.int8))


@pytest.mark.parametrize(("size", "count"), [(5, 1), (5, 3), (0, 1), (4, 0)])
def test_the_number_of_bytes_must_fit(size: int, count: int) -> None:
    with pytest.raises(FormatError, match=f"{size} device pairs take .* got {count}"):
        unpack_trits(np.zeros(count, np.uint8), (size,))


@given(st.lists(st.sampled_from([-1, 1]), max_size=21), st.integers(0, 20))
def test_zeros_are_found_without_unpacking(signs: list[int], place: int) -> None:
    """Spare pairs of the last byte are HRS/HRS, which is no zero of the weights."""
    trits = np.array(signs, np.int8)
    packed = pack_trits(trits)
    check_pairs(packed, trits.shape)
    assert not has_zero(packed, trits.shape)
    if place < trits.size:
        trits[place] = 0
        assert has_zero(pack_trits(trits), trits.shape)


def test_pairs_are_checked_without_unpacking() -> None:
    packed = pack_trits(np.ones(9, np.int8))
    with pytest.raises(FormatError, match="9 device pairs take 3 bytes; got 2"):
        check_pairs(packed[:2], (9,))
    packed[1] = 0b11_01_01_01
    with pytest.raises(FormatError, match="LRS/LRS"):
        check_pairs(packed, (9,))


def test_digits_by_hand() -> None:
    planes = to_trit_planes(np.array([0, 1, -1, 2, -2, 4, 5, 13, -13], np.int8))
    assert planes.tolist() == [
        [0, 1, -1, -1, 1, 1, -1, 1, -1],
        [0, 0, 0, 1, -1, 1, -1, 1, -1],
        [0, 0, 0, 0, 0, 0, 1, 1, -1],
    ]


@pytest.mark.parametrize(
    ("largest", "planes"), [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (13, 3), (14, 4), (40, 4),
                            (41, 5), (121, 5), (127, 6)]
)  # fmt: skip
def test_number_of_planes(largest: int, planes: int) -> None:
    assert to_trit_planes(np.array([0, largest], np.int8)).shape == (planes, 2)


def test_digits_of_every_int8() -> None:
    codes = np.arange(-128, 128).astype(np.int8)
    planes = to_trit_planes(codes)
    assert planes.dtype == np.int8
    assert set(np.unique(planes)) == {-1, 0, 1}
    np.testing.assert_array_equal(from_trit_planes(planes), codes)
