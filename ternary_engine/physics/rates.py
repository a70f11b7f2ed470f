"""Error rates of reads from the physics: by Monte Carlo, and by quadrature.

P[stored, read] of a device and a sense amplifier. Stored +1 is LRS on BL and HRS on BLb, 0 is HRS
on both, -1 the mirror image of +1.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from ternary_engine.device import Device, State
from ternary_engine.physics import checks
from ternary_engine.physics.boundary import boundary
from ternary_engine.physics.distributions import Empirical, FloatArray, Resistance
from ternary_engine.physics.integrate import PRECISE
from ternary_engine.sense import SenseAmp

if TYPE_CHECKING:
    from ternary_engine.errors import Per, SenseErrors

__all__ = ["Rates", "error_rates", "interval"]

Method = Literal["quadrature", "monte-carlo"]
_STORED: dict[int, tuple[State, State]] = {0: ("hrs", "hrs"), 1: ("lrs", "hrs")}
_SAMPLES = 1_000_000
_SPACING = 0.1  # nepers between knots of the boundary
_NORMALS = 1025  # nodes over a log-normal distribution, to this many deviations:
_FARTHEST = 8.5
_SHARES = 16384  # nodes over an empirical one
_OFFSETS = 15
_USELESS = 0.5


@dataclass(frozen=True)
class Rates:
    """How often reads go wrong.

    Attributes:
        sign_flip: type 1, P(+1 read as -1), the mean of both signs. drop: type 2, P(+1 read as 0).
            rise: type 3, P(0 read as +1 or -1).
        low, high: limits of each at 95 % confidence, in this order; of a quadrature, the rates.
        method: how they were found. samples: reads of each stored value; 0 for a quadrature.
    """

    sign_flip: float
    drop: float
    rise: float
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    method: Method
    samples: int

    def to_dict(self) -> dict[str, Any]:
        """Everything, in plain values."""
        return asdict(self)

    def errors(self, per: Per = "read") -> SenseErrors:
        """The same as `SenseErrors`."""
        from ternary_engine.errors import SenseErrors

        return SenseErrors(sign_flip=self.sign_flip, drop=self.drop, rise=self.rise, per=per)


def error_rates(
    device: Device,
    sense: SenseAmp,
    *,
    method: Method = "quadrature",
    samples: int = _SAMPLES,
    seed: int | None = None,
) -> Rates:
    """Type 1, 2 and 3 error rates of a device under a sense amplifier.

    Devices, the amplifier's offset and its noise are all drawn anew for every read: these are the
    rates over all cells, amplifiers and reads.

    Args:
        device: of both resistances.
        sense: that reads them.
        method: ``"quadrature"`` integrates the distributions over the region of each read value,
            down to 1e-10; ``"monte-carlo"`` counts reads of ``samples`` pairs of each stored value.
        samples: for Monte Carlo.
        seed: for Monte Carlo; default, a fresh one.

    Warns:
        PhysicsWarning: most stored +1 are read as 0: the sense time resolves nothing.
    """
    if method == "quadrature":
        found = _by_quadrature(device, sense)
    elif method == "monte-carlo":
        found = _by_counting(device, sense, samples, seed)
    else:
        raise ValueError(f"method: got {method!r}; it takes quadrature or monte-carlo")
    if found.drop > _USELESS:
        _warn(device, sense, found.drop)
    return found


def interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Limits of a rate from counting (Clopper and Pearson), each side at half the confidence."""
    from scipy.special import betaincinv

    tail = 0.5 * (1.0 - confidence)
    low = float(betaincinv(hits, n - hits + 1, tail)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1.0 - tail)) if hits < n else 1.0
    return low, high


def _warn(device: Device, sense: SenseAmp, drop: float) -> None:
    low, high = (device.resistance(state).median for state in ("lrs", "hrs"))
    one = np.ones(1)
    circuit, horizon = sense.circuit, max(1e-3, sense.sense_time)
    time = circuit.resolve(low * one, high * one, 0.0 * one, horizon, PRECISE)[2][0]
    needed = f"takes {time:.3g} s" if math.isfinite(time) else "does not resolve in 1 ms"
    warnings.warn(
        f"sense time of {sense.sense_time:.3g} s: too short, {100 * drop:.3g} % of stored +1 and "
        f"-1 are read as 0; {low:.3g} against {high:.3g} ohms {needed} at {sense.supply:g} V",
        checks.PhysicsWarning,
        stacklevel=4,
    )


