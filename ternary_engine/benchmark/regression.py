"""Compares two results of the benchmark by their ratios, never by their times.

Ratios to peers and fractions of the roof are measured side by side, so that a busy or a slower
clock moves both; times are not comparable from one day to the next.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ternary_engine.exceptions import FormatError

__all__ = [
    "VERSION",
    "Change",
    "Comparison",
    "compare",
    "figures_of",
    "has_slowed",
    "other_machine",
    "read",
]

VERSION = 1  # of the JSON that `ternary-engine bench` writes
_MACHINE = ("cpu", "compiles_for")  # what must be equal for ratios to be

Key = tuple[str, int | None, int, str]  # case, batch, threads, figure
Figures = Mapping[Key, float]


@dataclass(frozen=True)
class Change:
    """One figure, before and now.

    Attributes:
        case: what was done. batch, threads: how.
        figure: the peer whose ratio it is, "roof", or "value" of what is no case.
        before, now: the figures.
        factor: how many times as good as before: 0.8 has lost a fifth.
    """

    case: str
    batch: int | None
    threads: int
    figure: str
    before: float
    now: float
    factor: float

    def is_slower(self, share: float) -> bool:
        """Whether more than a share of the figure was lost; 0.25 is a quarter."""
        return self.factor < 1 - share

    def is_faster(self, share: float) -> bool:
        """Whether it grew by so much that `is_slower` would tell the way back."""
        return self.factor * (1 - share) > 1

    def as_dict(self) -> dict[str, Any]:
        """Give the plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Comparison:
    """Two results side by side.

    Attributes:
        changes: figures that both have, those that lost most first.
        only_before, only_now: cases that the other has not.
        other_machine: what differs between the machines, or empty.
    """

    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]
    other_machine: str


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what ``ternary-engine bench --json`` wrote.

    Raises:
        FormatError: it is something else.
        OSError: it cannot be read.
    """
    takes = "it takes what `ternary-engine bench --json` writes"
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{path}: not JSON ({error}); {takes}") from error
    if not isinstance(told, dict) or told.get("format") != "ternary-engine bench":
        raise FormatError(f"{path}: no result of a benchmark; {takes}")
    if told.get("version") != VERSION:
        raise FormatError(
            f"{path}: version {told.get('version')!r} of the results; this program reads {VERSION}"
        )
    try:
        figures_of(told)
        _machine_of(told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(f"{path}: damaged ({error!r}); {takes}") from error
    return told


def figures_of(told: Mapping[str, Any]) -> dict[Key, float]:
    """Give the figures of a result that may be compared: ratios, fractions of the roof."""
    found: dict[Key, float] = {}
    for row in told["results"]:
        key = (str(row["case"]), row["batch"], int(row["threads"]))
        for peer, ratio in row["ratios"].items():
            found[*key, peer] = _positive(ratio)
        if row["of_roof"] is not None:
            found[*key, "roof"] = _positive(row["of_roof"])
    for fact in told["facts"]:
        if fact["unit"] != "s":
            found[str(fact["name"]), None, 1, "value"] = _positive(fact["value"])
    return found


def _positive(value: Any) -> float:
    number = float(value)
    if not (number > 0 and math.isfinite(number)):
        raise ValueError(f"{value!r} is no ratio")
    return number


def _machine_of(told: Mapping[str, Any]) -> list[str]:
    return [str(told["machine"][key]) for key in _MACHINE]


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> Comparison:
    """Compare two results.

    Args:
        before: as `read` gives it.
        now: the same.
    """
    old, new = figures_of(before), figures_of(now)
    changes = []
    for key in old.keys() & new.keys():
        # Of facts (memory, start) less is better, of ratios more.
        factor = old[key] / new[key] if key[3] == "value" else new[key] / old[key]
        changes.append(Change(*key, old[key], new[key], factor))
    changes.sort(key=lambda change: (change.factor, change.case, change.figure))
    cases = {key[:3] for key in old}, {key[:3] for key in new}
    return Comparison(
        tuple(changes),
        _names(cases[0] - cases[1]),
        _names(cases[1] - cases[0]),
        other_machine(before, now),
    )


def other_machine(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Say how the machines of two results differ; empty if they do not."""
    machines = _machine_of(before), _machine_of(now)
    if machines[0] == machines[1]:
        return ""
    return " against ".join(map(", ".join, machines))


def has_slowed(before: Mapping[str, Any], row: Mapping[str, Any], share: float) -> bool:
    """Whether one new row seems to have lost more than a share of any figure."""
    now = {"machine": before["machine"], "results": [row], "facts": []}
    return any(change.is_slower(share) for change in compare(before, now).changes)


def _names(cases: set[tuple[str, int | None, int]]) -> tuple[str, ...]:
    """Cases in words, once each."""
    return tuple(sorted({" ".join([n, *([f"batch {b}"] if b else [])]) for n, b, _ in cases}))
