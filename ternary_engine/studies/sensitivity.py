"""Where do errors hurt: which layers, which types, programming or reading?"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import Errors, SenseErrors
from ternary_engine.network import Network
from ternary_engine.studies.parts import TYPES, crossbar, layer_errors, only_type
from ternary_engine.sweeps.intervals import Interval, mean_interval
from ternary_engine.sweeps.parallel import Backend
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.session import Session, check_count

__all__ = ["Effect", "Sensitivity", "sensitivity"]

Array = npt.NDArray[Any]
By = Literal["layer", "type", "part"]


@dataclass(frozen=True)
class Effect:
    """What one layer, error type or part costs.

    Attributes:
        by: ``"layer"``, ``"type"`` or ``"part"`` (programming or reading).
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
    """

    entries: tuple[Effect, ...]
    total: Interval
    accuracy_error_free: float
    trials: int

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each effect, ready for ``pandas.DataFrame``."""
        return [one.to_dict() for one in self.entries]

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
        return "\n".join([*lines, f"{'all':24}{_points(self.total):>18}"])


def _points(interval: Interval) -> str:
    return f"{100 * interval.value:.2f} ± {100 * interval.half_width:.2f}"


def sensitivity(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array,
    *,
    errors: Errors | float,
    programming: Errors | float | None = None,
    by: By | Sequence[By] | None = None,
    trials: int = 20,
    confidence: float = 0.95,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Backend = "threads",
    scheduler: str | None = None,
) -> Sensitivity:
    """Measure what each layer and each error type costs, alone and in the company of the rest.

    Trials are paired: a trial draws the same errors in a layer whatever happens in others, so the
    gain of sparing one is known more finely than the losses themselves.

    Args:
        net: the network.
        x: inputs, as `Network.run` takes them.
        labels: right class of each sample.
        errors: sense errors, or a bit error rate.
        programming: errors drawn once for each trial (a virtual chip) on top of which ``errors``
            are drawn; a bit error rate, too. Defaults to none.
        by: ``"layer"``, ``"type"`` (sign flip, drop, rise), ``"part"`` (programming, reading) or
            several; defaults to layers and types, and parts where there is ``programming``.
        trials: of each point; defaults to 20.
        confidence: of the intervals of the means; defaults to 0.95.
        seed: names all random numbers; defaults to 0.
        out: results file to keep the trials in, and to go on with; see `sweep`.
        workers: see `sweep`.
        backend: see `sweep`.
        scheduler: see `sweep`.

    Raises:
        ValueError, TypeError: bad arguments.

    Examples:
        >>> import ternary_engine as te
        >>> net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
        >>> found = te.sensitivity(net, x, labels, errors=0.2, by="layer", trials=3)
        >>> sorted(one.name for one in found.entries)
        ['linear1', 'linear2', 'linear3']
    """
    kinds = _kinds(by, programming is not None)
    reading, programmed = _errors(errors), () if programming is None else (_errors(programming),)
    whole = _Parts(net, reading, programmed)
    named = [(kind, name) for kind in kinds for name in whole.names(kind)]
    points = [whole.point("all", "", "")]
    for kind, name in named:
        points += [whole.point("alone", kind, name), whole.point("spared", kind, name)]
    for point in points:
        point.check(net.layers)
    session = Session(
        net,
        x,
        labels,
        seed=seed,
        out=out,
        workers=workers,
        backend=backend,
        scheduler=scheduler,
        extra=("study", "part"),
        common_seeds=True,
    )
    count = check_count("trials", trials)
    accuracy = np.empty((len(points), count))
    with session:
        for batch in session.collect(points, [range(count)] * len(points)):
            accuracy[batch.index, list(batch.trials)] = batch.accuracies
        free = session.error_free
    entries = [
        Effect(
            kind,
            name,
            mean_interval(free - accuracy[1 + 2 * place], confidence),
            mean_interval(accuracy[2 + 2 * place] - accuracy[0], confidence),
        )
        for place, (kind, name) in enumerate(named)
    ]
    return Sensitivity(tuple(entries), mean_interval(free - accuracy[0], confidence), free, count)


def _kinds(by: By | Sequence[By] | None, parts: bool) -> list[By]:
    if by is None:
        return ["layer", "type", "part"] if parts else ["layer", "type"]
    kinds: list[By] = [by] if isinstance(by, str) else list(by)
    for kind in kinds:
        if kind not in get_args(By):
            raise ValueError(f"by: got {kind!r}; it takes {', '.join(get_args(By))}")
    if "part" in kinds and not parts:
        raise ValueError("by: 'part' splits programming from reading; give programming, too")
    return kinds


def _errors(errors: Errors | float) -> Errors:
    if isinstance(errors, int | float) and not isinstance(errors, bool):
        return SenseErrors.from_ber(errors)
    if not isinstance(errors, SenseErrors | Mapping):
        raise TypeError(f"errors: got {errors!r}; it takes SenseErrors, a dict of them, or a rate")
    return errors


class _Parts:
    """All errors, one of their parts alone, or all but one."""

    def __init__(self, net: Network, reading: Errors, programmed: tuple[Errors, ...]) -> None:
        self.layers = crossbar(net)
        self.reading = layer_errors(reading, net)
        self.programmed = tuple(layer_errors(stage, net) for stage in programmed)

    def names(self, kind: By) -> list[str]:
        """Layers, types or parts that have errors at all."""
        if kind == "part":
            return ["programming", "reading"]
        stages = (self.reading, *self.programmed)
        if kind == "layer":
            return [name for name in self.layers if any(name in stage for stage in stages)]
        return [name for name in TYPES if any(self._of_types(stage, {name}) for stage in stages)]

    def point(self, study: str, kind: str, name: str) -> Point:
        """The point of a part ``"alone"``, with it ``"spared"``, or of ``"all"``."""
        columns = {"study": study, "part": f"{kind} {name}".strip() or "all"}
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
        return Point(reading or None, None, tuple(s for s in programmed if s), columns)

    def _of_types(self, stage: dict[str, SenseErrors], types: set[str]) -> dict[str, SenseErrors]:
        made = {name: only_type(e, self.layers[name], types) for name, e in stage.items()}
        return {name: e for name, e in made.items() if e is not None}
