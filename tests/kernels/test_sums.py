"""From sums to real values, against plain NumPy, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.kernels import sums
from tests.oracles import products


def _problem(channels: int, positions: int, images: int = 2):
    """Sums (N, C, P) and the same as rows of 16 with rubbish behind the channels."""
    random = np.random.default_rng([channels, positions])
    plain = random.integers(-40, 41, (images, channels, positions))
    pitch = -(-channels // 16) * 16
    rows = random.integers(-(2**31), 2**31, (images, positions, pitch)).astype(np.int32)
    rows[:, :, :channels] = plain.transpose(0, 2, 1)
    return random, plain, rows.reshape(-1), pitch


def _pitches(channels: int, positions: int, last: bool) -> tuple[int, int, int]:
    size = channels * positions
    return (size, 1, channels) if last else (size, positions, 1)


@pytest.mark.parametrize("channels", [1, 3, 16, 17, 33])
@pytest.mark.parametrize("positions", [1, 2, 5])
@pytest.mark.parametrize("last", [False, True])
def test_look_up(channels: int, positions: int, last: bool) -> None:
    random, plain, rows, pitch = _problem(channels, positions)
    table = random.normal(size=(channels, 81)).astype(np.float32)
    values = np.zeros(plain.size, np.float32)
    sums.look_up(
        rows, pitch, channels, positions, -40, table, *_pitches(channels, positions, last), values
    )
    expected = products.look_up(plain[..., None], table, -40)[..., 0]
    expected = expected.transpose(0, 2, 1) if last else expected
    np.testing.assert_array_equal(values, expected.reshape(-1))


@pytest.mark.parametrize("channels", [1, 3, 16, 17, 33])
@pytest.mark.parametrize("positions", [1, 2, 5])
@pytest.mark.parametrize("last", [False, True])
def test_scale_rounds_after_each_operation(channels: int, positions: int, last: bool) -> None:
    random, plain, rows, pitch = _problem(channels, positions)
    factors, offsets = random.normal(size=(2, channels)).astype(np.float32)
    values = np.zeros(plain.size, np.float32)
    sums.scale(
        rows, pitch, channels, positions, factors, offsets,
        *_pitches(channels, positions, last), values,
    )  # fmt: skip
    expected = products.scale(plain[..., None], factors, offsets)[..., 0]
    expected = expected.transpose(0, 2, 1) if last else expected
    np.testing.assert_array_equal(values.view(np.int32), expected.reshape(-1).view(np.int32))


def test_a_fused_multiply_add_would_be_seen() -> None:
    """The operands above tell two roundings from one."""
    random, plain, _, _ = _problem(33, 5)
    factors, offsets = random.normal(size=(2, 33)).astype(np.float32)
    twice = products.scale(plain[..., None], factors, offsets)[..., 0]
    exact = plain * factors[:, None].astype(np.float64) + offsets[:, None]
    assert (exact.astype(np.float32) != twice).any()


def test_large_sums_are_rounded_to_float32() -> None:
    rows = np.zeros(16, np.int32)
    rows[:3] = [2**24 + 1, -(2**31), 2**31 - 1]
    values = np.zeros(3, np.float32)
    one, none = np.ones(3, np.float32), np.zeros(3, np.float32)
    sums.scale(rows, 16, 3, 1, one, none, 3, 1, 1, values)
    assert values.tolist() == [2.0**24, -(2.0**31), 2.0**31]


def test_nothing_to_do() -> None:
    none = np.zeros(0, np.float32)
    sums.look_up(np.zeros(0, np.int32), 16, 3, 1, 0, np.zeros((3, 1), np.float32), 3, 1, 1, none)
    sums.scale(np.zeros(0, np.int32), 16, 3, 1, none, none, 3, 1, 1, none)
