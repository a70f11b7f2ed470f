"""Where do errors hurt: which layers, which types, programming, reading, stuck cells or drift?"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import Errors, SenseErrors
from ternary_engine.network import Network
from ternary_engine.studies.splits import By, ChipSplit, ErrorSplit, Split
from ternary_engine.sweeps.intervals import Interval, mean_interval
from ternary_engine.sweeps.parallel import Backend
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.session import Session, check_count

if TYPE_CHECKING:
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

__all__ = ["Effect", "Sensitivity", "sensitivity"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Effect:
    """What one layer, error type or part costs.

    Attributes:
        by: ``"layer"``, ``"type"`` or ``"part"`` (programming, reading; on chips programming,
            sensing, stuck cells, drift).
        name: of it.
        alone: mean loss of accuracy with errors here and nowhere else.
        spared: mean gain, over all errors, if there are none here; paired by trial.
    """

    by: By
    name: str
    alone: Interval
    spared: Interval

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a table."""
        row: dict[str, Any] = {"by": self.by, "name": self.name}
        for kind in ("alone", "spared"):
            one = getattr(self, kind)
            row |= {kind: one.value, f"{kind}_low": one.low, f"{kind}_high": one.high}
        return row


@dataclass(frozen=True)
class Sensitivity:
    """Effects of all that was asked for.

    Attributes:
        entries: effects, those of a kind together.
        total: mean loss of accuracy with all errors.
        accuracy_error_free: what it is lost from.
        trials: of every point.
        remainder: mean of the total less what the parts cost alone, paired by trial; None where
            nothing was split by part.
        nominal: loss of chips on which no part goes wrong: all devices at the medians, ideal
            amplifiers under their conditions; what parts cost alone is on top of it. None for
            errors of given rates.
    """

    entries: tuple[Effect, ...]
    total: Interval
    accuracy_error_free: float
    trials: int
    remainder: Interval | None = None
    nominal: float | None = None

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each effect, ready for ``pandas.DataFrame``."""
        return [one.to_dict() for one in self.entries]

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain values; limits that one trial cannot give are infinite."""
        shown: dict[str, Any] = {
            "effects": self.rows(),
            "accuracy_error_free": self.accuracy_error_free,
            "trials": self.trials,
            "nominal": self.nominal,
        }
        for name, one in (("total", self.total), ("remainder", self.remainder)):
            if one is not None:
                shown |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        return shown

    def ranked(self, by: By = "layer") -> list[Effect]:
        """Effects of a kind, the one whose sparing wins most first; defaults to layers."""
        return sorted((e for e in self.entries if e.by == by), key=lambda e: -e.spared.value)

    def __str__(self) -> str:
        lines = [f"{'':24}{'alone':>18}{'gain if spared':>20}   (points of accuracy)"]
        lines += [
            f"{one.by} {one.name:{23 - len(one.by)}}{_points(one.alone):>18}"
            f"{_points(one.spared):>20}"
            for one in self.entries
        ]
        if self.nominal is not None:
            lines.append(f"{'nominal':24}{100 * self.nominal:>11.2f}")
        if self.remainder is not None:
            lines.append(f"{'remainder':24}{_points(self.remainder):>18}")
        return "\n".join([*lines, f"{'all':24}{_points(self.total):>18}"])


def _points(interval: Interval) -> str:
    return f"{100 * interval.value:.2f} ± {100 * interval.half_width:.2f}"


