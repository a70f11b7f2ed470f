"""One piece of work done by several engines, and what came of timing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ternary_engine.benchmark.timing import Timing, alternate, best_of

__all__ = [
    "FLOAT32",
    "INT8",
    "NUMKONG",
    "NUMPY",
    "ONE_THREAD",
    "OURS",
    "TORCH",
    "AbsentPeerError",
    "Call",
    "Case",
    "Row",
    "measure",
]

OURS = "ours"
FLOAT32 = "onnxruntime float32"
INT8 = "onnxruntime int8"
NUMKONG = "numkong"
NUMPY = "numpy float32"
ONE_THREAD = "ours, one thread"
TORCH = "torch float32"

Call = Callable[[], object]


class AbsentPeerError(Exception):
    """A peer that cannot take part, and why."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One piece of work done by several engines.

    Attributes:
        name: what is done. suite: which group it belongs to.
        work: how much of it, in ``unit`` ("MAC" or "sample"), one call does.
        calls: engine to call; `OURS` is the one that ratios are of.
        skipped: peers that cannot take part, and why.
        roof: the limit that ours stands under, one of `roofline.MEANINGS`, or empty.
        roof_work: how much of what the roof counts one call does; None for ``work``.
        goals: what is asked for: least ratio to a peer by its name, least fraction of the roof
            under "roof".
        batch: samples in a call; None where there is no such thing.
        threads: threads that every engine may use.
        prepare_seconds: what it took to get ready: to convert, and the first call, with compiling
            or loading of kernels.
    """

    name: str
    suite: str
    work: int
    unit: str
    calls: Mapping[str, Call]
    skipped: Mapping[str, str] = field(default_factory=dict)
    roof: str = ""
    roof_work: float | None = None
    goals: Mapping[str, float] = field(default_factory=dict)
    batch: int | None = None
    threads: int = 1
    prepare_seconds: float = 0.0


@dataclass(frozen=True)
class Row:
    """A case that was timed.

    Attributes:
        case: the case, without its calls.
        timings: by engine.
        roofs: limits of the machine, see `roofline.measure`.
    """

    case: Case
    timings: Mapping[str, Timing]
    roofs: Mapping[str, float] = field(default_factory=dict)

    @property
    def rates(self) -> dict[str, float]:
        """Work a second, by engine."""
        return {name: self.case.work / timing.seconds for name, timing in self.timings.items()}

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as fast as each peer ours is."""
        ours = self.timings[OURS].seconds
        return {n: timing.seconds / ours for n, timing in self.timings.items() if n != OURS}

    @property
    def of_roof(self) -> float | None:
        """Fraction of the limit of this machine that ours reaches; None where none is known."""
        if self.case.roof not in self.roofs:
            return None
        done = self.case.work if self.case.roof_work is None else self.case.roof_work
        return done / self.timings[OURS].seconds / 1e9 / self.roofs[self.case.roof]

    @property
    def figures(self) -> dict[str, float]:
        """What goals are set for and results compared by: ratios, and "roof" where there is one."""
        roof = {} if self.of_roof is None else {"roof": self.of_roof}
        return self.ratios | roof

    @property
    def missed(self) -> dict[str, float]:
        """Goals that were not reached."""
        figures = self.figures
        return {n: goal for n, goal in self.case.goals.items() if figures.get(n, goal) < goal}

    def merged(self, other: Row) -> Row:
        """Combine two measurements of one case: of every engine, the better timing."""
        both = {n: best_of(timing, other.timings[n]) for n, timing in self.timings.items()}
        return Row(self.case, both, self.roofs)

    def as_dict(self) -> dict[str, Any]:
        """Give the plain values for JSON; times in seconds, rates a second."""
        return {
            "case": self.case.name,
            "suite": self.case.suite,
            "batch": self.case.batch,
            "threads": self.case.threads,
            "unit": self.case.unit,
            "prepare_seconds": self.case.prepare_seconds,
            "seconds": {name: timing.seconds for name, timing in self.timings.items()},
            "spread": {name: timing.spread for name, timing in self.timings.items()},
            "rates": self.rates,
            "ratios": self.ratios,
            "roof": self.case.roof or None,
            "of_roof": self.of_roof,
            "goals": dict(self.case.goals),
            "skipped": dict(self.case.skipped),
        }


def measure(case: Case, roofs: Mapping[str, float], seconds: float) -> Row:
    """Time the engines of a case by turns.

    Args:
        case: the case.
        roofs: limits of the machine, by name.
        seconds: time to spend on each engine.
    """
    timings = alternate(case.calls, seconds=seconds, on_this_thread=case.threads == 1)
    return Row(replace(case, calls={}), timings, roofs)  # engines may hold much memory
