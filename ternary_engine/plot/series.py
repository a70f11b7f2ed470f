"""Rows of results as curves: which columns to use, and the statistics of each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.sweeps.conditions import COLUMNS as CONDITIONS
from ternary_engine.sweeps.intervals import mean_interval
from ternary_engine.sweeps.point import POINT_COLUMNS
from ternary_engine.sweeps.results import COLUMNS

__all__ = ["Series", "choose_columns", "series_of"]

Row = Mapping[str, Any]
FloatArray = npt.NDArray[np.float64]

_RATES = ("ber", "sign_flip", "drop", "rise")
_TAIL = 5.0  # percent of the trials below the band, and above it


@dataclass(frozen=True, eq=False)
class Series:
    """One curve.

    Attributes:
        label: what tells it from others; empty where it is the only one.
        x: values along the axis, ascending: numbers, or text.
        mean, low, high: over the trials of each point.
        spread: whether any point has more than one trial.
    """

    label: str
    x: tuple[Any, ...]
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    spread: bool


def choose_columns(
    rows: Sequence[Row], x: str | None, y: str, group: str | Sequence[str] | None
) -> tuple[str, tuple[str, ...]]:
    """Choose the column along x, and those that tell curves apart; see `curves`.

    Raises:
        ValueError: no such column, or nothing to draw.
    """
    if not rows:
        raise ValueError("nothing to draw: the results have no rows")
    columns = list(rows[0])
    wanted = (group,) if isinstance(group, str) else tuple(group or ())
    for name in (*([] if x is None else [x]), y, *wanted):
        if name not in columns:
            raise ValueError(f"no column {name!r}; the results have {', '.join(columns)}")
    values = {name: {row[name] for row in rows} - {None} for name in columns}
    if not any(_real(value) for value in values[y]):
        raise ValueError(f"column {y!r} has no numbers to draw")
    settings = [*POINT_COLUMNS, *(name for name in columns if name not in COLUMNS)]
    if x is None:
        x = _along([name for name in settings if name in columns], values)
    if not values[x]:
        raise ValueError(f"column {x!r} is blank in every row")
    if group is not None:
        return x, wanted
    apart = [*settings, "network", "network_hash", "data_hash", "batch_size"]
    several = {name for name in apart if len(values.get(name, ())) > 1}
    if "network" in several:
        several.discard("network_hash")
    if (several | {x}) & set(CONDITIONS.values()):  # which say in numbers what it says in words
        several.discard("programmed")
    return x, tuple(name for name in apart if name in several and name != x)


def _along(settings: Sequence[str], values: Mapping[str, set[Any]]) -> str:
    """The numeric setting with the most values."""
    numeric = [name for name in settings if any(_real(value) for value in values[name])]
    if not numeric:
        raise ValueError("no numeric setting to draw along x; choose a column with x (--x)")
    order = [*_RATES, *numeric]
    return max(numeric, key=lambda name: (len(values[name]), -order.index(name)))


def series_of(
    rows: Sequence[Row], x: str, y: str, groups: Sequence[str], band: str
) -> list[Series]:
    """Sum up the rows as curves, in the order of first appearance."""
    by_label: dict[str, dict[Any, list[float]]] = {}
    for row in rows:
        along = row[x]
        if along is None or not _real(row[y]):
            continue
        label = ", ".join(_word(row[name]) for name in groups)
        by_label.setdefault(label, {}).setdefault(along, []).append(float(row[y]))
    if not by_label:
        raise ValueError(f"nothing to draw: no row has both {x!r} and {y!r}")
    return [_series(label, points, band) for label, points in by_label.items()]


def _series(label: str, points: Mapping[Any, list[float]], band: str) -> Series:
    x = tuple(sorted(points, key=lambda value: (isinstance(value, str), value)))
    limits = [_limits(points[value], band) for value in x]
    low, mean, high = np.array(limits, np.float64).T
    return Series(label, x, mean, low, high, any(len(part) > 1 for part in points.values()))


def _limits(values: Sequence[float], band: str) -> tuple[float, float, float]:
    mean = float(np.mean(values))
    if len(values) == 1:
        return mean, mean, mean
    if band == "interval":
        interval = mean_interval(values)
        return interval.low, mean, interval.high
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    return float(low), mean, float(high)


def _real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _word(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
