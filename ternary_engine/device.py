"""Resistive-memory devices: what resistance they have after programming, and how sure that is."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt

from ternary_engine.physics import checks
from ternary_engine.physics.distributions import Empirical, FloatArray, LogNormal, Resistance
from ternary_engine.physics.fitting import Fit, fit_samples, read_samples
from ternary_engine.physics.programming import (
    COMPLIANCE,
    PULSE_WIDTH,
    REFERENCE,
    RESET_VOLTAGE,
    Drift,
    Programming,
)

__all__ = [
    "PRESETS",
    "STATES",
    "Device",
    "Drift",
    "Empirical",
    "LogNormal",
    "Programming",
    "State",
    "standard_normals",
]

State = Literal["lrs", "hrs"]
STATES: tuple[State, State] = ("lrs", "hrs")
_BISECTIONS = 100
_PULSE = 40  # bits of a counter below the number of the pulse

# Conditions of the presets. The talk's is quoted; the other two are chosen: "degraded" for a type 3
# rate of the recalled 18.5 %, "low-energy" for the quoted 30 times less energy at a raw (1T1R)
# error rate of 3.3e-2.
PRESETS: dict[str, dict[str, float]] = {
    "talk": {},
    "degraded": {"reset_voltage": 2.0},
    "low-energy": {"compliance": 100e-6, "reset_voltage": 1.75, "pulse_width": 8e-6},
}


@dataclass(frozen=True)
class Device:
    """A resistive-memory device under given programming conditions.

    Without arguments it is the talk's condition (200 uA, 2.5 V, 100 us), with every number that is
    not public CHOSEN, see `Programming`.

    Attributes:
        compliance: A, limit of the current while setting.
        reset_voltage: V. pulse_width: s, of either pulse.
        lrs, hrs: resistances instead of those that ``programming`` gives for the conditions.
        device_share: share of the variance of ln R that lies between devices and stays with each;
            the rest is drawn afresh at every programming (chosen: 0.5).
        stuck_lrs, stuck_hrs: shares of the devices that are in this state whatever is programmed.
        programming: how the conditions act. drift: how resistances age, None for `Drift()`.
        age: s since programming, spent at ``age_temperature`` degrees Celsius.
        fitted: how well the resistances fit the samples that they were fitted to, see `fit`.

    Raises:
        ValueError: a quantity that is impossible, or a median of LRS that is not below that of HRS.

    Examples:
        >>> device = Device()
        >>> round(device.resistance("lrs").median)
        5000
        >>> device.sample("hrs", 3, seed=7).shape
        (3,)
    """

    compliance: float = COMPLIANCE
    reset_voltage: float = RESET_VOLTAGE
    pulse_width: float = PULSE_WIDTH
    lrs: Resistance | None = None
    hrs: Resistance | None = None
    device_share: float = 0.5
    stuck_lrs: float = 0.0
    stuck_hrs: float = 0.0
    programming: Programming = field(default_factory=Programming)
    drift: Drift | None = None
    age: float = 0.0
    age_temperature: float = REFERENCE
    fitted: tuple[Fit, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for name, unit in (
            ("compliance", "amperes"),
            ("reset_voltage", "volts"),
            ("pulse_width", "seconds"),
        ):
            object.__setattr__(self, name, checks.positive(name, getattr(self, name), unit))
        for name in ("device_share", "stuck_lrs", "stuck_hrs"):
            object.__setattr__(self, name, checks.probability(name, getattr(self, name)))
        if self.stuck_lrs + self.stuck_hrs > 1.0:
            raise ValueError(
                f"stuck_lrs + stuck_hrs: got {self.stuck_lrs} + {self.stuck_hrs}; "
                "together they are at most 1"
            )
        checks.at_least("age", self.age, 0.0, "seconds")
        checks.kelvin("age_temperature", self.age_temperature)
        low, high = self._fresh("lrs"), self._fresh("hrs")
        if not low.median < high.median:
            raise ValueError(
                f"LRS above HRS: medians of {low.median:.4g} and {high.median:.4g} ohms; "
                "the low-resistance state must be the lower one"
            )

    @classmethod
    def preset(cls, name: str) -> Device:
        """A device under the conditions of a preset.

        Args:
            name: ``"talk"`` (200 uA, 2.5 V, 100 us, as quoted), ``"degraded"`` (2.0 V, chosen) or
                ``"low-energy"`` (100 uA, 1.75 V, 8 us, chosen).
        """
        if name not in PRESETS:
            raise ValueError(f"preset: got {name!r}; it takes one of {', '.join(PRESETS)}")
        return cls(**cast(dict[str, Any], PRESETS[name]))

    @classmethod
    def fit(
        cls,
        samples: str | os.PathLike[str],
        kind: Literal["lognormal", "empirical"] = "lognormal",
        **conditions: Any,
    ) -> Device:
        """Resistances from measured samples.

        Args:
            samples: path of a .csv with the columns ``state`` (LRS or HRS) and ``resistance``
                (ohms), at least two rows of each state.
            kind: ``"lognormal"`` fits median and spread by maximum likelihood, ``"empirical"``
                keeps the samples.
            conditions: other attributes of the device.

        Returns:
            The device; its ``fitted`` says how well it fits: standard errors of median and spread,
            and the largest distance of the distributions (Kolmogorov-Smirnov).
        """
        found = {state: fit_samples(state, r, kind) for state, r in read_samples(samples).items()}
        fits = tuple(fit for _, fit in found.values())
        return cls(lrs=found["lrs"][0], hrs=found["hrs"][0], fitted=fits, **conditions)

    def _fresh(self, state: State) -> Resistance:
        given = self.lrs if state == "lrs" else self.hrs
        if given is not None:
            return given
        if state == "lrs":
            return self.programming.lrs(self.compliance)
        return self.programming.hrs(self.reset_voltage, self.pulse_width)

    def resistance(self, state: State) -> Resistance:
        """Distribution of a sound device in a state, at the device's age."""
        fresh = self._fresh(check_state(state))
        if not self.age:
            return fresh
        drift = self.drift or Drift()
        x = drift.progress(self.age, self.age_temperature)
        rate = drift.lrs_rate if state == "lrs" else drift.hrs_rate
        return fresh.spread(rate * x, (drift.widening * x) ** 2)

    def aged(self, seconds: float, temperature: float = REFERENCE) -> Device:
        """The same devices some time after programming, kept at a temperature in Celsius."""
        checks.at_least("seconds", seconds, 0.0, "seconds")
        checks.kelvin("temperature", temperature)
        return replace(self, age=float(seconds), age_temperature=float(temperature))

    def parts(self, state: State) -> tuple[tuple[float, Resistance], ...]:
        """Shares and distributions of the devices that were programmed to a state."""
        sound = 1.0 - self.stuck_lrs - self.stuck_hrs
        parts = (
            (sound, self.resistance(state)),
            (self.stuck_lrs, self.resistance("lrs")),
            (self.stuck_hrs, self.resistance("hrs")),
        )
        return tuple(part for part in parts if part[0])

    def cdf(self, state: State, r: Any) -> FloatArray:
        """P(resistance <= r ohms) of a device programmed to a state, stuck ones among them."""
        return np.asarray(sum(share * one.cdf(r) for share, one in self.parts(state)))

    def pdf(self, state: State, r: Any) -> FloatArray:
        """Density per ohm of a device programmed to a state, stuck ones among them."""
        return np.asarray(sum(share * one.pdf(r) for share, one in self.parts(state)))

    def ppf(self, state: State, share: Any) -> FloatArray:
        """Resistance below which a share of the devices lies; inverse of `cdf`."""
        parts = self.parts(state)
        if len(parts) == 1:
            return parts[0][1].ppf(share)
        share = np.asarray(share, np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):  # of 0 and 1: at 0 and infinity
            ends = np.stack([np.log(one.ppf(share)) for _, one in parts])
            low, high = ends.min(axis=0), ends.max(axis=0)
            for _ in range(_BISECTIONS):
                middle = np.where(low == high, low, 0.5 * (low + high))
                below = self.cdf(state, np.exp(middle)) < share
                low, high = np.where(below, middle, low), np.where(below, high, middle)
        return np.asarray(np.exp(high))

    def sample(self, state: State, n: int, seed: int | None = None, cycle: int = 0) -> FloatArray:
        """Resistances of ``n`` devices programmed to a state, in ohms; float64 [n].

        Args:
            state: ``"lrs"`` or ``"hrs"``.
            n: number of devices.
            seed: names the devices: the same seed gives the same ones, stuck ones included,
                whatever the state, cycle, age or n. None draws a fresh seed.
            cycle: number of the programming pulse: another cycle draws the share of the
                variance that does not stay with the device afresh.
        """
        from ternary_engine.errors import check_seed

        if isinstance(n, bool) or not isinstance(n, int | np.integer):
            raise TypeError(f"n: got {n!r}; it takes a whole number of devices")
        if n < 0:
            raise ValueError(f"n: got {n}; it takes 0 or more devices")
        state, seed = check_state(state), check_seed(seed)
        return self.resistances(state, np.arange(n), seed, cycle)

    def resistances(
        self,
        state: State,
        numbers: npt.NDArray[np.int64],
        seed: int,
        cycle: int = 0,
        pulse: int | npt.NDArray[np.int64] = 0,
        place: str = "",
    ) -> FloatArray:
        """Resistances of numbered devices programmed to a state, in ohms; float64.

        Device i of a seed is the same device in every call, whatever else is asked for.

        Args:
            state: ``"lrs"`` or ``"hrs"``.
            numbers: which devices, any shape, from 0 on and below 2**40.
            seed: see `sample`.
            cycle: see `sample`.
            pulse: further pulses within the cycle, of all or of each, below 2**17; each draws
                anew as a cycle does.
            place: keeps devices apart that have the same numbers.
        """
        found = self.resistance(state).at_normal(
            self._normal(state, numbers, seed, cycle, pulse, place)
        )
        for name, held in self.stuck(numbers, seed, place).items():
            if held.any():
                pulses = np.broadcast_to(pulse, np.shape(numbers))[held]
                z = self._normal(name, numbers[held], seed, cycle, pulses, place)
                found[held] = self.resistance(name).at_normal(z)
        return found

    def stuck(
        self, numbers: npt.NDArray[np.int64], seed: int, place: str = ""
    ) -> dict[State, npt.NDArray[np.bool_]]:
        """Which devices are stuck, by state; empty where the device has no such faults.

        Args:
            numbers: as in `resistances`.
            seed: as in `resistances`.
            place: as in `resistances`.
        """
        if not (self.stuck_lrs or self.stuck_hrs):
            return {}
        fate = _uniforms(seed, f"{place}stuck", numbers)
        low = fate < self.stuck_lrs
        return {"lrs": low, "hrs": ~low & (fate < self.stuck_lrs + self.stuck_hrs)}

    def _normal(
        self,
        state: State,
        numbers: npt.NDArray[np.int64],
        seed: int,
        cycle: int,
        pulse: int | npt.NDArray[np.int64],
        place: str,
    ) -> FloatArray:
        """Standard normals: a part that stays with each device, a part of this cycle."""
        z = np.zeros(np.shape(numbers))
        if self.device_share > 0.0:
            z += standard_normals(seed, f"{place}device {state}", numbers) * math.sqrt(
                self.device_share
            )
        if self.device_share < 1.0:
            counters = numbers + (np.asarray(pulse, np.int64) << _PULSE)
            fresh = standard_normals(seed, f"{place}cycle {state} {cycle}", counters)
            z += fresh * math.sqrt(1.0 - self.device_share)
        return z

    @property
    def programming_energy(self) -> float:
        """Joules of one SET and one RESET."""
        return self.programming.energy(self.compliance, self.reset_voltage, self.pulse_width)

    @property
    def endurance(self) -> float:
        """SET/RESET cycles until failure."""
        return self.programming.cycles(self.compliance, self.reset_voltage, self.pulse_width)


def check_state(state: Any) -> State:
    """``"lrs"`` or ``"hrs"``, in any case."""
    found = state.lower() if isinstance(state, str) else state
    if found not in STATES:
        raise ValueError(f"state: got {state!r}; it takes 'lrs' or 'hrs'")
    return cast(State, found)


def _uniforms(seed: int, purpose: str, counters: npt.NDArray[np.int64]) -> FloatArray:
    """A random number between 0 and 1 for each counter, in its shape."""
    from ternary_engine.kernels.random import stream_keys
    from ternary_engine.kernels.uniforms import fill_uniforms

    flat = np.ascontiguousarray(counters, np.int64).reshape(-1)
    found = np.empty(flat.size)
    fill_uniforms(stream_keys(seed, purpose), flat, found)
    return found.reshape(np.shape(counters))


def standard_normals(seed: int, purpose: str, counters: npt.NDArray[np.int64]) -> FloatArray:
    """A standard normal number for each counter, in its shape."""
    from scipy.special import ndtri

    return np.asarray(ndtri(_uniforms(seed, purpose, counters)))
