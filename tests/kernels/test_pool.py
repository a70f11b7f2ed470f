"""Largest and smallest codes of windows, on planes and on plain integers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels import pool
from tests.kernels.operands import JIT
from tests.oracles import products

LEFT_ALONE = 0xFEED
CHANNELS = (1, 3, 16, 63, 64, 65, 127, 128)


def _windows(
    pixels: int, positions: int, taps: int, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """First pixels, tap offsets, and which taps take part; the others point far outside."""
    random = np.random.default_rng(seed)
    offsets = np.arange(taps, dtype=np.int64)
    valid = random.random((positions, taps)) < 0.6
    valid[np.arange(positions), random.integers(0, taps, positions)] = True
    starts = np.zeros(positions, np.int64)
    for position in range(positions):
        inside = np.flatnonzero(valid[position])
        starts[position] = random.integers(-inside[0], pixels - inside[-1])
    return starts, offsets, valid


def _expected(
    integers: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    valid: npt.NDArray[np.bool_],
    smallest: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    rows = []
    for position, start in enumerate(starts):
        read = integers[start + np.flatnonzero(valid[position])]
        rows.append(np.where(smallest, read.min(0), read.max(0)))
    return np.array(rows).reshape(len(starts), integers.shape[1])


def check(kind: str, channels: int, positions: int, taps: int, seed: int = 0) -> None:
    """Binary and ternary planes."""
    random = np.random.default_rng([seed, channels])
    codes, pixels = products.make_codes(kind), 14
    integers = random.choice(np.array(codes.integers), (pixels, channels))
    packed = products.pack(integers, codes)
    words, pitch = packed.shape[1], packed[0].size
    starts, offsets, valid = _windows(pixels, positions, taps, seed)
    smallest = random.random(channels) < 0.5
    flags = [np.zeros(words * 64, np.bool_) for _ in range(2)]
    flags[0][:channels], flags[1][:channels] = smallest, True
    flips, real = (np.packbits(flag, bitorder="little").view(np.uint64) for flag in flags)
    targets = random.permutation(positions).astype(np.int64) * (pitch + 1)
    room = np.full(positions * (pitch + 1), LEFT_ALONE, np.uint64)
    window = (packed.reshape(-1), words, starts * pitch, valid, offsets * pitch, flips)
    if kind == "ternary":
        pool.pool_ternary(*window, targets, room)
    else:
        pool.pool_binary(*window, real, targets, room)
    right = products.pack(_expected(integers, starts, valid, smallest), codes)
    expected = np.full_like(room, LEFT_ALONE)
    for position, target in enumerate(targets):
        expected[target : target + pitch] = right[position].reshape(-1)
    np.testing.assert_array_equal(room, expected)


def check_values(channels: int, positions: int, taps: int, seed: int = 0) -> None:
    random = np.random.default_rng([seed, channels])
    integers = random.integers(-300, 300, (14, channels))
    starts, offsets, valid = _windows(14, positions, taps, seed)
    smallest = random.random(channels) < 0.5
    pooled = np.full((positions, channels), 99, np.int16)
    flat = integers.astype(np.int16).reshape(-1)
    pool.pool_values(flat, channels, starts * channels, valid, offsets * channels, smallest, pooled)
    np.testing.assert_array_equal(pooled, _expected(integers, starts, valid, smallest))


@pytest.mark.parametrize("kind", ["binary", "ternary"])
@pytest.mark.parametrize("channels", CHANNELS)
def test_planes(kind: str, channels: int) -> None:
    check(kind, channels, 9, 4)


@pytest.mark.parametrize("channels", CHANNELS)
def test_values(channels: int) -> None:
    check_values(channels, 9, 4)


@settings(max_examples=60 if JIT else 10, deadline=None)
@given(
    st.sampled_from(["binary", "ternary", "values"]),
    st.integers(1, 140),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(0, 99),
)
def test_any_size(kind: str, channels: int, positions: int, taps: int, seed: int) -> None:
    if kind == "values":
        check_values(channels, positions, taps, seed)
    else:
        check(kind, channels, positions, taps, seed)


@pytest.mark.parametrize("kind", ["binary", "ternary"])
def test_validity_repeats_for_every_image(kind: str) -> None:
    codes = products.make_codes(kind)
    integers = np.random.default_rng(2).choice(np.array(codes.integers), (8, 5))
    packed = products.pack(integers, codes)
    valid = np.array([[True, False], [True, True]])
    starts = np.array([0, 1, 4, 5])  # two positions of two images
    planes = codes.planes
    targets = np.arange(4) * planes
    room = np.zeros(4 * planes, np.uint64)
    none = np.zeros(1, np.uint64)
    window = (packed.reshape(-1), 1, starts * planes, valid, np.array([0, planes]), none)
    if kind == "ternary":
        pool.pool_ternary(*window, targets, room)
    else:
        pool.pool_binary(*window, np.array([0b11111], np.uint64), targets, room)
    pooled = _expected(integers, starts, np.tile(valid, (2, 1)), np.zeros(5, np.bool_))
    np.testing.assert_array_equal(
        room.reshape(4, planes), products.pack(pooled, codes).reshape(4, planes)
    )
