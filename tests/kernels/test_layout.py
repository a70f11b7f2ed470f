"""Packed weights and per-output tables, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.kernels.layout import (
    PANEL,
    pack_weights,
    panels_for,
    per_output,
    words_for,
)

CHANNELS = (0, 1, 3, 16, 63, 64, 65, 127, 128, 130)


@pytest.mark.parametrize(
    ("channels", "words"), [(0, 0), (1, 1), (63, 1), (64, 1), (65, 2), (128, 2), (129, 3)]
)
def test_words_for(channels: int, words: int) -> None:
    assert words_for(channels) == words


@pytest.mark.parametrize(("outputs", "panels"), [(0, 0), (1, 1), (16, 1), (17, 2), (33, 3)])
def test_panels_for(outputs: int, panels: int) -> None:
    assert panels_for(outputs) == panels


def test_weights_by_hand() -> None:
    trits = np.zeros((17, 1, 65), np.int8)
    trits[0, 0, :3] = [1, -1, 0]
    trits[0, 0, 64] = -1
    trits[16, 0, 63] = -1
    packed = pack_weights(trits).reshape(2, 1, 2, 2, PANEL)
    assert packed[0, 0, 0, :, 0].tolist() == [0b011, 0b010]
    assert packed[0, 0, 1, :, 0].tolist() == [1, 1]
    assert packed[1, 0, 0, :, 0].tolist() == [1 << 63, 1 << 63]
    assert np.count_nonzero(packed) == 6
    negative = pack_weights(trits, negative_only=True).reshape(2, 1, 2, 1, PANEL)
    np.testing.assert_array_equal(negative[:, :, :, 0], packed[:, :, :, 1])


@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 33])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("negative_only", [False, True])
def test_every_weight_is_in_its_place(outputs: int, channels: int, negative_only: bool) -> None:
    taps = 3
    trits = np.random.default_rng(channels).integers(-1, 2, (outputs, taps, channels), np.int8)
    words, planes = words_for(channels), 1 if negative_only else 2
    packed = pack_weights(trits, negative_only=negative_only)
    assert packed.dtype == np.uint64
    assert packed.flags.c_contiguous
    split = packed.reshape(panels_for(outputs), taps, words, planes, PANEL)
    bits = (split[..., None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    assert bits.sum() == (trits < 0).sum() + (0 if negative_only else np.count_nonzero(trits))
    for output, tap, channel in zip(*np.nonzero(trits), strict=True):
        at = bits[output // PANEL, tap, channel // 64, :, output % PANEL, channel % 64]
        negative = int(trits[output, tap, channel] < 0)
        assert at.tolist() == ([negative] if negative_only else [1, negative])


@pytest.mark.parametrize("outputs", [1, 16, 17])
@pytest.mark.parametrize("inner", [(), (3,), (2, 3)])
def test_per_output(outputs: int, inner: tuple[int, ...]) -> None:
    values = np.arange(outputs * int(np.prod(inner)), dtype=np.int64).reshape(outputs, *inner)
    spread = per_output(values, -9)
    assert spread.shape == (panels_for(outputs), *inner, PANEL)
    assert spread.flags.c_contiguous
    for output in range(panels_for(outputs) * PANEL):
        got = spread[output // PANEL, ..., output % PANEL]
        np.testing.assert_array_equal(got, values[output] if output < outputs else -9)
