"""What a sweep varies: one setting of errors, and how it is written in a row of results."""

from __future__ import annotations

import functools
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ternary_engine.errors import Errors, Per, SenseErrors, resolve_errors
from ternary_engine.layer import Layer
from ternary_engine.sweeps.spelling import in_full, in_short

if TYPE_CHECKING:
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

__all__ = ["POINT_COLUMNS", "Point", "Value", "as_points"]

Value = str | int | float | bool

# How a point is written in the results; its own columns come after these.
POINT_COLUMNS = ("per", "ber", "sign_flip", "drop", "rise", "layers", "errors", "programmed")
_NAME = re.compile(r"[a-z][A-Za-z0-9_]*")
_RATES = ("sign_flip", "drop", "rise")


@dataclass(frozen=True, eq=False)
class Point:
    """One setting of a sweep.

    Attributes:
        errors: sense errors of every run, as `Network.run` takes them; None for none.
        layers: names of the crossbar layers that have them; None for all (or those that a
            mapping names).
        programmed: programming errors, drawn once for each trial (a virtual chip) before it runs;
            each of several strikes the cells that those before left right. One alone may be given
            without a tuple.
        columns: columns of your own in the results, e.g. ``{"vdd_V": 0.9, "device": "A"}``:
            numbers or text; they tell points apart and change nothing else.
        device, sense: each trial is a chip of its own with such devices and sense amplifiers, see
            `Network.program`, in place of ``errors`` and ``programmed``.

    Raises:
        ValueError, TypeError: a field that is none of these.

    Examples:
        >>> Point(SenseErrors.from_ber(1e-3), layers=("conv1",), columns={"vdd_V": 0.9})
        Point(SenseErrors(ber=0.001), layers=('conv1',), columns={'vdd_V': 0.9})
    """

    errors: Errors | None = None
    layers: tuple[str, ...] | None = None
    programmed: tuple[Errors, ...] = ()
    columns: Mapping[str, Value] = field(default_factory=dict)
    device: Device | None = None
    sense: SenseAmp | None = None

    def __post_init__(self) -> None:
        if self.errors is not None:
            object.__setattr__(self, "errors", _checked("errors", self.errors))
        stages: Any = self.programmed
        if isinstance(stages, SenseErrors | Mapping):
            stages = (stages,)
        checked = tuple(_checked("programmed", one) for one in stages)
        object.__setattr__(self, "programmed", checked)
        if self.layers is not None:
            if isinstance(self.layers, str) or not self.layers:
                raise ValueError(
                    f"layers: got {self.layers!r}; it takes names of layers, or None for all"
                )
            object.__setattr__(self, "layers", tuple(self.layers))
        object.__setattr__(self, "columns", _checked_columns(self.columns))
        if self.device is not None or self.sense is not None:
            _check_chip(self)

    @classmethod
    def grid(
        cls,
        *,
        ber: Sequence[float] = (),
        sign_flip: Sequence[float] = (),
        drop: Sequence[float] = (),
        rise: Sequence[float] = (),
        per: Per | Sequence[Per] = "read",
        layers: Sequence[str] | None = None,
    ) -> list[Point]:
        """Make every combination of some rates.

        Args:
            ber: bit error rates, in place of the next three.
            sign_flip: rates of -1 and +1 read with the other sign; defaults to 0.
            drop: rates of -1 and +1 read as 0; defaults to 0.
            rise: rates of 0 read as -1 or +1; defaults to 0.
            per: what one draw lasts for, one or several; defaults to ``"read"``.
            layers: layers that have the errors; defaults to all.

        Examples:
            >>> len(Point.grid(ber=[1e-4, 1e-3, 1e-2], per=["read", "program"]))
            6
        """
        durations = (per,) if isinstance(per, str) else tuple(per)
        if ber and (sign_flip or drop or rise):
            raise ValueError("ber stands for all three error types; give it, or them, not both")
        if ber:
            spelled = [SenseErrors.from_ber(rate, per=one) for one in durations for rate in ber]
        else:
            rates = itertools.product(durations, sign_flip or (0,), drop or (0,), rise or (0,))
            spelled = [SenseErrors(s, d, r, one) for one, s, d, r in rates]
        chosen = None if layers is None else tuple(layers)
        return [cls(errors, chosen) for errors in spelled]

    @classmethod
    def conditions(
        cls,
        device: Device | None = None,
        sense: SenseAmp | None = None,
        *,
        vdd: Sequence[float] | None = None,
        sense_time: Sequence[float] | None = None,
        temperature: Sequence[float] | None = None,
        corner: Sequence[str] | None = None,
        age: Sequence[float] | None = None,
        chips: bool = True,
        per: Per = "read",
        layers: Sequence[str] | None = None,
    ) -> list[Point]:
        """Make every combination of some conditions of the physics.

        Args:
            device: of both resistances; defaults to ``Device()``. See `physics.studies`.
            sense: the amplifier; it has the conditions that are not given. Defaults to
                ``SenseAmp()``.
            vdd: volts.
            sense_time: seconds.
            temperature: degrees Celsius.
            corner: such as ``"tt"``.
            age: seconds since programming.
            chips: whether each trial is a chip with resistances of its own; otherwise all cells
                have the mean rates of such chips, see `SenseErrors.from_device`. Defaults to True.
            per: what one draw lasts for, where there are no ``chips``; defaults to ``"read"``.
            layers: that err; defaults to all.

        Returns:
            Points with columns ``vdd_V``, ``sense_time_s``, ``temperature_C``, ``corner``,
            ``age_s`` for the conditions that were given.

        Examples:
            >>> len(Point.conditions(vdd=[0.9, 1.2], temperature=[-40, 27, 85]))
            6
        """
        from ternary_engine.sweeps.conditions import condition_points

        given = {
            "vdd": vdd,
            "sense_time": sense_time,
            "temperature": temperature,
            "corner": corner,
            "age": age,
        }
        chosen = None if layers is None else tuple(layers)
        return condition_points(device, sense, given, chips=chips, per=per, layers=chosen)

    def __repr__(self) -> str:
        parts = [] if self.errors is None else [repr(self.errors)]
        named = {name: getattr(self, name) for name in ("layers", "programmed", "columns")}
        parts += [f"{name}={value!r}" for name, value in named.items() if value]
        chip = {"device": self.device, "sense": self.sense}
        parts += [f"{name}={in_short(value)}" for name, value in chip.items() if value is not None]
        return f"Point({', '.join(parts)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    @functools.cached_property
    def key(self) -> str:
        """All that tells this point from another, as text."""
        content: list[Any] = [
            _spelled(self.errors),
            self.layers and sorted(self.layers),
            [_spelled(stage) for stage in self.programmed],
            sorted(self.columns.items()),
        ]
        if self.device is not None:
            content += [in_full(self.device), in_full(self.sense)]
        return json.dumps(content)

    @property
    def needs_batches(self) -> bool:
        """Whether the result depends on the size of a batch."""
        return self.errors is not None and any(one.per == "batch" for one in _each(self.errors))

    def restricted(self, errors: Errors) -> Errors:
        """Errors of this point's layers alone."""
        if self.layers is None:
            return errors
        if isinstance(errors, SenseErrors):
            return dict.fromkeys(self.layers, errors)
        return {name: errors[name] for name in self.layers if name in errors}

    def check(self, layers: Sequence[Layer]) -> None:
        """Raise ValueError unless the layers of a network can have these errors."""
        for errors in (self.errors, *self.programmed):
            if errors is not None:
                resolve_errors(self.restricted(errors), layers)
        if self.device is not None and self.layers is not None:
            resolve_errors(dict.fromkeys(self.layers, SenseErrors()), layers)

    def cells(self) -> dict[str, Value]:
        """What the columns of a row say of this point; those that do not apply are absent."""
        shown: dict[str, Value] = {}
        each = [] if self.errors is None else _each(self.errors)
        if len({one.per for one in each}) == 1:
            shown["per"] = each[0].per
        if self.device is not None:
            shown["programmed"] = f"{in_short(self.device)} read by {in_short(self.sense)}"
        elif self.errors is None and not self.programmed:
            shown |= dict.fromkeys(_RATES, 0.0)
        elif len(set(each)) == 1 and each[0].table is None:
            one = each[0]
            rates = {name: getattr(one, name) for name in _RATES}
            shown |= {"ber": one.ber} if one.ber is not None else rates
        elif self.errors is not None:
            shown["errors"] = _text(self.errors)
        names = self.layers
        if names is None and isinstance(self.errors, Mapping):
            names = tuple(self.errors)
        if names is not None:
            shown["layers"] = " ".join(sorted(names))
        if self.programmed:
            shown["programmed"] = " then ".join(_text(stage) for stage in self.programmed)
        return shown | dict(self.columns)

    def label(self) -> str:
        """Name the point in a few words: what its columns say."""
        cells = self.cells()
        if self.device is not None and self.columns:
            cells.pop("programmed")
        given = {n: v for n, v in cells.items() if v != 0.0 or n == "ber" or n in self.columns}
        if not given or set(given) == {"per"}:
            return "no errors"
        return ", ".join(f"{n} {v:g}" if _real(v) else f"{n} {v}" for n, v in given.items())


