"""Stochastic bisection: where a noisy loss passes a limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ternary_engine.sweeps.intervals import mean_interval
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.session import Session

__all__ = ["LOOKS_IN_ALL", "Axis", "Probe", "Search", "crossing"]

_FIRST_LOOK = 4  # trials; each further look doubles them
_MOST_LOOKS = 9  # 4 to 1,024 trials at one value
_MOST_PROBES = 40
LOOKS_IN_ALL = _MOST_LOOKS * _MOST_PROBES


@dataclass(frozen=True)
class Probe:
    """A value that was tried.

    Attributes:
        value: of what varies.
        trials: how many.
        drop: mean loss of accuracy over them.
        verdict: ``"kept"`` or ``"lost"``: the accuracy, with confidence; ``"open"``: too close.
    """

    value: float
    trials: int
    drop: float
    verdict: Literal["kept", "lost", "open"]


class Axis:
    """Harm from 0 (the harmless end) to 1, and the values that stand for it."""

    def __init__(self, low: float, high: float, harmful: str, log: bool) -> None:
        ends = (math.log(low), math.log(high)) if log else (low, high)
        self.log = log
        self.start, self.end = ends if harmful == "high" else ends[::-1]
        self.rising = harmful == "high"

    def value(self, harm: float) -> float:
        """The value at some harm, rounded so that it reads well and stays the same."""
        place = self.start + harm * (self.end - self.start)
        return float(f"{math.exp(place) if self.log else place:.6g}")

    def harm(self, value: float) -> float:
        """The harm of a value."""
        place = math.log(value) if self.log else value
        return (place - self.start) / (self.end - self.start)

    def narrow_enough(self, width: float, precision: float) -> bool:
        """Whether an interval of some harm is as narrow as asked for."""
        reach = width * abs(self.end - self.start)
        return reach <= math.log1p(precision) if self.log else width <= precision


class Search:
    """Probes values until the limit is between two that are sure."""

    def __init__(
        self,
        session: Session,
        make: Callable[[float], Point],
        max_drop: float,
        share: float,
        budget: int,
    ) -> None:
        self.session, self.make, self.max_drop = session, make, max_drop
        self.sure = 1 - share
        self.left = budget
        self.budget = budget
        self.probes: list[Probe] = []

    def probe(self, value: float) -> Probe:
        """Run trials at a value until they tell, or the budget or the patience ends."""
        point = self.make(value)
        accuracies = np.empty(0)
        verdict: Literal["kept", "lost", "open"] = "open"
        for look in range(_MOST_LOOKS):
            more = min(_FIRST_LOOK * 2**look - len(accuracies), self.left)
            if more <= 0 or (look >= _MOST_LOOKS // 2 and self._hopeless(accuracies)):
                break
            trials = range(len(accuracies), len(accuracies) + more)
            accuracies = np.append(accuracies, self.session.accuracies(point, trials))
            self.left -= more
            found = mean_interval(
                self.session.error_free - accuracies, self.sure, grain=1 / self.session.samples
            )
            if found.high <= self.max_drop or found.low > self.max_drop:
                verdict = "kept" if found.high <= self.max_drop else "lost"
                break
        drop = self.session.error_free - float(accuracies.mean()) if len(accuracies) else math.nan
        made = Probe(value, len(accuracies), drop, verdict)
        self.probes.append(made)
        return made

    def _hopeless(self, accuracies: npt.NDArray[np.float64]) -> bool:
        """Whether four times the trials would most likely not tell either."""
        found = mean_interval(self.session.error_free - accuracies, self.sure)
        return abs(found.value - self.max_drop) < found.half_width / 4

    def narrow(self, axis: Axis, precision: float) -> tuple[bool, str]:
        """Narrow the range from both ends; whether it became narrow enough, and a remark."""
        if self.probe(axis.value(0.0)).verdict == "lost":
            return False, "the accuracy is lost even at the harmless end of the range"
        if self.probe(axis.value(1.0)).verdict == "kept":
            return False, "the accuracy is kept up to the harmful end of the range"
        kept, lost = 0.0, 1.0
        close: list[float] = []  # harms that proved too close to call
        while len(self.probes) < _MOST_PROBES:
            if axis.narrow_enough(lost - kept, precision):
                return True, ""
            if self.left < _FIRST_LOOK:
                return False, f"the budget of {self.budget:,} trials is spent"
            near = [kept, *sorted(h for h in close if kept < h < lost), lost]
            wide = max((near[0], near[1]), (near[-2], near[-1]), key=lambda part: part[1] - part[0])
            if axis.narrow_enough((wide[1] - wide[0]) * 4, precision):
                return False, "values within it are too close to tell apart"
            middle = (wide[0] + wide[1]) / 2
            verdict = self.probe(axis.value(middle)).verdict
            kept = middle if verdict == "kept" else kept
            lost = middle if verdict == "lost" else lost
            close += [middle] if verdict == "open" else []
        return False, f"no narrower after {_MOST_PROBES} values"


def crossing(
    probes: Sequence[Probe], axis: Axis, max_drop: float, inner: float, outer: float
) -> float:
    """Harm at which the mean loss passes the limit, by straight lines between the probes."""
    inside = [one for one in probes if inner - 1e-9 <= axis.harm(one.value) <= outer + 1e-9]
    harms = np.array([axis.harm(one.value) for one in inside])
    drops = np.maximum.accumulate([one.drop for one in inside])
    above = int(np.argmax(drops > max_drop)) or len(drops) - 1
    step = drops[above] - drops[above - 1]
    part = (max_drop - drops[above - 1]) / step if step > 0 else 0.5
    between = harms[above - 1] + min(1.0, max(0.0, float(part))) * (harms[above] - harms[above - 1])
    return float(min(outer, max(inner, between)))
