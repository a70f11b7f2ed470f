"""All errors, one of their parts alone, or all but one: for rates, and for chips."""

from __future__ import annotations

import dataclasses
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Literal, Protocol

from ternary_engine.errors import Errors, SenseErrors
from ternary_engine.network import Network
from ternary_engine.physics.distributions import LogNormal
from ternary_engine.studies.parts import TYPES, crossbar, layer_errors, only_type
from ternary_engine.sweeps.point import Point

if TYPE_CHECKING:
    from ternary_engine.device import Device, State
    from ternary_engine.sense import SenseAmp

__all__ = ["By", "ChipSplit", "ErrorSplit", "Split", "chip_parts", "with_parts"]

By = Literal["layer", "type", "part"]

STATES: tuple[State, State] = ("lrs", "hrs")
PARTS = ("programming", "sensing", "stuck cells", "drift")


class Split(Protocol):
    """Errors that can be taken apart."""

    def names(self, kind: By) -> list[str]:
        """Layers, types or parts that have errors at all."""
        ...

    def point(self, study: str, kind: str, name: str) -> Point:
        """The point of a part ``"alone"``, with it ``"spared"``, or of ``"all"``."""
        ...

    def bare(self) -> Point | None:
        """The point without any part; None where that is the network without errors."""
        ...


def _columns(study: str, kind: str, name: str) -> dict[str, str]:
    return {"study": study, "part": f"{kind} {name}".strip() or "all"}


class ErrorSplit:
    """Rates of errors, of reading and of programming."""

    def __init__(self, net: Network, reading: Errors, programmed: tuple[Errors, ...]) -> None:
        self.layers = crossbar(net)
        self.reading = layer_errors(reading, net)
        self.programmed = tuple(layer_errors(stage, net) for stage in programmed)

    def names(self, kind: By) -> list[str]:
        """See `Split`."""
        if kind == "part":
            if not self.programmed:
                raise ValueError(
                    "by: 'part' splits programming from reading; give programming, too"
                )
            return ["programming", "reading"]
        stages = (self.reading, *self.programmed)
        if kind == "layer":
            return [name for name in self.layers if any(name in stage for stage in stages)]
        return [name for name in TYPES if any(self._of_types(stage, {name}) for stage in stages)]

    def bare(self) -> Point | None:
        """See `Split`."""
        return None

    def point(self, study: str, kind: str, name: str) -> Point:
        """See `Split`."""
        reading, programmed = self.reading, self.programmed
        if kind == "layer":
            keep = {name} if study == "alone" else set(self.layers) - {name}
            reading, *rest = (
                {n: e for n, e in stage.items() if n in keep} for stage in (reading, *programmed)
            )
            programmed = tuple(rest)
        elif kind == "type":
            wanted = {name} if study == "alone" else set(TYPES) - {name}
            reading, *rest = (self._of_types(stage, wanted) for stage in (reading, *programmed))
            programmed = tuple(rest)
        elif kind == "part":
            if (name == "reading") == (study == "alone"):
                programmed = ()
            else:
                reading = {}
        kept = tuple(stage for stage in programmed if stage)
        return Point(reading or None, None, kept, _columns(study, kind, name))

    def _of_types(self, stage: dict[str, SenseErrors], types: set[str]) -> dict[str, SenseErrors]:
        made = {name: only_type(e, self.layers[name], types) for name, e in stage.items()}
        return {name: e for name, e in made.items() if e is not None}


class ChipSplit:
    """Chips of a device and a sense amplifier."""

    def __init__(self, net: Network, device: Device, sense: SenseAmp) -> None:
        self.layers = tuple(crossbar(net))
        self.device, self.sense = device, sense
        self.parts = chip_parts(device, sense)

    def names(self, kind: By) -> list[str]:
        """See `Split`."""
        if kind == "type":
            raise ValueError(
                "by: 'type' takes rates of errors; a chip's follow from its device and amplifier"
            )
        return list(self.layers if kind == "layer" else self.parts)

    def bare(self) -> Point:
        """See `Split`."""
        device, sense = with_parts(self.device, self.sense, set())
        return Point(None, None, (), _columns("bare", "", ""), device, sense)

    def point(self, study: str, kind: str, name: str) -> Point:
        """See `Split`."""
        device, sense = self.device, self.sense
        layers = None
        if kind == "layer":
            others = tuple(layer for layer in self.layers if layer != name)
            layers = (name,) if study == "alone" else others
        elif kind == "part":
            kept = {name} if study == "alone" else set(self.parts) - {name}
            device, sense = with_parts(device, sense, kept)
        columns = _columns(study, kind, name)
        if layers == ():  # the only layer is spared
            return Point(columns=columns)
        return Point(None, layers, (), columns, device, sense)


def chip_parts(device: Device, sense: SenseAmp) -> tuple[str, ...]:
    """What can go wrong on such chips: parts of which there is none are left out."""
    there = {
        "programming": any(device.resistance(state).sigma > 0 for state in STATES),
        "sensing": sense.read_sigma > 0,
        "stuck cells": device.stuck_lrs + device.stuck_hrs > 0,
        "drift": device.age > 0,
    }
    return tuple(part for part in PARTS if there[part])


def with_parts(device: Device, sense: SenseAmp, parts: AbstractSet[str]) -> tuple[Device, SenseAmp]:
    """A device and an amplifier of which only some parts go wrong; seeds name the same devices.

    Args:
        device: as it is.
        sense: as it is.
        parts: ``"programming"``, the spread of the resistances after programming; ``"sensing"``,
            offset and noise of the amplifiers; ``"stuck cells"``; ``"drift"``, the age.
    """
    if "drift" not in parts:
        device = dataclasses.replace(device, age=0.0)
    if "stuck cells" not in parts:
        device = dataclasses.replace(device, stuck_lrs=0.0, stuck_hrs=0.0)
    if "programming" not in parts:
        fresh = dataclasses.replace(device, age=0.0)
        low, high = (LogNormal(fresh.resistance(one).median, 0.0) for one in STATES)
        device = dataclasses.replace(device, lrs=low, hrs=high)
    if "sensing" not in parts:
        sense = dataclasses.replace(sense, mismatch_sigma=0.0, noise_sigma=0.0)
    return device, sense
