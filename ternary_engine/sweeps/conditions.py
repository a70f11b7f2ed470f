"""Points over conditions of the physics: supply, sense time, temperature, corner, age."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ternary_engine.errors import Per, SenseErrors
from ternary_engine.sweeps.point import Point

if TYPE_CHECKING:
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

__all__ = ["COLUMNS", "condition_points"]

COLUMNS = {
    "vdd": "vdd_V",
    "sense_time": "sense_time_s",
    "temperature": "temperature_C",
    "corner": "corner",
    "age": "age_s",
}


def condition_points(
    device: Device | None,
    sense: SenseAmp | None,
    given: Mapping[str, Sequence[Any] | None],
    *,
    chips: bool,
    per: Per,
    layers: tuple[str, ...] | None,
) -> list[Point]:
    """Every combination of the conditions that are given; see `Point.conditions`."""
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

    axes = {name: list(values) for name, values in given.items() if values is not None}
    made = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        columns = {COLUMNS[name]: value for name, value in chosen.items()}
        age = chosen.pop("age", None)
        cells = device or Device()
        if age is not None:
            cells = dataclasses.replace(cells, age=float(age))
        amplifier = dataclasses.replace(sense or SenseAmp(), **chosen)
        if chips:
            made.append(Point(None, layers, (), columns, cells, amplifier))
        else:
            errors = SenseErrors.from_device(cells, amplifier, per)
            made.append(Point(errors, layers, (), columns))
    return made
