"""Transients of the precharge sense amplifier, 16 cells at a time.

All in units of the transistors: voltages w in 2 Ut, currents in the specific current Is of the
NMOS, time in 2 Ut C / Is. A branch is a device of conductance ``a = 2 Ut / (R Is)`` in series with
an NMOS whose gate is the other output; its pinch-off voltage is ``p = (gate - threshold) / n``, and
its current ``i = a (p - u) = L(u)**2 - L(p - w)**2`` with ``L = softplus`` (EKV). The node between
the two follows at once: ``u`` solves ``a u + L(u)**2 = a p + L(p - w)**2``, by one step of
Halley's method (order 3) from where it was at the last evaluation.

The clock of the integration is not time but s, with ``dt/ds = 1 / rho`` and

    rho**2 = f1**2 + f2**2 + slow**2 + (step * conductances)**2

where f1 and f2 are dw1/dt and dw2/dt: a step is a share of the supply's swing however fast or slow
the cell is, so every cell takes about as many steps; ``slow`` lets cells that have stalled reach
the horizon, and the conductances keep steps within the stability of the method. Classical
Runge-Kutta of order 4 in s; crossings by cubic Hermite interpolation within the last step.
"""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.floats import (
    BYTES,
    any_less,
    larger,
    like,
    load,
    magnitude,
    root,
    smaller,
    store,
    where_less,
)
from ternary_engine.kernels.softplus import exp_negative, log1p_unit, softplus

MOST_STEPS = 100_000
SETTLE = 16  # steps of Halley's method for the first point
BISECTIONS = 24


@inline
def _solve(a, right, u):
    """One step of Halley's method to ``a u + L(u)**2 = right``; also the L(u) it came from."""
    zero, one, two = like(u, 0.0), like(u, 1.0), like(u, 2.0)
    e = exp_negative(zero - magnitude(u))
    forward = larger(u, zero) + log1p_unit(e)
    slope = where_less(u, zero, e, one)  # L' = slope / (1 + e), L'' = e / (1 + e)**2
    both = one + e
    over = a * u + forward * forward - right
    first = a * both + two * forward * slope
    second = two * (slope * slope + forward * e)
    return u - two * over * first * both / (two * first * first - over * second), forward


@inline
def _rates(w1, w2, u1, u2, a1, a2, v1, v2, circuit):
    """Derivatives by time, the PMOS current, the squared conductances, and the inner nodes.

    Args:
        w1, w2: the outputs. u1, u2: the inner nodes, near their values.
        a1, a2: conductances of the devices. v1, v2: thresholds of the NMOS.
        circuit: vdd, threshold of the PMOS, 1/n of NMOS and PMOS, strength of the PMOS.
    """
    vdd, vtp, slope_n, slope_p, strength = circuit
    top = like(w1, vdd)
    p1 = (w2 - v1) * like(w1, slope_n)
    p2 = (w1 - v2) * like(w1, slope_n)
    r1, r2 = softplus(p1 - w1), softplus(p2 - w2)
    r1, r2 = r1 * r1, r2 * r2
    u1, l1 = _solve(a1, a1 * p1 + r1, u1)
    u2, l2 = _solve(a2, a2 * p2 + r2, u2)
    q1 = (top - w2 - like(w1, vtp)) * like(w1, slope_p)
    q2 = (top - w1 - like(w1, vtp)) * like(w1, slope_p)
    f1, f2 = softplus(q1), softplus(q2)
    b1, b2 = softplus(q1 - (top - w1)), softplus(q2 - (top - w2))
    f1, f2, b1, b2 = f1 * f1, f2 * f2, b1 * b1, b2 * b2
    k = like(w1, strength)
    pull1, pull2 = k * (f1 - b1), k * (f2 - b2)
    stiff = l1 * l1 + l2 * l2 + r1 + r2 + k * k * (f1 + f2 + b1 + b2)
    d1 = pull1 - a1 * (p1 - u1)
    d2 = pull2 - a2 * (p2 - u2)
    return d1, d2, pull1 + pull2, stiff, u1, u2