def sensitivity(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array,
    *,
    errors: Errors | float | None = None,
    programming: Errors | float | None = None,
    device: Device | None = None,
    sense: SenseAmp | None = None,
    by: By | Sequence[By] | None = None,
    trials: int = 20,
    confidence: float = 0.95,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Backend = "threads",
    scheduler: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Sensitivity:
    """Measure what each layer and each error type costs, alone and in the company of the rest.

    Trials are paired: a trial draws the same errors in a layer whatever happens in others, so the
    gain of sparing one is known more finely than the losses themselves. With ``device`` and
    ``sense`` a trial is a chip, and the same chip throughout: its devices keep their place in
    every distribution, and stuck ones stay stuck, whatever else goes wrong.

    Args:
        net: the network.
        x: inputs, as `Network.run` takes them.
        labels: right class of each sample.
        errors: sense errors, or a bit error rate.
        programming: errors drawn once for each trial (a virtual chip) on top of which ``errors``
            are drawn; a bit error rate, too. Defaults to none.
        device: of chips, see `Network.program`; in place of ``errors``. Defaults to none.
        sense: amplifier of the chips; goes with ``device``.
        by: ``"layer"``, ``"type"`` (sign flip, drop, rise), ``"part"`` (programming and reading; of
            chips programming, sensing, stuck cells and drift) or several; defaults to all that
            there are.
        trials: of each point; defaults to 20.
        confidence: of the intervals of the means; defaults to 0.95.
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
        >>> found = te.sensitivity(net, x, labels, errors=0.2, by="layer", trials=3)
        >>> sorted(one.name for one in found.entries)
        ['linear1', 'linear2', 'linear3']
    """
    whole = _split(net, errors, programming, device, sense)
    kinds = _kinds(by, programming is not None or device is not None, device is None)
    named = [(kind, name) for kind in kinds for name in whole.names(kind)]
    points = [whole.point("all", "", "")]
    for kind, name in named:
        points += [whole.point("alone", kind, name), whole.point("spared", kind, name)]
    bare = whole.bare()
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
        extra=("study", "part"),
        common_seeds=True,
    )
    count = check_count("trials", trials)
    wanted = [range(count)] * len(points)
    if bare is not None:  # without any part there is nothing to draw
        points, wanted = [*points, bare], [*wanted, range(1)]
    for point in points:
        point.check(net.layers)
    accuracy = np.empty((len(points), count))
    with session:
        for batch in session.collect(points, wanted):
            accuracy[batch.index, list(batch.trials)] = batch.accuracies
        free = session.error_free
    start = free if bare is None else float(accuracy[-1, 0])
    return _summed(named, free, start, accuracy, confidence, nominal=bare is not None)


def _summed(
    named: Sequence[tuple[By, str]],
    free: float,
    start: float,
    accuracy: npt.NDArray[np.float64],
    confidence: float,
    *,
    nominal: bool,
) -> Sensitivity:
    """Effects from the accuracies of all, then of each alone and spared; float64 [point, trial]."""
    entries, rest = [], start - accuracy[0]
    for place, (kind, name) in enumerate(named):
        alone, spared = accuracy[1 + 2 * place], accuracy[2 + 2 * place]
        base = start if kind == "part" else free
        costs = mean_interval(base - alone, confidence)
        entries.append(Effect(kind, name, costs, mean_interval(spared - accuracy[0], confidence)))
        if kind == "part":
            rest = rest - (start - alone)
    split = any(kind == "part" for kind, _ in named)
    return Sensitivity(
        tuple(entries),
        mean_interval(free - accuracy[0], confidence),
        free,
        accuracy.shape[1],
        mean_interval(rest, confidence) if split else None,
        free - start if nominal else None,
    )


def _split(
    net: Network,
    errors: Errors | float | None,
    programming: Errors | float | None,
    device: Device | None,
    sense: SenseAmp | None,
) -> Split:
    if (errors is None) == (device is None):
        raise TypeError("sensitivity takes either errors, or a device and a sense amplifier")
    if errors is not None:
        if sense is not None:
            raise TypeError("sense: an amplifier goes with a device, not with errors")
        stages = () if programming is None else (_errors(programming),)
        return ErrorSplit(net, _errors(errors), stages)
    if programming is not None:
        raise TypeError("programming: a chip's errors follow from its device; it takes none")
    point = Point(device=device, sense=sense)  # which checks them
    assert point.device is not None
    assert point.sense is not None
    return ChipSplit(net, point.device, point.sense)


def _kinds(by: By | Sequence[By] | None, parts: bool, types: bool) -> list[By]:
    if by is None:
        every: list[By] = ["layer"]
        return every + (["type"] if types else []) + (["part"] if parts else [])
    kinds: list[By] = [by] if isinstance(by, str) else list(by)
    for kind in kinds:
        if kind not in get_args(By):
            raise ValueError(f"by: got {kind!r}; it takes {', '.join(get_args(By))}")
    return kinds


def _errors(errors: Errors | float) -> Errors:
    if isinstance(errors, int | float) and not isinstance(errors, bool):
        return SenseErrors.from_ber(errors)
    if not isinstance(errors, SenseErrors | Mapping):
        raise TypeError(f"errors: got {errors!r}; it takes SenseErrors, a dict of them, or a rate")
    return errors
