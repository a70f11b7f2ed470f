"""Weights by value."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.converters.classify import classify
from ternary_engine.exceptions import ConversionError

RANDOM = np.random.default_rng(0)
TRITS = RANDOM.integers(-1, 2, (8, 30)).astype(np.float32)
SIGNS = np.where(TRITS == 0, 1, TRITS).astype(np.float32)


def test_one_scale() -> None:
    found = classify(TRITS * np.float32(0.37), 0, "w")
    assert found.codes is not None
    assert (found.codes == TRITS).all()
    assert found.scales.tolist() == [np.float32(0.37)]
    assert (found.levels, found.binary, found.few) == (3, False, True)


def test_scale_per_output_on_either_axis() -> None:
    scales = RANDOM.uniform(0.1, 2, 8).astype(np.float32)
    for axis, array in ((0, TRITS * scales[:, None]), (1, (TRITS * scales[:, None]).T)):
        found = classify(array, axis, "w")
        assert found.codes is not None
        assert (found.codes == np.sign(array)).all()
        assert (found.scales == scales).all()
        assert "8 scales" in found.text


def test_noise_of_straight_through_training() -> None:
    noisy = TRITS * 0.5 + RANDOM.normal(0, 1e-7, TRITS.shape)
    found = classify(noisy, 0, "w")
    assert found.codes is not None
    assert (found.codes == TRITS).all()
    assert found.scales == pytest.approx([0.5], rel=1e-5)


def test_plus_and_minus_apart() -> None:
    array = np.where(TRITS > 0, 0.9, np.where(TRITS < 0, -0.4, 0)).astype(np.float32)
    found = classify(array, 0, "w")
    assert found.scales.shape == (1, 2)
    assert found.scales.tolist() == [[np.float32(0.9), np.float32(0.4)]]
    assert not found.symmetric
    per_output = array * np.arange(1, 9)[:, None]
    assert classify(per_output, 0, "w").scales.shape == (8, 2)


def test_binary() -> None:
    assert classify(SIGNS * 0.2, 0, "w").binary
    assert classify(np.full((3, 4), 0.7), 0, "w").binary
    assert not classify(TRITS, 0, "w").binary


@pytest.mark.parametrize("array", [np.zeros((3, 4)), np.zeros((1, 1))])
def test_all_zero(array: np.ndarray) -> None:
    found = classify(array, 0, "w")
    assert found.codes is not None
    assert not found.codes.any()
    assert not found.binary
    assert (found.scales == 1).all()


def test_two_levels_with_zero() -> None:
    found = classify(np.maximum(TRITS, 0) * 3, 0, "w")
    assert found.few
    assert not found.binary
    assert found.scales.tolist() == [3.0]


def test_a_dead_output_among_scaled_ones() -> None:
    array = TRITS * np.arange(8)[:, None]
    found = classify(array, 0, "w")
    assert found.codes is not None
    assert (found.codes == np.sign(array)).all()


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("zero_point", [0, 3])
def test_uniform_grid(bits: int, zero_point: int) -> None:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1)
    codes = RANDOM.integers(low, high, (16, 400)) - zero_point
    codes[:, :3] = [low - zero_point, high - 1 - zero_point, 1 - zero_point]
    for scales in (np.array(0.03), RANDOM.uniform(0.01, 0.1, (16, 1))):
        found = classify((codes * scales).astype(np.float32), 0, "w")
        assert found.few
        assert found.codes is not None
        assert (found.codes == codes).all()
        assert found.scales == pytest.approx(scales.reshape(-1), rel=1e-5)
        largest = np.abs(codes).max()
        assert (3 ** (found.planes - 1) - 1) // 2 < largest <= (3**found.planes - 1) // 2
        assert f"{2**bits} levels on a uniform grid ({codes.min()} .. {codes.max()})" in found.text


def test_sparse_rows_need_the_grid_told() -> None:
    codes = np.array([[12.0, 50.0, -127.0], [3.0, 64.0, 100.0]])
    scales = np.array([[0.1], [0.7]])
    assert not classify(codes * scales, 0, "w").few
    found = classify((codes * scales).astype(np.float32), 0, "w", scales)
    assert found.codes is not None
    assert (found.codes == codes).all()
    assert not classify(codes * scales, 0, "w", np.array([[0.1, 0.1, 0.3], [1, 1, 1]])).few


@pytest.mark.parametrize("shape", [(16, 27), (64, 9), (10, 3), (10, 2), (64, 1, 3, 3), (5, 1)])
def test_latent_weights(shape: tuple[int, ...]) -> None:
    found = classify(RANDOM.normal(size=shape), 0, "w")
    assert not found.few
    assert f"{np.prod(shape)} distinct values; looks like latent weights" in found.text


def test_three_levels_and_a_little_more() -> None:
    array = TRITS.copy()
    array[0, 0] = 0.9137
    assert not classify(array, 0, "w").few


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_not_finite(bad: float) -> None:
    array = TRITS.copy()
    array[3, 3] = bad
    with pytest.raises(ConversionError, match=r"weights 'fc.weight': 1 of 240 values are NaN"):
        classify(array, 0, "fc.weight")
