"""Binary bits in devices: one device read against a reference, two read against each other.

A bit of 1 is LRS, a bit of 0 HRS. Alone (1T1R), a device is 1 where its resistance lies below the
reference; in a pair (2T2R) it is 1 where it lies below that of its complement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ternary_engine.device import Device
from ternary_engine.physics import checks
from ternary_engine.physics.distributions import LogNormal
from ternary_engine.physics.rates import nodes

__all__ = ["BitRates", "read_alone", "read_paired"]

_GRID = 257


@dataclass(frozen=True)
class BitRates:
    """How often bits are read wrong.

    Attributes:
        lrs: P(a stored 1, LRS, is read as 0). hrs: P(a stored 0, HRS, is read as 1).
        reference: ohms; None where there is none.
    """

    lrs: float
    hrs: float
    reference: float | None = None

    def __post_init__(self) -> None:
        checks.probability("lrs", self.lrs)
        checks.probability("hrs", self.hrs)

    @property
    def mean(self) -> float:
        """Of as many ones as zeros."""
        return 0.5 * (self.lrs + self.hrs)


def read_alone(
    device: Device, reference: float | None = None, reference_sigma: float = 0.0
) -> BitRates:
    """Rates of one device read against a reference (1T1R).

    Args:
        device: of both resistances.
        reference: ohms, its median; default the best one between the medians of the two states,
            where as many ones as zeros give the fewest errors.
        reference_sigma: spread of ln of the reference, which is normal: a reference that is
            itself a resistive device, or the offset of the comparator as a share of resistance.
    """
    checks.at_least("reference_sigma", reference_sigma, 0.0, "nepers")
    if reference is not None:
        return _against(device, checks.positive("reference", reference, "ohms"), reference_sigma)
    from scipy.optimize import minimize_scalar

    low, high = device.resistance("lrs").median, device.resistance("hrs").median
    grid = np.linspace(math.log(low), math.log(high), _GRID).tolist()
    rates = [_against(device, math.exp(x), reference_sigma).mean for x in grid]
    place = min(max(int(np.argmin(rates)), 1), _GRID - 2)

    def log_rate(x: float) -> float:
        return math.log(max(_against(device, math.exp(x), reference_sigma).mean, 1e-300))

    around = (grid[place - 1], grid[place + 1])
    best = float(minimize_scalar(log_rate, bounds=around, method="bounded").x)
    return _against(device, math.exp(best), reference_sigma)


def _against(device: Device, reference: float, sigma: float) -> BitRates:
    r, weights = nodes(LogNormal(reference, sigma))
    low, high = device.cdf("lrs", r), device.cdf("hrs", r)
    return BitRates(float(weights @ (1.0 - low)), float(weights @ high), reference)


def read_paired(device: Device) -> BitRates:
    """Rates of two devices in complementary states, the lower resistance telling (2T2R).

    The comparison is taken as exact; what a sense amplifier adds is in `rates`. Both bits fare
    alike. Of log-normal states the rate is Phi(-ln(HRS / LRS) / sqrt(s_lrs**2 + s_hrs**2)), found
    here by quadrature for any distributions; it reaches about 1e-15 in absolute terms.
    """
    wrong = 0.0
    for share, part in device.parts("hrs"):
        r, weights = nodes(part)
        wrong += share * float(weights @ (1.0 - device.cdf("lrs", r)))
    return BitRates(wrong, wrong)
