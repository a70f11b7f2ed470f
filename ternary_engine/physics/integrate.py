"""From volts, ohms and seconds to the units of the kernels, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.physics.circuit import Transistors, thermal_voltage
from ternary_engine.physics.distributions import FloatArray

__all__ = ["BULK", "PRECISE", "Circuit", "Precision"]

_CHUNK = 1 << 16  # cells at a time; their arrays stay in the cache
_MOST_ROWS = 200_000


@dataclass(frozen=True)
class Precision:
    """Step of the integration.

    Attributes:
        dtype: of the kernel. steps: for a swing of the supply. slow: share of the swing that
            waiting up to the horizon counts as.
    """

    dtype: Any
    steps: int
    slow: float


# Against integration with 2560 steps, resolve times of 200,000 code words at the default condition
# are off by at most 2.3e-4 (BULK) and 3.6e-6 (PRECISE) of themselves, and no decision differs.
BULK = Precision(np.float32, 16, 0.25)
PRECISE = Precision(np.float64, 80, 0.5)
SMOOTH = Precision(np.float64, 500, 3.0)


@dataclass(frozen=True)
class Circuit:
    """One sense amplifier, ready for the kernels.

    Attributes:
        transistors: at temperature and corner. vdd: V. capacitance: F, of each output.
        series: ohms in series with each device. kelvin: K. level: V, difference of the outputs
            that counts as resolved.
    """

    transistors: Transistors
    vdd: float
    capacitance: float
    series: float
    kelvin: float
    level: float

    @property
    def volt(self) -> float:
        """The kernels' unit of voltage, 2 Ut, in volts."""
        return 2.0 * thermal_voltage(self.kelvin)

    @property
    def second(self) -> float:
        """The kernels' unit of time, 2 Ut C / Is, in seconds."""
        return self.volt * self.capacitance / self.transistors.current_n

    def _constants(self) -> tuple[float, float, float, float, float]:
        t = self.transistors
        strength = t.current_p / t.current_n
        threshold = t.threshold_p / self.volt
        return self.vdd / self.volt, threshold, 1.0 / t.slope_n, 1.0 / t.slope_p, strength

    def _cells(
        self, r1: FloatArray, r2: FloatArray, offset: FloatArray, dtype: Any
    ) -> list[npt.NDArray[Any]]:
        """Conductances and thresholds of both branches, padded to whole vectors."""
        lanes = 64 // np.dtype(dtype).itemsize
        room = -(-r1.size // lanes) * lanes - r1.size
        unit = self.volt / self.transistors.current_n
        middle = self.transistors.threshold_n
        values = (
            unit / (r1 + self.series),
            unit / (r2 + self.series),
            (middle + 0.5 * offset) / self.volt,
            (middle - 0.5 * offset) / self.volt,
        )
        return [np.pad(one, (0, room), mode="edge").astype(dtype) for one in values]

    def _clock(self, horizon: float, precision: Precision) -> tuple[float, float]:
        swing = self.vdd / self.volt
        return swing / precision.steps, precision.slow * swing / (horizon / self.second)

    def resolve(
        self,
        r1: FloatArray,
        r2: FloatArray,
        offset: FloatArray,
        horizon: float,
        precision: Precision,
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Integrate cells until each resolves, or to the horizon.

        Args:
            r1: ohms, flat; of the branch BL.
            r2: the same of BLb.
            offset: V, the same length.
            horizon: seconds.
            precision: `BULK` or `PRECISE`.

        Returns:
            Both outputs in volts, time in seconds (infinite where unresolved) and charge through
            the PMOS in coulombs.
        """
        from ternary_engine.kernels.transient import transients

        step, slow = self._clock(horizon, precision)
        found = np.empty((4, r1.size))
        for start in range(0, r1.size, _CHUNK):
            part = slice(start, min(start + _CHUNK, r1.size))
            cells = self._cells(r1[part], r2[part], offset[part], precision.dtype)
            result = np.empty((4, cells[0].size), precision.dtype)
            level, end = self.level / self.volt, horizon / self.second
            transients(*cells, self._constants(), end, level, step, slow, result)
            found[:, part] = result[:, : part.stop - start]
        charge = self.volt * self.capacitance
        w1, w2, time, pulled = found * np.array([[self.volt], [self.volt], [self.second], [charge]])
        return w1, w2, time, pulled

    def follow(self, r1: float, r2: float, offset: float, horizon: float) -> FloatArray:
        """Waveforms of one cell; float64 [points, 4]: outputs (V), time (s), PMOS charge (C)."""
        from ternary_engine.kernels.transient import waveforms

        step, slow = self._clock(horizon, SMOOTH)
        one = np.ones(1)
        cells = self._cells(r1 * one, r2 * one, offset * one, np.float64)
        path = np.empty((_MOST_ROWS, 4, cells[0].size))
        rows = waveforms(*cells, self._constants(), horizon / self.second, step, slow, path)
        units = [self.volt, self.volt, self.second, self.volt * self.capacitance]
        found: FloatArray = path[:rows, :, 0] * np.array(units)
        before, last = found[-2:]
        if last[2] > horizon:  # the last step led past it
            found[-1] = before + (last - before) * (horizon - before[2]) / (last[2] - before[2])
        return found
