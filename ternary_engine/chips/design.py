"""What a chip is to be made of, and what may be done about its bad cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from ternary_engine.device import Device
from ternary_engine.mapping.layers import Outputs
from ternary_engine.mapping.placement import check_array
from ternary_engine.physics import checks
from ternary_engine.sense import SenseAmp

__all__ = ["ChipDesign", "Repair", "WriteVerify"]

_MARGIN = 1.5
_MOST_PULSES = 1 << 10


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: got {value!r}; it takes a whole number")
    if not least <= value <= most:
        raise ValueError(f"{name}: got {value}; it takes {least} to {most}")
    return int(value)


@dataclass(frozen=True)
class WriteVerify:
    """Program a device again until its resistance is on the right side of a limit.

    Every pulse is a RESET and a SET that draw anew what does not stay with the device. A device
    that is out of its limit after the last pulse stays as it is.

    Attributes:
        lrs_below: ohms; default, the resistance that just resolves against the median of HRS,
            divided by 1.5 (chosen).
        hrs_above: ohms; default, the resistance that just resolves against an open branch, times
            1.5 (chosen).
        most: pulses at most.
    """

    lrs_below: float | None = None
    hrs_above: float | None = None
    most: int = 10

    def __post_init__(self) -> None:
        for name in ("lrs_below", "hrs_above"):
            if getattr(self, name) is not None:
                checks.positive(name, getattr(self, name), "ohms")
        _whole("most", self.most, 1, _MOST_PULSES)

    def limits(self, device: Device, sense: SenseAmp) -> dict[str, float]:
        """Ohms by state: LRS must be below, HRS above."""
        low, high = self.lrs_below, self.hrs_above
        if low is None:
            low = sense.threshold(device.resistance("hrs").median) / _MARGIN
        if high is None:
            high = sense.threshold() * _MARGIN
        return {"lrs": low, "hrs": high}


@dataclass(frozen=True)
class Repair:
    """What is done about stuck devices, whose places a test has found, and about noisy reads.

    Attributes:
        polarity: store the weights of a line negated where that meets fewer stuck devices; its
            result is negated beside the array.
        lines: let the lines of a layer (outputs and trit planes) change places.
        inputs: let the inputs of a layer change places within the width of an array.
        spares: lines that a layer has too many; needs ``lines``.
        votes: reads of each cell, an odd number: what counts is their median, which is what more
            than half of them say where there is such a value, else 0.
    """

    polarity: bool = False
    lines: bool = False
    inputs: bool = False
    spares: int = 0
    votes: int = 1

    def __post_init__(self) -> None:
        for name in ("polarity", "lines", "inputs"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name}: got {getattr(self, name)!r}; it takes True or False")
        _whole("spares", self.spares, 0, 1 << 20)
        if self.spares and not self.lines:
            raise ValueError(
                f"spares: got {self.spares}; spare lines are of use where lines may change "
                "places: lines=True"
            )
        if _whole("votes", self.votes, 1, 999) % 2 == 0:
            raise ValueError(f"votes: got {self.votes}; it takes an odd number of reads")

    @property
    def moves(self) -> bool:
        """Whether it decides where weights lie, for which a test must find the stuck devices."""
        return self.polarity or self.lines or self.inputs


@dataclass(frozen=True, kw_only=True)
class ChipDesign:
    """Everything about a chip but its weights and its seed.

    Attributes:
        device: what every device is like. sense: what every sense amplifier is like.
        array: rows and columns of an array, with an amplifier at the foot of every column.
        outputs: ``"rows"`` if the weights of an output lie along a row, so that an amplifier reads
            one input's weights of many outputs; ``"columns"`` if along a column.
        verify: how devices are programmed until they fit; None for one pulse each.
        repair: what is done about bad cells; None for nothing.

    Raises:
        TypeError, ValueError: a field that is none of these.
    """

    device: Device
    sense: SenseAmp
    array: tuple[int, int] = (32, 32)
    outputs: Outputs = "rows"
    verify: WriteVerify | None = None
    repair: Repair | None = None

    def __post_init__(self) -> None:
        _check_kind("device", self.device, Device, needed=True)
        _check_kind("sense", self.sense, SenseAmp, needed=True)
        _check_kind("verify", self.verify, WriteVerify, needed=False)
        _check_kind("repair", self.repair, Repair, needed=False)
        object.__setattr__(self, "array", check_array(self.array))
        if self.outputs not in get_args(Outputs):
            raise ValueError(f"outputs: got {self.outputs!r}; it takes 'rows' or 'columns'")

    @property
    def votes(self) -> int:
        """Reads of each cell."""
        return 1 if self.repair is None else self.repair.votes


def _check_kind(name: str, value: Any, kind: type[Any], *, needed: bool) -> None:
    made = f"te.{kind.__name__}, such as te.{kind.__name__}()"
    if value is None:
        if needed:
            raise TypeError(f"{name}: got none; a chip takes both device and sense, here a {made}")
    elif not isinstance(value, kind):
        raise TypeError(f"{name}: got {type(value).__name__}; it takes a {made}")
