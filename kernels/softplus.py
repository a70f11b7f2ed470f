"""log(1 + exp(u)) on vectors, the function that a transistor's current is made of."""

from __future__ import annotations

import math

import numpy as np

from ternary_engine.kernels.compile import inline
from ternary_engine.kernels.floats import (
    fma,
    larger,
    like,
    magnitude,
    nearest,
    power_of_two,
)

_LOG2E = math.log2(math.e)
_LN2_HIGH = 0.693359375  # few bits: its products with whole numbers are exact
_LN2_LOW = math.log(2.0) - _LN2_HIGH


def _log1p_quotient() -> tuple[float, ...]:
    """Polynomial of log(1 + e) / e over 0 .. 1, highest power first; off by less than 1e-9."""
    e = 0.5 + 0.5 * np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    fitted = np.polynomial.Polynomial.fit(e, np.log1p(e) / e, 11, domain=[0, 1], window=[0, 1])
    return tuple(float(c) for c in fitted.coef[::-1])


_C11, _C10, _C9, _C8, _C7, _C6, _C5, _C4, _C3, _C2, _C1, _C0 = _log1p_quotient()


@inline
def exp_negative(x):
    """exp(x) of numbers at or below 0, off by less than 1e-8 of itself; -80 is the least."""
    x = larger(x, like(x, -80.0))
    k = nearest(x * like(x, _LOG2E))
    r = fma(k, like(x, -_LN2_LOW), fma(k, like(x, -_LN2_HIGH), x))
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
    """log(1 + e) of numbers from 0 to 1; relative error below 1e-9."""
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
    """log(1 + exp(u)); off by less than 1e-8 of itself from -80 on."""
    return larger(u, like(u, 0.0)) + log1p_unit(exp_negative(like(u, 0.0) - magnitude(u)))
