"""log(1 + exp(u)) on vectors, the function that a transistor's current is made of.

float64 takes polynomials off by 1e-8 of the value or less; float32, where time counts, shorter ones
off by 2e-7, about its own rounding.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ternary_engine.kernels.compile import inline
from ternary_engine.kernels.floats import (
    fma,
    is_single,
    larger,
    like,
    magnitude,
    nearest,
    power_of_two,
)

_LOG2E = math.log2(math.e)
_LN2_HIGH = 0.693359375  # few bits: its products with whole numbers are exact
_LN2_LOW = math.log(2.0) - _LN2_HIGH


def _fitted(
    function: Callable[[Any], Any], low: float, high: float, degree: int
) -> tuple[float, ...]:
    """A polynomial through a function at Chebyshev's nodes, highest power first."""
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    x = middle + half * np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    span = [low, high]
    found = np.polynomial.Polynomial.fit(x, function(x), degree, domain=span, window=span)
    return tuple(float(c) for c in found.coef[::-1])


def _log1p_quotient(e: Any) -> Any:
    return np.log1p(e) / e


# Of exp over half a binary logarithm to either side, and of log(1 + e) / e over 0 .. 1.
_HALF = 0.5 * math.log(2.0)
_E5, _E4, _E3, _E2, _E1, _E0 = _fitted(np.exp, -_HALF, _HALF, 5)
_S7, _S6, _S5, _S4, _S3, _S2, _S1, _S0 = _fitted(_log1p_quotient, 0.0, 1.0, 7)
_C11, _C10, _C9, _C8, _C7, _C6, _C5, _C4, _C3, _C2, _C1, _C0 = _fitted(
    _log1p_quotient, 0.0, 1.0, 11
)


@inline
def exp_negative(x):
    """exp(x) of numbers at or below 0; -80 is the least. Relative error: see above."""
    x = larger(x, like(x, -80.0))
    k = nearest(x * like(x, _LOG2E))
    r = fma(k, like(x, -_LN2_LOW), fma(k, like(x, -_LN2_HIGH), x))
    if is_single(x):
        y = fma(like(x, _E5), r, like(x, _E4))
        y = fma(y, r, like(x, _E3))
        y = fma(y, r, like(x, _E2))
        y = fma(y, r, like(x, _E1))
        y = fma(y, r, like(x, _E0))
    else:
        y = fma(like(x, 1.0 / 5040.0), r, like(x, 1.0 / 720.0))
        y = fma(y, r, like(x, 1.0 / 120.0))
        y = fma(y, r, like(x, 1.0 / 24.0))
        y = fma(y, r, like(x, 1.0 / 6.0))
        y = fma(y, r, like(x, 0.5))
        y = fma(y, r, like(x, 1.0))
        y = fma(y, r, like(x, 1.0))
    return y * power_of_two(k)


@inline
def log1p_unit(e):
    """log(1 + e) of numbers from 0 to 1. Relative error: see above."""
    if is_single(e):
        y = fma(like(e, _S7), e, like(e, _S6))
        y = fma(y, e, like(e, _S5))
        y = fma(y, e, like(e, _S4))
        y = fma(y, e, like(e, _S3))
        y = fma(y, e, like(e, _S2))
        y = fma(y, e, like(e, _S1))
        y = fma(y, e, like(e, _S0))
    else:
        y = fma(like(e, _C11), e, like(e, _C10))
        y = fma(y, e, like(e, _C9))
        y = fma(y, e, like(e, _C8))
        y = fma(y, e, like(e, _C7))
        y = fma(y, e, like(e, _C6))
        y = fma(y, e, like(e, _C5))
        y = fma(y, e, like(e, _C4))
        y = fma(y, e, like(e, _C3))
        y = fma(y, e, like(e, _C2))
        y = fma(y, e, like(e, _C1))
        y = fma(y, e, like(e, _C0))
    return y * e


@inline
def softplus(u):
    """log(1 + exp(u)) from -80 on. Relative error: see above."""
    return larger(u, like(u, 0.0)) + log1p_unit(exp_negative(like(u, 0.0) - magnitude(u)))
