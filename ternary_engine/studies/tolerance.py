"""How large may errors be, or how low a voltage, before the accuracy suffers?"""

from __future__ import annotations

import dataclasses
import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy.typing as npt

from ternary_engine.errors import Errors, Per, SenseErrors
from ternary_engine.network import Network
from ternary_engine.studies.search import LOOKS_IN_ALL, Axis, Probe, Search, crossing
from ternary_engine.sweeps.intervals import check_confidence
from ternary_engine.sweeps.parallel import Backend
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.session import Session, check_count

__all__ = ["Probe", "Tolerance", "tolerance"]

Array = npt.NDArray[Any]
Kind = Literal["ber", "sign_flip", "drop", "rise"]
Vary = Kind | Callable[[float], Errors | Point]


@dataclass(frozen=True)
class Tolerance:
    """The limit to which the accuracy is kept.

    Attributes:
        value: estimate of it; NaN if the range does not hold it.
        low, high: it lies between these with ``confidence``; a limit that was not found is the end
            of the range, or beyond (see ``remark``).
        confidence: of the interval.
        max_drop: allowed mean loss of accuracy.
        accuracy_error_free: what it is lost from.
        trials: that were run.
        probes: values tried, ascending.
        converged: whether the interval is as narrow as asked for.
        remark: what else to know.
    """

    value: float
    low: float
    high: float
    confidence: float
    max_drop: float
    accuracy_error_free: float
    trials: int
    probes: tuple[Probe, ...]
    converged: bool
    remark: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; a value that was not found is None."""
        shown = dataclasses.asdict(self)
        return {name: None if one != one else one for name, one in shown.items()}

    def __str__(self) -> str:
        interval = f"{self.low:.3g} to {self.high:.3g}"
        told = f"; {self.remark}" if self.remark else ""
        return f"{self.value:.3g} ({interval}, {self.trials:,} trials{told})"


def tolerance(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array,
    *,
    max_drop: float = 0.01,
    vary: Vary = "ber",
    low: float = 1e-5,
    high: float = 0.5,
    harmful: Literal["high", "low"] = "high",
    log: bool = True,
    per: Per = "read",
    layers: Sequence[str] | None = None,
    precision: float = 0.1,
    confidence: float = 0.95,
    budget: int = 2000,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Backend = "threads",
    scheduler: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Tolerance:
    """Find the largest error rate, or the lowest voltage, that keeps the accuracy.

    Bisection on noisy measurements: at each value, trials are run until Student's interval of the
    mean loss lies on one side of ``max_drop``, or the value proves too close to call; then the
    search goes on at either side of it. Every look at the data spends its share of the permitted
    error, so the interval holds the limit with ``confidence`` whatever path the search took, where
    the mean loss grows with what varies.

    Args:
        net: the network.
        x: inputs, as `Network.run` takes them.
        labels: right class of each sample.
        max_drop: allowed mean loss of accuracy, a share of one; defaults to 0.01.
        vary: what varies: a rate of `SenseErrors` by name, or a function from a number to errors
            (or a `Point`), e.g. of a voltage; defaults to ``"ber"``.
        low: lower end of the search; defaults to 1e-5.
        high: its upper end, clipped where a layer cannot have the bit error rate; defaults to 0.5.
        harmful: which end costs accuracy: ``"high"`` for rates, ``"low"`` for a voltage or a sense
            time; defaults to ``"high"``.
        log: whether to halve the range by ratio; defaults to True.
        per: what one draw lasts for; defaults to ``"read"``.
        layers: that have errors; defaults to all.
        precision: width of the interval to stop at: relative if ``log``, else a share of the
            range; defaults to 0.1.
        confidence: of the interval; defaults to 0.95.
        budget: most trials to run; defaults to 2000.
        seed: names all random numbers; defaults to 0.
        out: results file to keep the trials in, and to go on with; see `sweep`.
        workers: see `sweep`.
        backend: see `sweep`.
        scheduler: see `sweep`.
        progress: called with the number of trials so far; defaults to nothing.

    Raises:
        ValueError, TypeError: bad arguments.

    Examples:
        >>> import ternary_engine as te
        >>> net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
        >>> found = te.tolerance(net, x, labels, max_drop=0.02, per="batch", precision=0.5)
        >>> 0.05 < found.low < found.high < 0.4
        True
    """
    _check(max_drop, low, high, log, precision, harmful)
    make = functools.partial(_point, vary=vary, per=per, layers=layers)
    if vary == "ber":
        high = min(high, _largest_ber(net, layers))
    for end in (low, high):
        make(end).check(net.layers)
    columns = tuple(make(low).columns)
    session = Session(
        net,
        x,
        labels,
        seed=seed,
        out=out,
        workers=workers,
        backend=backend,
        scheduler=scheduler,
        progress=progress,
        extra=columns,
    )
    share = (1 - check_confidence(confidence)) / LOOKS_IN_ALL
    with session:
        search = Search(session, make, max_drop, share, check_count("budget", budget))
        axis = Axis(low, high, harmful, log)
        converged, remark = search.narrow(axis, precision)
        return _report(search, axis, converged, remark, confidence)


def _check(
    max_drop: float, low: float, high: float, log: bool, precision: float, harmful: str
) -> None:
    if not 0.0 < max_drop < 1.0:
        raise ValueError(f"max_drop: got {max_drop}; it takes a share between 0 and 1")
    if not low < high or (log and low <= 0):
        least = "0 < low" if log else "low"
        raise ValueError(f"low, high: got {low}, {high}; it takes {least} < high")
    if not precision > 0:
        raise ValueError(f"precision: got {precision}; it takes more than 0")
    if harmful not in ("high", "low"):
        raise ValueError(f"harmful: got {harmful!r}; it takes 'high' or 'low'")


def _point(value: float, vary: Vary, per: Per, layers: Sequence[str] | None) -> Point:
    chosen = None if layers is None else tuple(layers)
    if isinstance(vary, str):
        if vary not in ("ber", "sign_flip", "drop", "rise"):
            raise ValueError(
                f"vary: got {vary!r}; it takes ber, sign_flip, drop, rise, or a function"
            )
        rates: dict[str, Any] = {vary: value}
        return Point(SenseErrors(**rates, per=per), chosen)
    made = vary(value)
    if not isinstance(made, Point):
        made = Point(made, chosen)
    return dataclasses.replace(made, columns={**made.columns, "value": value})


def _largest_ber(net: Network, layers: Sequence[str] | None) -> float:
    """The largest bit error rate that all layers can have."""
    chosen = [
        one
        for one in net.layers
        if one.placement == "crossbar" and (layers is None or one.name in layers)
    ]
    return min([1.0, *((1 + one.zero_fraction) / 2 for one in chosen if not one.binary)])


def _report(
    search: Search, axis: Axis, converged: bool, remark: str, confidence: float
) -> Tolerance:
    by_harm = sorted(search.probes, key=lambda one: axis.harm(one.value))
    kept = [axis.harm(one.value) for one in by_harm if one.verdict == "kept"]
    lost = [axis.harm(one.value) for one in by_harm if one.verdict == "lost"]
    inner, outer = max(kept, default=0.0), min(lost, default=1.0)
    ends = sorted((axis.value(inner), axis.value(outer)))
    value = math.nan
    if lost and inner < outer and 0.0 not in lost:
        value = axis.value(crossing(by_harm, axis, search.max_drop, inner, outer))
    return Tolerance(
        value,
        ends[0],
        ends[1],
        confidence,
        search.max_drop,
        search.session.error_free,
        search.budget - search.left,
        tuple(sorted(search.probes, key=lambda one: one.value)),
        converged,
        remark,
    )
