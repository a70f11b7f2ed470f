"""Stronger programming or a code? Errors against energy and endurance, over the conditions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ternary_engine.device import PRESETS, Device
from ternary_engine.ecc.schemes import SCHEMES, Scheme, find_scheme
from ternary_engine.physics.binary_reads import read_alone, read_paired

__all__ = ["TradeOff", "programming_path", "trade_offs"]


@dataclass(frozen=True)
class TradeOff:
    """One scheme under one programming condition. A model; see `Programming`.

    Attributes:
        scheme: how bits are stored, such as ``secded(8,4)``.
        compliance: A. reset_voltage: V. pulse_width: s.
        energy: J of one SET and one RESET of a device. energy_per_bit: the same, for all devices
            of a bit of data.
        endurance: cycles.
        raw: rate at which a device alone is read wrong, against the best reference.
        rate: of wrong bits of data in the end.
    """

    scheme: str
    compliance: float
    reset_voltage: float
    pulse_width: float
    energy: float
    energy_per_bit: float
    endurance: float
    raw: float
    rate: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, in plain values."""
        return asdict(self)


def programming_path(points: int = 17, *, beyond: float = 0.25) -> list[Device]:
    """Devices from weak to strong programming.

    Compliance, RESET voltage and pulse width go together, each in equal ratios, from the preset
    "low-energy" to "talk", and beyond "low-energy" by a share of the way.

    Args:
        points: how many.
        beyond: share of the way by which the weakest lies below "low-energy".
    """
    weak, strong = Device(**PRESETS["low-energy"]), Device()  # type: ignore[arg-type]
    names = ("compliance", "reset_voltage", "pulse_width")
    made = []
    for share in np.linspace(-beyond, 1.0, points).tolist():
        ends = ((getattr(weak, name), getattr(strong, name)) for name in names)
        values = (low * (high / low) ** share for low, high in ends)
        made.append(Device(*values))
    return made


def trade_offs(
    devices: Sequence[Device] | None = None, schemes: Sequence[str | Scheme] = SCHEMES
) -> list[TradeOff]:
    """Errors, energy and endurance of schemes over programming conditions.

    A device alone is read against its best reference, a pair differentially; a code corrects bits
    that err with the mean rate of both states.

    Args:
        devices: under the conditions wanted; default, `programming_path`.
        schemes: see `find_scheme`.

    Returns:
        One entry for each scheme and condition, scheme by scheme.
    """
    held = programming_path() if devices is None else list(devices)
    alone = [read_alone(one).mean for one in held]
    paired = [read_paired(one).mean for one in held]
    return [
        _trade_off(find_scheme(name), one, raw, pair)
        for name in schemes
        for one, raw, pair in zip(held, alone, paired, strict=True)
    ]


def _trade_off(scheme: Scheme, device: Device, raw: float, pair: float) -> TradeOff:
    energy = device.programming_energy
    return TradeOff(
        scheme.name,
        device.compliance,
        device.reset_voltage,
        device.pulse_width,
        energy,
        energy * scheme.devices_per_bit,
        device.endurance,
        raw,
        pair if scheme.paired else float(scheme.residual(raw)),
    )
