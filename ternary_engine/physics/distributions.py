"""Distributions of a resistance: log-normal, or as measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.physics import checks

__all__ = ["Empirical", "FloatArray", "LogNormal", "Resistance"]

FloatArray = npt.NDArray[np.float64]
_FEWEST = 2


@dataclass(frozen=True)
class LogNormal:
    """The logarithm of the resistance is normal.

    Attributes:
        median: ohms. sigma: standard deviation of the natural logarithm; 0 is one value.
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "median", checks.positive("median", self.median, "ohms"))
        object.__setattr__(self, "sigma", checks.at_least("sigma", self.sigma, 0.0, "nepers"))

    def _z(self, r: Any) -> FloatArray:
        with np.errstate(divide="ignore", invalid="ignore"):
            x = np.log(np.asarray(r, np.float64)) - math.log(self.median)
            z: FloatArray = x / self.sigma
        return np.where(x == 0.0, 0.0, z)

    def cdf(self, r: Any) -> FloatArray:
        """P(resistance <= r)."""
        from scipy.special import ndtr

        if self.sigma == 0.0:
            return np.where(np.asarray(r, np.float64) >= self.median, 1.0, 0.0)
        return np.asarray(ndtr(self._z(r)))

    def pdf(self, r: Any) -> FloatArray:
        """Density, per ohm; of one value it is infinite there."""
        if self.sigma == 0.0:
            return np.where(np.asarray(r, np.float64) == self.median, np.inf, 0.0)
        scale = math.sqrt(2.0 * math.pi) * self.sigma * np.asarray(r, np.float64)
        found: FloatArray = np.exp(-0.5 * self._z(r) ** 2) / scale
        return found

    def ppf(self, share: Any) -> FloatArray:
        """Resistance below which a share of the devices lies; inverse of `cdf`."""
        from scipy.special import ndtri

        return self.at_normal(ndtri(np.asarray(share, np.float64)))

    def at_normal(self, z: Any) -> FloatArray:
        """Resistance that a standard normal ``z`` stands for."""
        if self.sigma == 0.0:
            return np.full(np.shape(z), self.median)
        found: FloatArray = np.exp(self.sigma * np.asarray(z)) * self.median
        return found

    def spread(self, shift: float, widen: float) -> LogNormal:
        """Move the logarithm by ``shift`` nepers and add ``widen`` to its variance."""
        return LogNormal(self.median * math.exp(shift), math.sqrt(self.sigma**2 + widen))


@dataclass(frozen=True, eq=False)
class Empirical:
    """Measured resistances; between them the logarithm is uniform.

    The cumulative distribution rises by 1/n around each of n samples, in a straight line over the
    logarithm from each to the next, and ends half a step beyond the outermost.

    Attributes:
        samples: ohms, at least two, in any order; held sorted.
    """

    samples: FloatArray

    def __post_init__(self) -> None:
        held = np.sort(np.asarray(self.samples, np.float64).ravel())
        if held.size < _FEWEST:
            raise ValueError(f"samples: got {held.size}; it takes at least {_FEWEST} resistances")
        if not (np.isfinite(held).all() and held[0] > 0.0):
            raise ValueError("samples: got a resistance that is not a finite number above 0 ohms")
        held.flags.writeable = False
        object.__setattr__(self, "samples", held)

    def _knots(self) -> tuple[FloatArray, FloatArray]:
        x = np.log(self.samples)
        n = x.size
        ends = (x[0] - 0.5 * (x[1] - x[0]), x[-1] + 0.5 * (x[-1] - x[-2]))
        shares = np.concatenate([[0.0], (np.arange(n) + 0.5) / n, [1.0]])
        return np.concatenate([ends[:1], x, ends[1:]]), shares

    @property
    def median(self) -> float:
        """Ohms."""
        return float(self.ppf(0.5))

    @property
    def sigma(self) -> float:
        """Standard deviation of the natural logarithm of the samples."""
        return float(np.log(self.samples).std(ddof=1))

    def cdf(self, r: Any) -> FloatArray:
        """P(resistance <= r)."""
        x, shares = self._knots()
        with np.errstate(divide="ignore"):
            return np.asarray(np.interp(np.log(np.asarray(r, np.float64)), x, shares, 0.0, 1.0))

    def pdf(self, r: Any) -> FloatArray:
        """Density, per ohm."""
        x, shares = self._knots()
        x, first = np.unique(x, return_index=True)  # equal samples: one step, its slope beside it
        slopes = np.append(np.diff(shares[first]) / np.diff(x), 0.0)
        r = np.asarray(r, np.float64)
        place = np.searchsorted(x, np.log(r), side="right") - 1
        found: FloatArray = np.where(place >= 0, slopes[place], 0.0) / r
        return found

    def ppf(self, share: Any) -> FloatArray:
        """Resistance below which a share of the devices lies; inverse of `cdf`."""
        share = np.asarray(share, np.float64)
        x, shares = self._knots()
        found: FloatArray = np.exp(np.interp(share, shares, x))
        return np.where((share >= 0.0) & (share <= 1.0), found, np.nan)

    def at_normal(self, z: Any) -> FloatArray:
        """Resistance that a standard normal ``z`` stands for."""
        from scipy.special import ndtr

        return self.ppf(ndtr(z))

    def spread(self, shift: float, widen: float) -> Empirical:
        """Move the logarithm by ``shift`` nepers and add ``widen`` to its variance."""
        x = np.log(self.samples)
        sigma = self.sigma
        factor = math.sqrt(1.0 + widen / sigma**2) if sigma else 1.0
        centre = math.log(self.median)
        return Empirical(np.exp(centre + shift + factor * (x - centre)))


Resistance = LogNormal | Empirical
