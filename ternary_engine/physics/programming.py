"""How programming conditions set resistances, energy and endurance; how they drift after.

Every number here is a CHOSEN default, none is measured: the medians, spreads and slopes of the
talk's devices are not public. They are set so that the default `Device` and `SenseAmp` make
errors of the recalled order (docs/physics.md has the table).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from ternary_engine.physics import checks
from ternary_engine.physics.distributions import LogNormal

__all__ = ["COMPLIANCE", "PULSE_WIDTH", "RESET_VOLTAGE", "Drift", "Programming"]

COMPLIANCE = 200e-6  # A } the talk's condition, where the
RESET_VOLTAGE = 2.5  # V } dependences below are anchored
PULSE_WIDTH = 100e-6  # s }
BOLTZMANN = 8.617333262e-5  # eV/K
REFERENCE = 27.0  # degrees Celsius


@dataclass(frozen=True)
class Programming:
    """Compact dependence of a device on how it is programmed. All values are chosen.

    Attributes:
        filament_voltage: V; median LRS = filament_voltage / compliance.
        lrs_sigma: spread of ln(LRS) at 200 uA; it falls with the square root of the compliance.
        hrs_median: ohms, at 2.5 V and 100 us.
        hrs_per_volt: change of ln(HRS median) per volt of RESET.
        hrs_per_decade: change of ln(HRS median) per decade of pulse width.
        hrs_sigma: spread of ln(HRS).
        set_voltage: V, across device and transistor while setting; for the energy.
        endurance: cycles at the talk's condition.
        endurance_exponent: endurance goes as energy to the minus this power.
    """

    filament_voltage: float = 1.0
    lrs_sigma: float = 0.5
    hrs_median: float = 335e3
    hrs_per_volt: float = 1.05
    hrs_per_decade: float = 0.18
    hrs_sigma: float = 0.668
    set_voltage: float = 2.0
    endurance: float = 1e6
    endurance_exponent: float = 1.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in ("filament_voltage", "hrs_median", "set_voltage", "endurance"):
                checks.positive(field.name, value, "")
            elif field.name.endswith("sigma"):
                checks.at_least(field.name, value, 0.0, "nepers")
            else:
                checks.number(field.name, value, "")

    def lrs(self, compliance: float) -> LogNormal:
        """LRS after SET with a compliance current in amperes."""
        sigma = self.lrs_sigma * math.sqrt(COMPLIANCE / compliance)
        return LogNormal(self.filament_voltage / compliance, sigma)

    def hrs(self, reset_voltage: float, pulse_width: float) -> LogNormal:
        """HRS after RESET with a voltage and a pulse width in seconds."""
        grown = self.hrs_per_volt * (reset_voltage - RESET_VOLTAGE)
        grown += self.hrs_per_decade * math.log10(pulse_width / PULSE_WIDTH)
        return LogNormal(self.hrs_median * math.exp(grown), self.hrs_sigma)

    def energy(self, compliance: float, reset_voltage: float, pulse_width: float) -> float:
        """Joules of one SET and one RESET; the RESET current peaks at the compliance."""
        return compliance * pulse_width * (self.set_voltage + reset_voltage)

    def cycles(self, compliance: float, reset_voltage: float, pulse_width: float) -> float:
        """Endurance in SET/RESET cycles."""
        anchor = self.energy(COMPLIANCE, RESET_VOLTAGE, PULSE_WIDTH)
        ratio = self.energy(compliance, reset_voltage, pulse_width) / anchor
        return self.endurance * math.pow(ratio, -self.endurance_exponent)


@dataclass(frozen=True)
class Drift:
    """Retention: ln R moves with the logarithm of time, faster when hot. All values are chosen.

    ln R moves by ``rate * x`` and its variance grows by ``(widening * x)**2``, with
    x = ln(1 + t / tau) and tau = time * exp(activation / k * (1/T - 1/300.15 K)).

    Attributes:
        lrs_rate: nepers; above 0, the filament dissolves.
        hrs_rate: nepers; below 0, the gap fills.
        widening: nepers.
        time: s, at 27 degrees Celsius. activation: eV.
    """

    lrs_rate: float = 0.05
    hrs_rate: float = -0.05
    widening: float = 0.03
    time: float = 1e5
    activation: float = 1.1

    def __post_init__(self) -> None:
        checks.number("lrs_rate", self.lrs_rate, "nepers")
        checks.number("hrs_rate", self.hrs_rate, "nepers")
        checks.at_least("widening", self.widening, 0.0, "nepers")
        checks.positive("time", self.time, "seconds")
        checks.at_least("activation", self.activation, 0.0, "eV")

    def time_constant(self, celsius: float) -> float:
        """Give tau, in seconds, at a temperature."""
        inverse = 1.0 / checks.kelvin("temperature", celsius) - 1.0 / checks.kelvin("", REFERENCE)
        return self.time * math.exp(self.activation / BOLTZMANN * inverse)

    def progress(self, seconds: float, celsius: float) -> float:
        """Give x = ln(1 + t / tau) after a time at a temperature."""
        return math.log1p(seconds / self.time_constant(celsius))
