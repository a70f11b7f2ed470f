"""Transistors of the sense amplifier: flavours, corners, temperature.

Every number here is a CHOSEN default: the transistors of the talk's chip are not public. Thresholds
and slopes are usual for 130 nm; capacitance and strength are set so that the resistance which just
resolves within 50 ns at 1.2 V is about 100 kilohms (recalled, weak).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from ternary_engine.physics import checks

__all__ = ["CORNERS", "FLAVOURS", "Flavour", "Transistors", "thermal_voltage"]

CHARGE = 1.602176634e-19  # C
BOLTZMANN = 1.380649e-23  # J/K
NOMINAL_KELVIN = 300.15


@dataclass(frozen=True)
class Transistors:
    """EKV parameters of the amplifier's NMOS and PMOS at 27 degrees Celsius. All chosen.

    Attributes:
        threshold_n, threshold_p: V, magnitudes.
        slope_n, slope_p: slope factors n.
        current_n, current_p: A, specific currents Is = 2 n beta Ut**2.
        threshold_per_kelvin: V/K, by which both thresholds fall.
        current_exponent: specific current goes as absolute temperature to this power (Ut**2
            times a mobility that falls as T**-1.5).
        corner_threshold: V, by which a fast transistor's threshold is lower.
        corner_current: share by which a fast transistor is stronger.
    """

    threshold_n: float = 0.80
    threshold_p: float = 0.80
    slope_n: float = 1.30
    slope_p: float = 1.35
    current_n: float = 1.0e-6
    current_p: float = 0.4e-6
    threshold_per_kelvin: float = 1.0e-3
    current_exponent: float = 0.5
    corner_threshold: float = 0.05
    corner_current: float = 0.10

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.startswith("current_") and field.name != "current_exponent":
                checks.positive(field.name, value, "amperes")
            elif field.name.startswith("slope"):
                checks.at_least(field.name, value, 1.0, "")
            else:
                checks.number(field.name, value, "")

    def at(self, kelvin: float, corner: str) -> Transistors:
        """The same transistors at a temperature and a process corner such as ``"fs"``."""
        fast_n, fast_p = (_FASTNESS[letter] for letter in corner)
        cooler = self.threshold_per_kelvin * (kelvin - NOMINAL_KELVIN)
        growth = (kelvin / NOMINAL_KELVIN) ** self.current_exponent
        return replace(
            self,
            threshold_n=self.threshold_n - cooler - fast_n * self.corner_threshold,
            threshold_p=self.threshold_p - cooler - fast_p * self.corner_threshold,
            current_n=self.current_n * growth * (1.0 + fast_n * self.corner_current),
            current_p=self.current_p * growth * (1.0 + fast_p * self.corner_current),
        )


@dataclass(frozen=True)
class Flavour:
    """What a flavour of amplifier sets where the user does not.

    Attributes:
        vdd: V. mismatch_sigma: V. transistors: of the amplifier.
    """

    vdd: float
    mismatch_sigma: float
    transistors: Transistors


_THICK = Transistors()
_THIN = Transistors(
    threshold_n=0.42,
    threshold_p=0.42,
    current_n=2.0e-6,
    current_p=0.8e-6,
    corner_threshold=0.03,
)
FLAVOURS = {
    "thick-oxide": Flavour(1.2, 10e-3, _THICK),
    "thin-oxide": Flavour(0.6, 5e-3, _THIN),
    "nominal": Flavour(5.0, 10e-3, _THICK),
}
CORNERS = ("tt", "ff", "ss", "fs", "sf")  # NMOS, then PMOS: typical, fast, slow
_FASTNESS = {"t": 0.0, "f": 1.0, "s": -1.0}


def thermal_voltage(kelvin: float) -> float:
    """Thermal voltage kT/q in volts."""
    return BOLTZMANN * kelvin / CHARGE
