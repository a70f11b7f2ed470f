"""Sweeps: many trials at many settings, kept as they come."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from ternary_engine.network import Network
from ternary_engine.sweeps.parallel import Backend
from ternary_engine.sweeps.point import Point, as_points
from ternary_engine.sweeps.results import COLUMNS, Record, Results
from ternary_engine.sweeps.session import Batch, Session, check_count

__all__ = ["PointProgress", "Progress", "iter_sweep", "sweep"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class PointProgress:
    """How far a point is.

    Attributes:
        point: the setting.
        id: of its rows, see `PointSummary`.
        wanted: trials in all.
        done: trials that are there.
        accuracy: their mean; None where there is none yet.
    """

    point: Point
    id: str
    wanted: int
    done: int = 0
    accuracy: float | None = None

    def with_trials(self, accuracies: Sequence[float]) -> PointProgress:
        """The same with more trials."""
        done = self.done + len(accuracies)
        mean = ((self.accuracy or 0.0) * self.done + sum(accuracies)) / done
        return PointProgress(self.point, self.id, self.wanted, done, mean)


@dataclass(frozen=True)
class Progress:
    """State of a sweep.

    Attributes:
        points: how far each is.
        records: rows that came in since the state before, as text; see `Results`.
        columns: of the rows.
        accuracy_error_free: without errors; None until it is known.
        resumed: trials that were in the file at first.
        elapsed: seconds since the start.
        backend, workers: who runs the trials; workers None for all of a cluster.
    """

    points: tuple[PointProgress, ...]
    columns: tuple[str, ...]
    records: tuple[Record, ...] = field(default=(), repr=False)
    accuracy_error_free: float | None = None
    resumed: int = 0
    elapsed: float = 0.0
    backend: str = "threads"
    workers: int | None = None

    def results(self, records: Sequence[Record]) -> Results:
        """Rows of all states up to this one, by point and trial."""
        if self.resumed == self.total == len(records):  # in the order they were asked for
            return Results(self.columns, records)
        order = {point.id: number for number, point in enumerate(self.points)}

        def place(record: Record) -> tuple[int, int]:
            name, trial = record[0].split("-")
            return order[name], int(trial)

        return Results(self.columns, sorted(records, key=place))

    @property
    def done(self) -> int:
        """Trials that are there."""
        return sum(point.done for point in self.points)

    @property
    def total(self) -> int:
        """Trials in all."""
        return sum(point.wanted for point in self.points)

    @property
    def rate(self) -> float:
        """Trials a second since the start; 0 until one is done."""
        return (self.done - self.resumed) / self.elapsed if self.elapsed else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated time to the end; None while nothing is known."""
        if self.done == self.total:
            return 0.0
        return (self.total - self.done) / self.rate if self.rate else None


def iter_sweep(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array,
    *,
    points: Sequence[Any],
    trials: int = 20,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Backend = "threads",
    scheduler: str | None = None,
    batch_size: int | None = None,
    common_seeds: bool = False,
) -> Iterator[Progress]:
    """Run a sweep, giving its state whenever trials have come in; see `sweep`.

    Yields:
        First what was in the file, then more; the last is complete. Leaving early loses only the
        trials in flight.
    """
    made = as_points(points)
    wanted = check_count("trials", trials)
    for point in made:
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
        batch_size=batch_size,
        extra=_own_columns(made),
        common_seeds=common_seeds,
    )
    return _states(session, made, wanted)


def _own_columns(points: Sequence[Point]) -> list[str]:
    names = list(dict.fromkeys(name for point in points for name in point.columns))
    for name in names:
        if name in COLUMNS:
            raise ValueError(f"columns: {name!r} is a column of every results file; take another")
    return names


def _states(session: Session, points: Sequence[Point], wanted: int) -> Iterator[Progress]:
    started = time.perf_counter()
    states = [PointProgress(point, session.point_id(point), wanted) for point in points]
    found: list[Record] = []
    resumed = 0

    def state(records: Sequence[Record], error_free: float | None) -> Progress:
        return Progress(
            tuple(states),
            session.columns,
            tuple(records),
            error_free,
            resumed,
            time.perf_counter() - started,
            session.crew.backend,
            session.crew.size if session.crew.local else session.crew.workers,
        )

    def take(batch: Batch) -> None:
        states[batch.index] = states[batch.index].with_trials(batch.accuracies)

    with session:
        known: float | None = None
        told = False
        for batch in session.collect(points, [range(wanted)] * len(points)):
            if batch.resumed:
                take(batch)
                found.extend(batch.records)
                resumed += len(batch.trials)
                continue
            if not told:
                yield state(found, session.error_free)
                told, known = True, session.error_free
            if batch.trials:
                take(batch)
                yield state(batch.records, known)
        if not told:
            place = session.columns.index("accuracy_error_free")
            yield state(found, float(found[0][place]) if found else None)


def sweep(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array,
    *,
    points: Sequence[Any],
    trials: int = 20,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Backend = "threads",
    scheduler: str | None = None,
    batch_size: int | None = None,
    common_seeds: bool = False,
) -> Results:
    """Measure the accuracy at many settings of errors, over many trials.

    With ``out``, every trial is a row of a CSV file as soon as its block of trials is done. The
    same call again does no work; one that was interrupted goes on where it was; an edited network,
    other data, another seed or another version of this program make rows of their own.

    Args:
        net: the network.
        x: inputs, as `Network.run` takes them.
        labels: right class of each sample.
        points: settings: `Point`, `SenseErrors`, a dict of them by layer, a bit error rate, or
            None for no errors; see `Point.grid` for combinations.
        trials: runs of each point, with seeds of their own; defaults to 20.
        seed: names all random numbers; defaults to 0. The seed of a run follows from it, the point
            and the trial, so results are the same whatever the order, workers and backend.
        out: CSV file to go on with or to begin; None keeps nothing.
        workers: defaults to every processor (threads, processes) or the whole cluster.
        backend: ``"threads"`` or ``"processes"`` of this machine, ``"dask"`` or ``"ray"`` for the
            cluster this process is connected to; defaults to ``"threads"``.
        scheduler: address of a Dask scheduler to connect to; defaults to the current client.
        batch_size: samples that share a draw of errors per batch; defaults to all.
        common_seeds: whether trial i has the same seed at every point; defaults to False, which
            makes the points independent.

    Returns:
        A row for each trial of each point.

    Raises:
        ValueError, TypeError: bad arguments, before anything is run or written.
        FormatError: ``out`` is another tool's file, or damaged, by line.
        TernaryEngineError: no cluster, or its workers die again and again.
        OSError: ``out`` cannot be written.

    Examples:
        >>> import ternary_engine as te
        >>> net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
        >>> results = te.sweep(net, x, labels, points=[1e-3, 1e-1], trials=3, seed=7)
        >>> [point.trials for point in results.summary()]
        [3, 3]
    """
    state: Progress | None = None
    records: list[Record] = []
    for state in iter_sweep(
        net,
        x,
        labels,
        points=points,
        trials=trials,
        seed=seed,
        out=out,
        workers=workers,
        backend=backend,
        scheduler=scheduler,
        batch_size=batch_size,
        common_seeds=common_seeds,
    ):
        records.extend(state.records)
    assert state is not None
    return state.results(records)
