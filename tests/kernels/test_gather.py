"""Windows of few channels, gathered into dense words."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.kernels import gather
from ternary_engine.kernels.layout import words_for


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 8, 16, 21, 31, 32, 33, 48, 63])
@pytest.mark.parametrize("taps", [1, 2, 9, 25])
@pytest.mark.parametrize("planes", [1, 2, 3, 8])
def test_every_bit_finds_its_place(channels: int, taps: int, planes: int) -> None:
    random = np.random.default_rng(channels * 1000 + taps * 10 + planes)
    bits = random.integers(0, 2, (40, planes, channels)).astype(bool)
    words = np.zeros((40, planes, 64), bool)
    words[:, :, :channels] = bits
    codes = np.packbits(words, axis=-1, bitorder="little").view("<u8").reshape(-1)
    # Neighbours, as in an image row, and others.
    starts = np.array([*range(11), 13, 16, *range(18, 25), 27]) * planes
    offsets = random.integers(0, 13, taps) * planes
    windows, dense = starts.size, words_for(taps * channels)
    room = np.full(windows * dense * planes + 1, 7, np.uint64)
    gather.gather_windows(codes, planes, channels, starts, offsets, room)
    expected = np.zeros((windows, planes, dense * 64), bool)
    for window in range(windows):
        pixels = (starts[window] + offsets) // planes
        expected[window, :, : taps * channels] = bits[pixels].transpose(1, 0, 2).reshape(planes, -1)
    packed = np.packbits(expected, axis=-1, bitorder="little").view("<u8")
    gathered = room[:-1].reshape(dense, windows, planes)
    np.testing.assert_array_equal(gathered, packed.transpose(2, 0, 1))
    assert room[-1] == 7