@inline
def _by_s(d1, d2, pull, stiff, slow, step):
    """Derivatives by s of the outputs, of time and of the charge through the PMOS."""
    rho2 = d1 * d1 + d2 * d2 + like(d1, slow * slow) + like(d1, step * step) * stiff
    dt = like(d1, 1.0) / root(rho2)
    return d1 * dt, d2 * dt, dt, pull * dt


@inline
def _settle(w, v, a, slope_n):
    """The inner node of one branch where both outputs are at ``w``."""
    p = (w - v) * like(w, slope_n)
    r = softplus(p - w)
    right = a * p + r * r
    four = like(w, 4.0)
    u = (root(a * a + four * larger(right, like(w, 0.0))) - a) * like(w, 0.5)
    for _ in range(SETTLE):
        u, _forward = _solve(a, right, u)
    return u


@inline
def _stage(y, k, by, u1, u2, a1, a2, v1, v2, circuit, slow, step):
    """Derivatives by s at ``y + by * k``."""
    h = like(u1, by)
    w1, w2 = y[0] + h * k[0], y[1] + h * k[1]
    d1, d2, pull, stiff, u1, u2 = _rates(w1, w2, u1, u2, a1, a2, v1, v2, circuit)
    return _by_s(d1, d2, pull, stiff, slow, step), u1, u2


@inline
def _advance(y, a, b, c, d, step):
    sixth, two = like(y, step / 6.0), like(y, 2.0)
    return y + sixth * (a + two * (b + c) + d)


@inline
def _step(y, a, u1, u2, a1, a2, v1, v2, circuit, slow, step):
    """One step of order 4 from ``y`` with derivatives ``a``; the derivatives where it ends."""
    b, u1, u2 = _stage(y, a, 0.5 * step, u1, u2, a1, a2, v1, v2, circuit, slow, step)
    c, u1, u2 = _stage(y, b, 0.5 * step, u1, u2, a1, a2, v1, v2, circuit, slow, step)
    d, u1, u2 = _stage(y, c, step, u1, u2, a1, a2, v1, v2, circuit, slow, step)
    x = (
        _advance(y[0], a[0], b[0], c[0], d[0], step),
        _advance(y[1], a[1], b[1], c[1], d[1], step),
        _advance(y[2], a[2], b[2], c[2], d[2], step),
        _advance(y[3], a[3], b[3], c[3], d[3], step),
    )
    m, u1, u2 = _stage(x, d, 0.0, u1, u2, a1, a2, v1, v2, circuit, slow, step)
    return x, m, u1, u2


@inline
def _hermite(z, y0, y1, k0, k1):
    """Cubic through two points with their slopes; ``z`` runs from 0 to 1."""
    one, two, three = like(z, 1.0), like(z, 2.0), like(z, 3.0)
    rest = one - z
    bend = z * rest
    level = z * z * (three - two * z)
    return y0 + (y1 - y0) * level + bend * (k0 * rest - k1 * z)


@inline
def _left(x, horizon, level):
    """Above 0 while a cell has neither resolved nor reached the horizon."""
    short = like(x[0], level) - magnitude(x[0] - x[1])
    return smaller(short, like(x[0], horizon) - x[2])


@inline
def _between(z, y, k, x, m, step):
    """State at a share ``z`` of the last step."""
    h = like(z, step)
    return (
        _hermite(z, y[0], x[0], h * k[0], h * m[0]),
        _hermite(z, y[1], x[1], h * k[1], h * m[1]),
        _hermite(z, y[2], x[2], h * k[2], h * m[2]),
        _hermite(z, y[3], x[3], h * k[3], h * m[3]),
    )


@inline
def _finish(y, k, x, m, horizon, level, step):
    """The state where, within the last step, a cell resolved or came to the horizon.

    Args:
        y, k: state (w1, w2, t, charge) where the last step starts, and its derivatives by s.
        x, m: the same where it ends.
        horizon: time at which the integration ends. level: difference that counts as resolved.
    """
    zero = like(y[0], 0.0)
    low, high = zero, like(y[0], 1.0)
    for _ in range(BISECTIONS):
        z = (low + high) * like(zero, 0.5)
        left = _left(_between(z, y, k, x, m, step), horizon, level)
        low = where_less(zero, left, z, low)
        high = where_less(zero, left, high, z)
    return _between(high, y, k, x, m, step)