def as_points(points: Sequence[Any] | Any) -> tuple[Point, ...]:
    """Read points as users give them: points, errors, bit error rates or None, in a list.

    Raises:
        ValueError: none at all, or the same twice. TypeError: something else.
    """
    listed = [points] if isinstance(points, Point | SenseErrors | Mapping) else list(points)
    made = tuple(_as_point(one) for one in listed)
    if not made:
        raise ValueError("points: got none; it takes at least one")
    if len(set(made)) < len(made):
        twice = next(one for one in made if made.count(one) > 1)
        raise ValueError(f"points: {twice!r} is there twice")
    return made


def _as_point(one: Any) -> Point:
    if isinstance(one, Point):
        return one
    if one is None or isinstance(one, SenseErrors | Mapping):
        return Point(one)
    if _real(one):
        return Point(SenseErrors.from_ber(float(one)))
    raise TypeError(
        f"points: got {one!r}; each is a Point, SenseErrors, a dict of them by layer, "
        "a bit error rate, or None"
    )


def _real(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _checked(name: str, errors: Any) -> Errors:
    if isinstance(errors, SenseErrors):
        return errors
    if isinstance(errors, Mapping):
        for layer, one in errors.items():
            if not isinstance(one, SenseErrors):
                raise TypeError(f"{name}[{layer!r}]: got {one!r}; it takes SenseErrors")
        return dict(errors)
    raise TypeError(f"{name}: got {errors!r}; it takes SenseErrors, or a dict of them by layer")


def _check_chip(point: Point) -> None:
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

    for name, value, kind in (
        ("device", point.device, Device),
        ("sense", point.sense, SenseAmp),
    ):
        if not isinstance(value, kind):
            raise TypeError(f"{name}: got {value!r}; a chip takes a te.{kind.__name__}")
    if point.errors is not None or point.programmed:
        raise ValueError(
            "device, sense: a chip's errors follow from them; errors and programmed do not go "
            "with them"
        )


def _checked_columns(columns: Mapping[str, Any]) -> dict[str, Value]:
    checked: dict[str, Value] = {}
    for name, value in columns.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(
                f"columns: got {name!r}; a name is letters, digits and _, and begins with a small "
                "letter; put the unit last, as in vdd_V"
            )
        plain = value.item() if isinstance(value, np.generic) else value
        if not isinstance(plain, Value) or (isinstance(plain, float) and not math.isfinite(plain)):
            raise ValueError(f"columns[{name!r}]: got {value!r}; it takes finite numbers or text")
        if isinstance(plain, str) and not plain.isprintable():
            raise ValueError(f"columns[{name!r}]: got {value!r}; text is one printable line")
        checked[name] = plain
    return checked


def _each(errors: Errors) -> list[SenseErrors]:
    return [errors] if isinstance(errors, SenseErrors) else list(errors.values())


def _spelled(errors: Errors | None) -> Any:
    if isinstance(errors, Mapping):
        return {name: repr(errors[name]) for name in sorted(errors)}
    return None if errors is None else repr(errors)


def _text(errors: Errors) -> str:
    if isinstance(errors, SenseErrors):
        return repr(errors)
    return "; ".join(f"{name}: {errors[name]!r}" for name in sorted(errors))
