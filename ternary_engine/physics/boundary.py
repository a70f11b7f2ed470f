"""Where the read value changes: the resistance of one branch that just resolves.

A read is +1 where the logarithm of BL's resistance lies below ``b(ln R_BLb, offset)``, and by
symmetry -1 where that of BLb's lies below ``b(ln R_BL, -offset)``. Resistances here are those of
the whole branch, the series resistance included.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.integrate import BULK, PRECISE, Precision

if TYPE_CHECKING:
    from ternary_engine.sense import SenseAmp

__all__ = ["boundary"]

_LOWEST, _HIGHEST = 0.0, 30.0  # ln of 1 and of 1e13 ohms
_ROUGH, _FINE = 13, 15  # bisections in float32, to 4e-3, and in float64, to 1e-6
_DOUBT = 0.01  # the rough ones are off by at most


def boundary(sense: SenseAmp, log_other: FloatArray, offsets: FloatArray) -> FloatArray:
    """Logarithm of BL's branch resistance below which a pair is read as +1.

    Args:
        sense: the amplifier.
        log_other: [n], ln of the resistance of BLb's branch in ohms.
        offsets: [m], volts.

    Returns:
        Float64 [n, m]; 0 (1 ohm) where none is read as +1.
    """
    other, offset = (one.ravel() for one in np.meshgrid(log_other, offsets, indexing="ij"))
    circuit, r2 = replace(sense.circuit, series=0.0), np.exp(other)

    def is_plus(log_r: FloatArray, precision: Precision) -> npt.NDArray[np.bool_]:
        v1, v2, time, _ = circuit.resolve(np.exp(log_r), r2, offset, sense.sense_time, precision)
        return np.isfinite(time) & (v1 < v2)

    low, high = np.full(other.size, _LOWEST), np.full(other.size, _HIGHEST)
    for _ in range(_ROUGH):
        middle = 0.5 * (low + high)
        plus = is_plus(middle, BULK)
        low, high = np.where(plus, middle, low), np.where(plus, high, middle)
    low, high = np.maximum(low - _DOUBT, _LOWEST), high + _DOUBT
    for _ in range(_FINE):
        middle = 0.5 * (low + high)
        plus = is_plus(middle, PRECISE)
        low, high = np.where(plus, middle, low), np.where(plus, high, middle)
    return low.reshape(log_other.size, offsets.size)