@inline
def _keep(left, new, old):
    zero = like(left, 0.0)
    return (
        where_less(zero, left, new[0], old[0]),
        where_less(zero, left, new[1], old[1]),
        where_less(zero, left, new[2], old[2]),
        where_less(zero, left, new[3], old[3]),
    )


@inline
def _start(a1, a2, v1, v2, circuit, slow, step):
    """State of a precharged amplifier, its derivatives by s, and the inner nodes."""
    top, zero = like(a1, circuit[0]), like(a1, 0.0)
    u1, u2 = _settle(top, v1, a1, circuit[2]), _settle(top, v2, a2, circuit[2])
    d1, d2, pull, stiff, u1, u2 = _rates(top, top, u1, u2, a1, a2, v1, v2, circuit)
    return (top, top, zero, zero), _by_s(d1, d2, pull, stiff, slow, step), u1, u2


@kernel
def transients(a1, a2, v1, v2, circuit, horizon, level, step, slow, result):
    """Integrate cells until each has resolved, or to the horizon.

    Args:
        a1, a2: float32 or float64 [cells], a whole number of vectors: conductances of the two
            branches. v1, v2: their thresholds.
        circuit: floats (vdd, PMOS threshold, 1/n of the NMOS, 1/n of the PMOS, strength of the
            PMOS against the NMOS).
        horizon: time at which the integration ends. level: difference of the outputs that counts
            as resolved. step, slow: see the top of this file.
        result: [4, cells], same type, out: the outputs w1 and w2, the time (infinite where the
            cell has not resolved by the horizon) and the charge through the PMOS, all at that
            time or at the horizon.
    """
    cells = a1.size
    lanes = BYTES // a1.itemsize
    for i in range(0, cells, lanes):
        c1, c2, t1, t2 = load(a1, i), load(a2, i), load(v1, i), load(v2, i)
        y, k, u1, u2 = _start(c1, c2, t1, t2, circuit, slow, step)
        x, m = y, k
        left, zero = like(c1, 1.0), like(c1, 0.0)
        for _ in range(MOST_STEPS):
            y, k = _keep(left, x, y), _keep(left, m, k)
            nx, nm, u1, u2 = _step(y, k, u1, u2, c1, c2, t1, t2, circuit, slow, step)
            x, m = _keep(left, nx, x), _keep(left, nm, m)
            left = _left(x, horizon, level)
            if not any_less(zero, left):
                break
        x = _finish(y, k, x, m, horizon, level, step)
        short = like(c1, level) - magnitude(x[0] - x[1])
        store(result[0], i, x[0])
        store(result[1], i, x[1])
        store(result[2], i, where_less(zero, short, like(c1, np.inf), x[2]))
        store(result[3], i, x[3])


@kernel
def waveforms(a1, a2, v1, v2, circuit, horizon, step, slow, path):
    """Follow one vector of cells to the horizon, past the point where they resolve.

    Args:
        a1, a2, v1, v2, circuit, horizon, step, slow: as in `transients`; one vector of cells.
        path: [most steps, 4, cells], out: w1, w2, time and charge after every step.

    Returns:
        Number of rows of ``path`` that were written.
    """
    c1, c2, t1, t2 = load(a1, 0), load(a2, 0), load(v1, 0), load(v2, 0)
    x, m, u1, u2 = _start(c1, c2, t1, t2, circuit, slow, step)
    end = like(c1, horizon)
    for row in range(len(path)):
        for part in range(4):
            store(path[row, part], 0, x[part])
        if not any_less(x[2], end):
            return row + 1
        x, m, u1, u2 = _step(x, m, u1, u2, c1, c2, t1, t2, circuit, slow, step)
    return len(path)
