"""Where the read value changes: the offset of the amplifier at which a pair just resolves.

A pair with the branch resistances R_BL and R_BLb is read as +1 where the offset of its amplifier
(noise included) lies below ``c(R_BL, R_BLb)``, by symmetry as -1 where it lies above
``-c(R_BLb, R_BL)``, and as 0 in between. So with an offset o and noise of spread s

    P(+1) = Phi((c(R_BL, R_BLb) - o) / s),    P(-1) = Phi((c(R_BLb, R_BL) + o) / s).

The function c is tabulated once for each amplifier, by bisection on the transient.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.integrate import BULK, PRECISE, Precision

if TYPE_CHECKING:
    from ternary_engine.sense import SenseAmp

__all__ = ["OffsetTable", "critical_offsets", "offset_table"]

_KNEE = 1e7  # ohms; a larger resistance counts by its conductance
_LEAST = 10.0  # ohms; a branch below is dominated by its transistor
_STEP = 0.1  # about, between nodes
_BULK_BITS, _PRECISE_BITS = 12, 13
_DOUBT = 3e-4  # volts, by which float32 may be off
_SETTLED = 100.0  # sense times, after which the latch has settled
_MOST = 0.3  # of the supply: offsets beyond are not told apart
_DEVIATIONS = 8.0, 10.0  # of mismatch and of noise, that the table is accurate for
_CHECKED = 200  # meshes whose middle is checked
_BESIDE = 0.15  # volts, of nodes beside those: interpolation looks at them


@dataclass(frozen=True, eq=False)
class OffsetTable:
    """The offset below which a pair is read as +1, for any pair.

    Attributes:
        values: volts [nodes, nodes], BL by rows; see `kernels.offsets` for the coordinate.
        step: from node to node. series: ohms in series with each device.
        reach: volts; for offsets up to this the table is accurate.
        error: volts; largest error found within the reach, in the middles of some 200 meshes
            up to 5 megohms.
    """

    values: FloatArray
    step: float
    series: float
    reach: float
    error: float

    def margins(
        self, r_bl: FloatArray, r_blb: FloatArray, offsets: FloatArray, sure: float = math.inf
    ) -> tuple[FloatArray, FloatArray]:
        """Volts by which amplifiers are on the side of +1, and on that of -1.

        Args:
            r_bl: ohms of the devices, flat.
            r_blb: the same on the other side.
            offsets: volts, of the amplifier of each.
            sure: volts; margins beyond are bounds that are beyond it too, which is faster.
        """
        from ternary_engine.kernels.offsets import offset_margins

        plus, minus = np.empty(r_bl.size), np.empty(r_bl.size)
        where = (self.series, _KNEE, self.step, len(self.values), self.values.reshape(-1))
        offset_margins(r_bl, r_blb, offsets, *where, sure, plus, minus)
        return plus, minus


def critical_offsets(
    sense: SenseAmp,
    r_bl: FloatArray,
    r_blb: FloatArray,
    *,
    settled: bool = False,
    precise: float = math.inf,
) -> FloatArray:
    """Offset below which pairs are read as +1, each by bisection on its own transient.

    Args:
        sense: the amplifier.
        r_bl: ohms of the whole branch, flat.
        r_blb: the same of the other branch.
        settled: read the side that is ahead once the latch has settled, at no sense time; then
            the pair is read as -1 above this offset.
        precise: volts; larger offsets are found in float32 only, to 0.3 mV.

    Returns:
        Volts, to 2e-7; at most 0.3 of the supply, or four times the reach, to either side.
    """
    circuit = replace(sense.circuit, series=0.0)
    horizon = sense.sense_time * (_SETTLED if settled else 1.0)

    def narrowed(
        where: npt.NDArray[np.intp],
        low: FloatArray,
        high: FloatArray,
        precision: Precision,
        bits: int,
    ) -> tuple[FloatArray, FloatArray]:
        """Halve the limits between which the offsets of some pairs lie."""
        for _ in range(bits):
            middle = 0.5 * (low + high)
            v1, v2, time, _ = circuit.resolve(r_bl[where], r_blb[where], middle, horizon, precision)
            plus = (v1 < v2) & (settled | np.isfinite(time))
            low, high = np.where(plus, middle, low), np.where(plus, high, middle)
        return low, high

    most = max(_MOST * sense.supply, 4.0 * _reach(sense))
    limits = np.full(r_bl.size, most)
    low, high = narrowed(np.arange(r_bl.size), -limits, limits, BULK, _BULK_BITS)
    found: FloatArray = 0.5 * (low + high)
    inner = np.flatnonzero(np.abs(low) < min(precise, most - 2.0 * _DOUBT))
    low, high = low[inner] - _DOUBT, high[inner] + _DOUBT
    low, high = narrowed(inner, low, high, PRECISE, _PRECISE_BITS)
    found[inner] = 0.5 * (low + high)
    return found


def _reach(sense: SenseAmp) -> float:
    return _DEVIATIONS[0] * sense.offset_sigma + _DEVIATIONS[1] * sense.noise_sigma


@functools.lru_cache(maxsize=32)
def offset_table(sense: SenseAmp, settled: bool = False) -> OffsetTable:
    """Tabulate `critical_offsets`.

    Args:
        sense: the amplifier.
        settled: as in `critical_offsets`.
    """
    span = math.log1p(_KNEE / max(sense.series_resistance, _LEAST))
    nodes = 2 * math.ceil(0.5 * span / _STEP) + 1
    step = span / (nodes - 1)
    with np.errstate(divide="ignore"):
        r = np.minimum(_KNEE / np.expm1(step * np.arange(nodes)), 1e6 * _KNEE)
    r_bl, r_blb = (one.ravel() for one in np.meshgrid(r, r, indexing="ij"))
    reach = _reach(sense)
    found = critical_offsets(sense, r_bl, r_blb, settled=settled, precise=reach + _BESIDE)
    values = found.reshape(nodes, nodes)
    if settled:  # what is left of the difference between the two sides is rounding
        values = 0.5 * (values - values.T)
    table = OffsetTable(values, step, sense.series_resistance, reach, 0.0)
    return replace(table, error=_error(sense, table, settled))


def _error(sense: SenseAmp, table: OffsetTable, settled: bool) -> float:
    """Largest error in the middles of meshes, where it is largest, of some within the reach."""
    middles = _KNEE / np.expm1(table.step * (np.arange(len(table.values) - 1) + 0.5))
    middles = middles[middles < 0.5 * _KNEE]
    r_bl, r_blb = (one.ravel() for one in np.meshgrid(middles, middles, indexing="ij"))
    found, _ = table.margins(r_bl - table.series, r_blb - table.series, np.zeros(r_bl.size))
    inside = np.flatnonzero(np.abs(found) < table.reach)
    some = inside[:: max(inside.size // _CHECKED, 1)]
    exact = critical_offsets(sense, r_bl[some], r_blb[some], settled=settled)
    return float(np.abs(found[some] - exact).max(initial=0.0))
