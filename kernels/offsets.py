"""By how much the offset of an amplifier is short of where the read value of a cell changes.

The offset below which a pair is read as +1 is tabulated over both branch resistances, on the
coordinate ``log1p(knee / resistance)``: the logarithm of a small resistance, the conductance of a
large one. Between the nodes it is the product of two polynomials of order 5 (Lagrange).
"""

from __future__ import annotations

import math

from ternary_engine.kernels.compile import inline, kernel

POINTS = 6


@inline
def _weights(u):
    """Lagrange's weights of the nodes -2 .. 3 at ``u``, from 0 to 1 inside the table."""
    a, b, c, d, e, f = u + 2.0, u + 1.0, u, u - 1.0, u - 2.0, u - 3.0
    return (
        -b * c * d * e * f / 120.0,
        a * c * d * e * f / 24.0,
        -a * b * d * e * f / 12.0,
        a * b * c * e * f / 12.0,
        -a * b * c * d * f / 24.0,
        a * b * c * d * e / 120.0,
    )


@inline
def _row(table, at, w):
    return (
        w[0] * table[at]
        + w[1] * table[at + 1]
        + w[2] * table[at + 2]
        + w[3] * table[at + 3]
        + w[4] * table[at + 4]
        + w[5] * table[at + 5]
    )


@inline
def _look_up(table, nodes, i, wi, j, wj):
    at = i * nodes + j
    return (
        wi[0] * _row(table, at, wj)
        + wi[1] * _row(table, at + nodes, wj)
        + wi[2] * _row(table, at + 2 * nodes, wj)
        + wi[3] * _row(table, at + 3 * nodes, wj)
        + wi[4] * _row(table, at + 4 * nodes, wj)
        + wi[5] * _row(table, at + 5 * nodes, wj)
    )


@inline
def _place(r, series, knee, step, nodes):
    """Node before a resistance, first of the six around it, and how far it is from the third."""
    t = math.log1p(knee / (r + series)) / step
    before = min(max(int(t), 0), nodes - 2)
    first = min(max(before - 2, 0), nodes - 6)
    return before, first, t - (first + 2)


@inline
def _margin(table, nodes, sure, offset, before, first, u, other_before, other_first, v):
    """Volts by which an offset is below the table; a bound of it where that is beyond ``sure``.

    The table falls with BL's resistance and rises with BLb's, so the corners of a mesh are bounds
    for all of it; the coordinate falls as resistance rises.
    """
    corner = before * nodes + other_before
    least, most = table[corner + 1] - offset, table[corner + nodes] - offset
    if least > sure:
        return least
    if most < -sure:
        return most
    return _look_up(table, nodes, first, _weights(u), other_first, _weights(v)) - offset


@kernel
def offset_margins(r_bl, r_blb, offsets, series, knee, step, nodes, table, sure, plus, minus):
    """How far each amplifier is on the side of +1, and on the side of -1.

    Args:
        r_bl, r_blb: float64 [cells], ohms of the devices. offsets: float64 [cells], volts.
        series: ohms in series with each device. knee: ohms, of the coordinate.
        step: from node to node. nodes: along each axis.
        table: float64 [nodes * nodes], volts; BL by rows.
        sure: volts; margins beyond need not be accurate, only beyond.
        plus, minus: float64 [cells], overwritten: volts by which the offset is below what reads as
            +1, and above what reads as -1; below 0 where it is not.
    """
    for cell in range(r_bl.size):
        i, first_i, u = _place(r_bl[cell], series, knee, step, nodes)
        j, first_j, v = _place(r_blb[cell], series, knee, step, nodes)
        offset = offsets[cell]
        plus[cell] = _margin(table, nodes, sure, offset, i, first_i, u, j, first_j, v)
        minus[cell] = _margin(table, nodes, sure, -offset, j, first_j, v, i, first_i, u)
