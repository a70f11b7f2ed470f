"""Finite sets of values and the codes they make."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.converters.coding import codes_of
from ternary_engine.converters.thresholds import Domain


@pytest.mark.parametrize(
    ("values", "kind", "bits", "scale"),
    [
        ([-1, 1], "binary", 1, 1.0),
        ([-0.3, 0.3], "binary", 1, 0.3),
        ([-1, 0, 1], "ternary", 1, 1.0),
        ([-2, 0], "ternary", 1, 2.0),
        ([0, 0.5], "unsigned", 1, 0.5),
        ([0], "unsigned", 1, 1.0),
        ([0.25], "unsigned", 1, 0.25),
        ([0, 1, 2], "unsigned", 2, 1.0),
        ([0, 2, 3], "unsigned", 2, 1.0),
        ([6, 10, 15], "unsigned", 4, 1.0),
        (list(range(256)), "unsigned", 8, 1.0),
        ([-1, 0, 1, 2], "signed", 3, 1.0),
        ([-2, -1, 0, 1], "signed", 2, 1.0),
        ([-3, -1, 1, 3], "signed", 3, 1.0),
        (list(range(-128, 128)), "signed", 8, 1.0),
        (list(range(-100, 156)), "signed", 9, 1.0),
    ],
)
def test_codes(values: list[float], kind: str, bits: int, scale: float) -> None:
    codes = codes_of(np.array(values, np.float32))
    assert codes is not None
    assert (codes.kind, codes.bits) == (kind, bits)
    assert codes.scale == pytest.approx(scale, rel=1e-6)
    assert set(np.array(values, np.float32).tolist()) <= set(codes.values)
    np.testing.assert_allclose(
        codes.values, np.array(codes.integers) * codes.scale, rtol=1e-5, atol=0
    )


@pytest.mark.parametrize(
    "values", [[0.0, 1.0, 1.0001, 2.0], [0.5, 0.7171], [-400, 1], [0, 1000, 1], [np.inf, 0]]
)
def test_no_codes(values: list[float]) -> None:
    codes = codes_of(np.sort(np.array(values, np.float32)))
    assert codes is None or codes.bits <= 9


def test_values_off_the_grid_are_refused() -> None:
    assert codes_of(np.array([0.0, 1.0, 1.0001, 2.0])) is None
    assert codes_of(np.zeros(0)) is None  # a quantiser of no levels
    assert codes_of(np.array([-400.0, 1.0])) is None


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_keys_order_all_floats(dtype: type) -> None:
    domain = Domain.of(np.dtype(dtype))
    assert domain is not None
    keys = np.unique(np.linspace(domain.low, domain.high, 9999).astype(np.int64))
    values = domain.values(keys)
    assert np.isfinite(values).all()
    assert (np.diff(values.astype(np.float64)) >= 0).all()
    assert (domain.keys(values) == keys).all()
    assert domain.values(np.array([0]))[0] == 0
    assert np.signbit(domain.values(np.array([-1])))[0]
