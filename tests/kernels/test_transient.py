"""Vectors of floats against NumPy, and the transient against an integrator of another make."""

from __future__ import annotations

import itertools

import numba as nb
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from ternary_engine.kernels import floats, softplus
from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.transient import transients, waveforms

DTYPES = (np.float32, np.float64)
CIRCUIT = (23.2, 15.5, 1 / 1.30, 1 / 1.35, 0.4)  # 1.2 V at 27 degrees, threshold 0.8 V
VT = 15.5
LEVEL = 0.5 * CIRCUIT[0]


@kernel
def _each(x, y, out):
    """Every function of vectors once, one row of ``out`` each."""
    for i in range(0, x.size, floats.BYTES // x.itemsize):
        a, b = floats.load(x, i), floats.load(y, i)
        floats.store(out[0], i, a + b)
        floats.store(out[1], i, a - b)
        floats.store(out[2], i, a * b)
        floats.store(out[3], i, a / b)
        floats.store(out[4], i, floats.fma(a, b, a))
        floats.store(out[5], i, floats.larger(a, b))
        floats.store(out[6], i, floats.smaller(a, b))
        floats.store(out[7], i, floats.magnitude(a))
        floats.store(out[8], i, floats.root(floats.magnitude(a)))
        floats.store(out[9], i, floats.where_less(a, b, a, floats.like(a, 7.0)))
        floats.store(out[10], i, floats.power_of_two(floats.nearest(b)))


@kernel
def _any(x, y):
    return floats.any_less(floats.load(x, 0), floats.load(y, 0))


@kernel
def _softplus(x, out):
    for i in range(0, x.size, floats.BYTES // x.itemsize):
        floats.store(out, i, softplus.softplus(floats.load(x, i)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_vectors_do_what_numpy_does(dtype) -> None:
    rng = np.random.default_rng(3)
    x, y = (rng.normal(0, 30, 64).astype(dtype) for _ in range(2))
    out = np.empty((11, 64), dtype)
    _each(x, y, out)
    expected = [x + y, x - y, x * y, x / y, x * y + x, np.maximum(x, y), np.minimum(x, y)]
    expected += [np.abs(x), np.sqrt(np.abs(x)), np.where(x < y, x, 7), np.exp2(np.rint(y))]
    np.testing.assert_allclose(out, expected, rtol=3e-6 if dtype == np.float32 else 1e-13)


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_lane_is_seen(dtype) -> None:
    lanes = floats.BYTES // np.dtype(dtype).itemsize
    zeros = np.zeros(lanes, dtype)
    assert not _any(zeros, zeros)
    for lane in range(lanes):
        x = zeros.copy()
        x[lane] = -1.0
        assert _any(x, zeros)
        assert not _any(zeros, x)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 6e-7), (np.float64, 1e-8)])
def test_softplus(dtype, tolerance: float) -> None:
    x = np.linspace(-79, 200, 4096).astype(dtype)
    out = np.empty_like(x)
    _softplus(x, out)
    np.testing.assert_allclose(out, np.logaddexp(0.0, x.astype(np.float64)), rtol=tolerance)


def _current(a: float, gate: float, drain: float, threshold: float) -> float:
    """Current of a device in series with its NMOS: the node between them by bisection."""
    p = (gate - threshold) * CIRCUIT[2]

    def excess(x: float) -> float:
        forward, reverse = np.logaddexp(0, p - x) ** 2, np.logaddexp(0, p - drain) ** 2
        return float(a * x - forward + reverse)

    return a * brentq(excess, -1.0, max(drain, 0.0) + 1.0, xtol=1e-14, rtol=1e-14)


def _slopes(_t, w, a, v):
    vdd, vtp, _, slope_p, strength = CIRCUIT
    found = []
    for one, other in ((0, 1), (1, 0)):
        q = (vdd - w[other] - vtp) * slope_p
        pull = np.logaddexp(0, q) ** 2 - np.logaddexp(0, q - (vdd - w[one])) ** 2
        found.append(strength * pull - _current(a[one], w[other], w[one], v[one]))
    return found


CELLS = [(0.052, 5.0), (0.16, 0.15), (0.5, 0.12), (8.0, 0.15), (0.15, 0.9)]
OFFSETS = [0.0, 0.3, -0.2, 0.0, 0.1]


def _arrays(dtype):
    a = np.resize(np.array(CELLS, dtype), (floats.MOST_LANES, 2)).T.copy()
    offset = np.resize(np.array(OFFSETS, dtype), floats.MOST_LANES)
    return a[0], a[1], VT + 0.5 * offset, VT - 0.5 * offset


@pytest.mark.parametrize(
    ("dtype", "steps", "tolerance"), [(np.float32, 16, 5e-4), (np.float64, 160, 1e-5)]
)
def test_resolve_times_are_those_of_scipy(dtype, steps: int, tolerance: float) -> None:
    cells = [one.astype(dtype) for one in _arrays(dtype)]
    horizon, swing = 12.0, CIRCUIT[0]
    result = np.empty((4, floats.MOST_LANES), dtype)
    transients(*cells, CIRCUIT, horizon, LEVEL, swing / steps, 0.25 * swing / horizon, result)
    for i, ((a1, a2), offset) in enumerate(zip(CELLS, OFFSETS, strict=True)):

        def part(_t, w, a, v):
            return abs(w[0] - w[1]) - LEVEL

        part.terminal = True
        found = solve_ivp(
            _slopes,
            (0.0, horizon),
            [swing, swing],
            args=((a1, a2), (VT + 0.5 * offset, VT - 0.5 * offset)),
            events=part,
            rtol=1e-9,
            atol=1e-9,
        )
        resolved = found.t_events[0].size > 0
        time = found.t_events[0][0] if resolved else np.inf
        assert result[2, i] == pytest.approx(time, rel=tolerance)
        ends = found.y_events[0][0] if resolved else found.y[:, -1]
        np.testing.assert_allclose(result[:2, i], ends, atol=swing * tolerance)
    assert np.isinf(result[2]).any()
    assert np.isfinite(result[2]).any()


def test_order_of_convergence() -> None:
    """Halving the step divides the error by four or more, down to that of softplus."""
    horizon, swing = 12.0, CIRCUIT[0]

    def ends(steps: int):
        result = np.empty((4, floats.MOST_LANES))
        cells = [one.astype(np.float64) for one in _arrays(np.float64)]
        transients(*cells, CIRCUIT, horizon, LEVEL, swing / steps, 0.5 * swing / horizon, result)
        return np.append(result[:2, 1], result[2, [0, 3]])

    best = ends(1280)
    errors = [np.abs(ends(steps) - best).max() for steps in (10, 20, 40, 80)]
    for coarse, fine in itertools.pairwise(errors):
        assert coarse / fine > 4, errors
    assert errors[-1] < 1e-6


def test_waveform_passes_through_the_resolve_time() -> None:
    horizon, swing = 12.0, CIRCUIT[0]
    cells = [one.astype(np.float64) for one in _arrays(np.float64)]
    result = np.empty((4, floats.MOST_LANES))
    step, slow = swing / 160, 0.5 * swing / horizon
    transients(*cells, CIRCUIT, horizon, LEVEL, step, slow, result)
    path = np.empty((5000, 4, 8))
    rows = waveforms(*(one[:8].copy() for one in cells), CIRCUIT, horizon, step, slow, path)
    assert 100 < rows < 5000
    for i in range(len(CELLS)):
        time, gap = path[:rows, 2, i], np.abs(path[:rows, 0, i] - path[:rows, 1, i])
        assert (np.diff(time) > 0).all()
        at = np.interp(min(result[2, i], horizon), time, gap)
        if np.isfinite(result[2, i]):
            assert at == pytest.approx(LEVEL, rel=1e-2)
        else:
            assert at < LEVEL


def test_compiled_is_compiled() -> None:
    if not nb.config.DISABLE_JIT:
        assert transients.signatures