def _by_counting(device: Device, sense: SenseAmp, samples: int, seed: int | None) -> Rates:
    from ternary_engine.errors import check_seed

    if isinstance(samples, bool) or not isinstance(samples, int | np.integer) or samples < 1:
        raise ValueError(f"samples: got {samples!r}; it takes a whole number from 1 on")
    numbers = np.random.Generator(np.random.Philox(check_seed(seed)))
    read = {}
    for stored in (1, 0):
        seeds = numbers.integers(0, 2**63, 2).tolist()
        bl, blb = _STORED[stored]
        r1, r2 = device.sample(bl, int(samples), seeds[0]), device.sample(blb, samples, seeds[1])
        offset = sense.read_sigma * numbers.standard_normal(samples)
        read[stored] = sense.read(r1, r2, offset).value
    flips = int((read[1] == -1).sum())
    drops = int((read[1] == 0).sum())
    rises = int((read[0] != 0).sum())
    limits = [interval(hits, samples) for hits in (flips, drops, rises)]
    low, high = (cast(tuple[float, float, float], one) for one in zip(*limits, strict=True))
    rates = (flips / samples, drops / samples, rises / samples)
    return Rates(*rates, low, high, "monte-carlo", int(samples))


def _by_quadrature(device: Device, sense: SenseAmp) -> Rates:
    against_lrs, against_hrs = (_against(device, sense, state) for state in _STORED[1])
    flip = _read_plus(device, "hrs", against_lrs)[0]  # of a stored -1; +1 is its mirror image
    wrong = _read_plus(device, "lrs", against_hrs)[1]
    rise = 2.0 * _read_plus(device, "hrs", against_hrs)[0]
    rates = (flip, max(wrong - flip, 0.0), min(rise, 1.0))
    return Rates(*rates, rates, rates, "quadrature", 0)


def _against(device: Device, sense: SenseAmp, blb: State) -> tuple[FloatArray, FloatArray]:
    """Resistances below which BL is read as +1 against BLb in a state, with their weights."""
    offsets, offset_weights = _offsets(sense.read_sigma)
    edges, weights = [], []
    for share, part in device.parts(blb):
        r, r_weights = nodes(part)
        edge = _edges(sense, np.log(r + sense.series_resistance), offsets)
        edges.append(np.maximum(np.exp(edge) - sense.series_resistance, 0.0).ravel())
        weights.append(share * np.outer(r_weights, offset_weights).ravel())
    return np.concatenate(edges), np.concatenate(weights)


def _read_plus(
    device: Device, bl: State, against: tuple[FloatArray, FloatArray]
) -> tuple[float, float]:
    """P(read as +1) with BL in a state, and P(not read so); whichever is small is accurate."""
    edges, weights = against
    below = device.cdf(bl, edges)
    return float(weights @ below), float(weights @ (1.0 - below))


def _edges(sense: SenseAmp, log_total: FloatArray, offsets: FloatArray) -> FloatArray:
    """`boundary` at many resistances, by monotone cubics between a few."""
    low, high = float(log_total.min()), float(log_total.max())
    if high - low < 1e-9:
        return np.repeat(boundary(sense, np.array([low]), offsets), log_total.size, axis=0)
    from scipy.interpolate import PchipInterpolator

    knots = np.linspace(low, high, 1 + math.ceil((high - low) / _SPACING))
    return np.asarray(PchipInterpolator(knots, boundary(sense, knots, offsets))(log_total))


def nodes(part: Resistance) -> tuple[FloatArray, FloatArray]:
    """Resistances and weights that stand for a distribution in an integral."""
    if isinstance(part, Empirical):
        shares = (np.arange(_SHARES) + 0.5) / _SHARES
        return part.ppf(shares), np.full(_SHARES, 1.0 / _SHARES)
    if part.sigma == 0.0:
        return np.array([part.median]), np.ones(1)
    z = np.linspace(-_FARTHEST, _FARTHEST, _NORMALS)
    weights = np.exp(-0.5 * z * z)
    return part.at_normal(z), weights / weights.sum()


def _offsets(sigma: float) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of a normal distribution (Gauss and Hermite)."""
    if sigma == 0.0:
        return np.zeros(1), np.ones(1)
    z, weights = np.polynomial.hermite_e.hermegauss(_OFFSETS)
    return sigma * z, weights / weights.sum()
