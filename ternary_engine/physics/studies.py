"""Read maps, and error rates over supply, sense time, temperature and corner."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from ternary_engine.device import Device
from ternary_engine.physics.checks import PhysicsWarning
from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.rates import Method, error_rates
from ternary_engine.sense import SenseAmp

__all__ = ["Condition", "ReadMap", "conditions", "read_map", "separation"]

_HORIZON = 100e-6  # s; what has not resolved by then is given as infinite


@dataclass(frozen=True, eq=False)
class ReadMap:
    """The read value over both resistances.

    Attributes:
        r_bl: ohms [n], of the rows. r_blb: ohms [m], of the columns.
        value: int8 [n, m]. time: s [n, m], until resolved; infinite where read as 0.
    """

    r_bl: FloatArray
    r_blb: FloatArray
    value: npt.NDArray[np.int8]
    time: FloatArray


@dataclass(frozen=True)
class Condition:
    """Error rates under one condition.

    Attributes:
        vdd: V. sense_time: s. temperature: degrees Celsius. corner: of the process.
        sign_flip, drop, rise: type 1, 2 and 3 error rates.
        threshold: ohms that just resolve against the median of HRS in time; 0 for none.
        energy_one, energy_zero: J of a read of +1 and of 0 at the medians.
    """

    vdd: float
    sense_time: float
    temperature: float
    corner: str
    sign_flip: float
    drop: float
    rise: float
    threshold: float
    energy_one: float
    energy_zero: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, in plain values."""
        return asdict(self)


def read_map(sense: SenseAmp, r: Any = None, *, points: int = 97, offset: float = 0.0) -> ReadMap:
    """Read every pair of some resistances.

    Args:
        sense: the amplifier.
        r: ohms; default, ``points`` from 1 kilohm to 3 megohms, evenly on a logarithmic scale.
        points: how many by default.
        offset: V, of the amplifier.
    """
    values = np.geomspace(1e3, 3e6, points) if r is None else np.asarray(r, np.float64).ravel()
    reads = sense.read(values[:, None], values[None, :], offset)
    return ReadMap(values, values, reads.value, reads.time)


def separation(sense: SenseAmp, device: Device) -> tuple[float, float]:
    """Seconds that a +1 and a 0 take to resolve, at the medians of a device.

    The 0 has one device at the median of HRS and the other a tenth below it, without offset.
    """
    low, high = device.resistance("lrs").median, device.resistance("hrs").median
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PhysicsWarning)
        time = sense.read([low, 0.9 * high], high, horizon=_HORIZON, precise=True).time
    return float(time[0]), float(time[1])


def conditions(
    device: Device,
    sense: SenseAmp,
    *,
    vdd: Sequence[float] | None = None,
    sense_time: Sequence[float] | None = None,
    temperature: Sequence[float] | None = None,
    corner: Sequence[str] | None = None,
    method: Method = "quadrature",
    samples: int = 1_000_000,
    seed: int | None = None,
) -> list[Condition]:
    """Error rates over all combinations of some conditions (the PVT study).

    Conditions under which nothing resolves give a drop rate of 1 and no warning.

    Args:
        device: of both resistances.
        sense: the amplifier; it has the conditions that are not given.
        vdd: volts.
        sense_time: seconds.
        temperature: degrees Celsius.
        corner: such as ``"tt"``.
        method: see `error_rates`.
        samples: see `error_rates`.
        seed: see `error_rates`.
    """
    axes: dict[str, Sequence[Any]] = {
        "vdd": vdd if vdd is not None else [sense.supply],
        "sense_time": sense_time if sense_time is not None else [sense.sense_time],
        "temperature": temperature if temperature is not None else [sense.temperature],
        "corner": corner if corner is not None else [sense.corner],
    }
    amplifiers = [
        replace(sense, **cast(dict[str, Any], dict(zip(axes, values, strict=True))))
        for values in itertools.product(*axes.values())
    ]
    return [_condition(device, one, method, samples, seed) for one in amplifiers]


def _condition(
    device: Device, sense: SenseAmp, method: Method, samples: int, seed: int | None
) -> Condition:
    low, high = device.resistance("lrs").median, device.resistance("hrs").median
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PhysicsWarning)
        found = error_rates(device, sense, method=method, samples=samples, seed=seed)
        energy = sense.read([low, high], high).energy
    return Condition(
        sense.supply,
        sense.sense_time,
        sense.temperature,
        sense.corner,
        found.sign_flip,
        found.drop,
        found.rise,
        sense.threshold(high),
        float(energy[0]),
        float(energy[1]),
    )
