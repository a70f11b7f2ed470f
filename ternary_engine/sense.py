"""The precharge sense amplifier that reads a device pair as +1, 0 or -1."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ternary_engine.physics import checks
from ternary_engine.physics.circuit import CORNERS, FLAVOURS, Flavour, Transistors
from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.integrate import BULK, PRECISE, Circuit

__all__ = ["Reads", "SenseAmp", "Transistors", "Waveforms"]

_SHORT = 1.0  # ohm: no device discharges a branch faster
_OPEN = 1e12  # ohms


@dataclass(frozen=True, eq=False)
class Reads:
    """What became of some reads.

    Attributes:
        value: int8: +1 where the branch of BL fell first, -1 where that of BLb did, 0 where the
            outputs had not parted by the sense time.
        time: s until the outputs parted; infinite where they had not by the horizon.
        energy: J drawn from the supply by the read and the precharge after it.
    """

    value: npt.NDArray[np.int8]
    time: FloatArray
    energy: FloatArray


@dataclass(frozen=True, eq=False)
class Waveforms:
    """A transient.

    Attributes:
        time: s. bl, blb: V, the outputs of the two branches. energy: J drawn until then, with
            the precharge that makes good for it.
    """

    time: FloatArray
    bl: FloatArray
    blb: FloatArray
    energy: FloatArray


@dataclass(frozen=True)
class SenseAmp:
    """A precharge sense amplifier: who falls first decides, who does not fall in time is 0.

    Both outputs are charged to the supply. While sensing, each is discharged through an NMOS whose
    gate is the other output and the device of its branch; PMOS, cross-coupled alike, restore the
    one that stays. A read is +1 or -1 once the outputs differ by ``resolve_share`` of the supply,
    and 0 if they do not within the sense time. Without arguments it is the talk's condition, a
    thick-oxide amplifier at 1.2 V read after 50 ns, with everything that is not public CHOSEN, see
    `Transistors`.

    Attributes:
        flavour: ``"thick-oxide"`` (1.2 V), ``"thin-oxide"`` (0.6 V) or ``"nominal"`` (the thick
            oxide at its 5 V).
        vdd: V; default by flavour.
        sense_time: s.
        temperature: degrees Celsius.
        corner: ``"tt"``, ``"ff"``, ``"ss"``, ``"fs"`` or ``"sf"``: NMOS, then PMOS.
        mismatch_sigma: V, spread of the offset (the difference of the two thresholds) from
            amplifier to amplifier; default by flavour, chosen.
        noise_sigma: V, spread of the offset from read to read (chosen).
        capacitance: F, of each output with its line (chosen).
        series_resistance: ohms in series with each device: access transistor, switches (chosen).
        resolve_share: of the supply (chosen).
        transistors: default by flavour, chosen.

    Raises:
        ValueError: a quantity that is impossible. TypeError: not a number.

    Examples:
        >>> sense = SenseAmp()
        >>> sense.read([5e3, 330e3, 350e3], [350e3, 350e3, 5e3]).value.tolist()
        [1, 0, -1]
    """

    flavour: Literal["thick-oxide", "thin-oxide", "nominal"] = "thick-oxide"
    vdd: float | None = None
    sense_time: float = 50e-9
    temperature: float = 27.0
    corner: Literal["tt", "ff", "ss", "fs", "sf"] = "tt"
    mismatch_sigma: float | None = None
    noise_sigma: float = 0.5e-3
    capacitance: float = 145e-15
    series_resistance: float = 1e3
    resolve_share: float = 0.5
    transistors: Transistors | None = None

    def __post_init__(self) -> None:
        if self.flavour not in FLAVOURS:
            raise ValueError(
                f"flavour: got {self.flavour!r}; it takes one of {', '.join(FLAVOURS)}"
            )
        if self.corner not in CORNERS:
            raise ValueError(f"corner: got {self.corner!r}; it takes one of {', '.join(CORNERS)}")
        checks.positive("sense_time", self.sense_time, "seconds")
        checks.positive("capacitance", self.capacitance, "farads")
        checks.kelvin("temperature", self.temperature)
        checks.at_least("series_resistance", self.series_resistance, 0.0, "ohms")
        checks.at_least("noise_sigma", self.noise_sigma, 0.0, "volts")
        if not 0.0 < checks.number("resolve_share", self.resolve_share, "") < 1.0:
            raise ValueError(
                f"resolve_share: got {self.resolve_share}; it takes a number between 0 and 1"
            )
        if self.vdd is not None:
            checks.positive("vdd", self.vdd, "volts")
        if self.mismatch_sigma is not None:
            checks.at_least("mismatch_sigma", self.mismatch_sigma, 0.0, "volts")

    @property
    def _flavour(self) -> Flavour:
        return FLAVOURS[self.flavour]

    @property
    def supply(self) -> float:
        """Supply voltage in volts: ``vdd``, or the flavour's."""
        return self._flavour.vdd if self.vdd is None else float(self.vdd)

    @property
    def offset_sigma(self) -> float:
        """Spread of the offset from amplifier to amplifier, in volts."""
        given = self.mismatch_sigma
        return self._flavour.mismatch_sigma if given is None else float(given)

    @property
    def read_sigma(self) -> float:
        """Spread of the offset over amplifiers and reads together, in volts."""
        return math.hypot(self.offset_sigma, self.noise_sigma)

    @property
    def circuit(self) -> Circuit:
        """The amplifier at its temperature and corner, as the integration takes it."""
        kelvin = checks.kelvin("temperature", self.temperature)
        return Circuit(
            (self.transistors or self._flavour.transistors).at(kelvin, self.corner),
            self.supply,
            self.capacitance,
            self.series_resistance,
            kelvin,
            self.resolve_share * self.supply,
        )

    def read(
        self,
        r_bl: Any,
        r_blb: Any,
        offset: Any = 0.0,
        *,
        horizon: float | None = None,
        precise: bool = False,
    ) -> Reads:
        """Read device pairs, each by integrating its own transient.

        Args:
            r_bl: ohms, above 0; shapes broadcast.
            r_blb: the same on the other side.
            offset: V, threshold of the NMOS on the side of BL less that on the side of BLb.
            horizon: s, at which to stop waiting for cells that are read as 0; default the sense
                time. A longer one tells when they would have resolved.
            precise: float64 and short steps, ten times slower, instead of float32.
        """
        shaped = np.broadcast_arrays(
            *(np.asarray(one, np.float64) for one in (r_bl, r_blb, offset))
        )
        r1, r2, offsets = (np.ascontiguousarray(one).ravel() for one in shaped)
        _check_cells(r1, r2, offsets)
        end = self.sense_time if horizon is None else checks.positive("horizon", horizon, "seconds")
        end = max(end, self.sense_time)
        self._warn_if_hopeless()
        precision = PRECISE if precise else BULK
        v1, v2, time, pulled = self.circuit.resolve(r1, r2, offsets, end, precision)
        value = np.where(time <= self.sense_time, np.sign(v2 - v1), 0.0).astype(np.int8)
        energy = self._energy(v1, v2, time, pulled)
        shape = shaped[0].shape
        return Reads(value.reshape(shape), time.reshape(shape), energy.reshape(shape))

    def _energy(
        self, v1: FloatArray, v2: FloatArray, time: FloatArray, pulled: FloatArray
    ) -> FloatArray:
        """What the PMOS let through, and the precharge; once resolved, the latch is let settle."""
        c, vdd = self.capacitance, self.supply
        settled = c * vdd + c * (vdd - np.maximum(v1, v2))
        open_ended = c * (vdd - v1) + c * (vdd - v2)
        return vdd * (pulled + np.where(np.isfinite(time), settled, open_ended))

    def xnor(self, r_bl: Any, r_blb: Any, x: Any, offset: Any = 0.0) -> Reads:
        """Multiply stored weights by binary inputs within the sense (XNOR).

        Four transistors swap the branches where the input is -1; the offset stays with the
        amplifier's sides.

        Args:
            r_bl: ohms.
            r_blb: ohms.
            x: -1 or +1; shapes broadcast.
            offset: as in `read`.
        """
        x = np.asarray(x)
        if not np.isin(x, (-1, 1)).all():
            raise ValueError("x: it takes inputs of -1 and +1; an input of 0 senses nothing")
        swap = x < 0
        return self.read(np.where(swap, r_blb, r_bl), np.where(swap, r_bl, r_blb), offset)

    def waveforms(
        self, r_bl: float, r_blb: float, offset: float = 0.0, *, duration: float | None = None
    ) -> Waveforms:
        """The transient of one read, to the sense time or for ``duration`` seconds."""
        _check_cells(*(np.array([one], np.float64) for one in (r_bl, r_blb, offset)))
        end = self.sense_time if duration is None else duration
        end = checks.positive("duration", end, "seconds")
        v1, v2, time, pulled = self.circuit.follow(r_bl, r_blb, offset, end).T
        return Waveforms(time, v1, v2, self._energy(v1, v2, np.full_like(v1, np.inf), pulled))

    def fastest(self) -> float:
        """Seconds in which a short circuit against an open one resolves; nothing is faster."""
        one = np.ones(1)
        horizon = max(self.sense_time, 1e-3)
        time = self.circuit.resolve(_SHORT * one, _OPEN * one, 0.0 * one, horizon, PRECISE)[2]
        return float(time[0])

    def threshold(self, r_other: float = _OPEN) -> float:
        """Ohms at which a device just resolves against another within the sense time.

        Args:
            r_other: ohms, resistance of the other branch; default, it does not conduct.

        Returns:
            The resistance; 0 where the sense time is too short for any.
        """
        from ternary_engine.physics.boundary import boundary

        other = np.log([r_other + self.series_resistance])
        found = math.exp(boundary(self, other, np.zeros(1))[0, 0])
        return max(found - self.series_resistance, 0.0)

    def netlist(
        self, r_bl: float, r_blb: float, offset: float = 0.0, *, duration: float | None = None
    ) -> str:
        """The same circuit for ngspice, see `ternary_engine.spice.netlist`."""
        from ternary_engine import spice

        return spice.netlist(self, r_bl, r_blb, offset, duration=duration)

    def _warn_if_hopeless(self) -> None:
        fastest = self.fastest()
        if fastest > self.sense_time:
            needed = f"takes {fastest:.3g} s" if math.isfinite(fastest) else "takes over 1 ms"
            warnings.warn(
                f"sense time of {self.sense_time:.3g} s: too short to resolve anything; a short "
                f"circuit against an open one {needed} at {self.supply:g} V",
                checks.PhysicsWarning,
                stacklevel=3,
            )


def _check_cells(r1: FloatArray, r2: FloatArray, offset: FloatArray) -> None:
    for name, r in (("r_bl", r1), ("r_blb", r2)):
        good = (r > 0.0) & np.isfinite(r)
        if not good.all():
            raise ValueError(f"{name}: got {r[~good][0]}; it takes ohms, finite and above 0")
    if not np.isfinite(offset).all():
        raise ValueError("offset: it takes finite volts")
