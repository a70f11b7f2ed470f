"""A network, its data, its workers and its file: what sweeps and studies run their trials on."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

import ternary_engine
from ternary_engine.errors import check_seed
from ternary_engine.network import Network
from ternary_engine.sweeps.identity import data_hash, pack, point_id
from ternary_engine.sweeps.parallel import Backend, Crew, dispatch
from ternary_engine.sweeps.pending import Pending
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.results import COLUMNS, Record
from ternary_engine.sweeps.store import Store, open_store
from ternary_engine.sweeps.work import Cargo, Outcome, adopt, as_arrays, share_correct

__all__ = ["Batch", "Session", "check_count"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Batch:
    """Trials that came in together.

    Attributes:
        index: which of the points asked for.
        trials: their numbers.
        accuracies: share of one, by trial.
        records: rows.
        resumed: whether they were in the file already.
    """

    index: int
    trials: tuple[int, ...]
    accuracies: tuple[float, ...]
    records: tuple[Record, ...]
    resumed: bool = False


def check_count(name: str, value: Any) -> int:
    """A whole number from 1 on, or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name}: got {value!r}; it takes a whole number from 1 on")
    return int(value)


class Session(contextlib.AbstractContextManager["Session"]):
    """Runs trials of points and keeps their rows; see `sweep` for the arguments.

    Args:
        extra: columns of the results that points add.
        common_seeds: whether trial i has the same seed at every point.
        progress: called with the number of trials that were run or found, whenever some were.
    """

    def __init__(
        self,
        net: Network,
        x: Array | Mapping[str, Array],
        labels: Array,
        *,
        seed: int,
        out: str | os.PathLike[str] | None = None,
        workers: int | None = None,
        backend: Backend = "threads",
        scheduler: str | None = None,
        batch_size: int | None = None,
        extra: Sequence[str] = (),
        common_seeds: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if seed is None:
            raise TypeError("seed: got None; a sweep takes a whole number, so that it can resume")
        self.seed = check_seed(seed)
        self.common_seeds = common_seeds
        self.crew = Crew(backend, workers, scheduler)
        self.network = net
        self.labels = _check_labels(labels)
        self._x = dict(x) if isinstance(x, Mapping) else np.asarray(x)
        self._batch_size = None if batch_size is None else check_count("batch_size", batch_size)
        self._out = out
        self._extra = tuple(extra)
        self._stack = contextlib.ExitStack()
        arrays, names = as_arrays(self._x)
        packed, key = pack(net)
        self._cargo = Cargo(key, packed, self.labels, arrays, names, self._batch_size)
        self._data = data_hash(self._x, self.labels)
        self._store: Store | None = None
        self._found: dict[str, Record] = {}
        self._progress = progress
        self._done = 0

    @functools.cached_property
    def error_free(self) -> float:
        """Accuracy without errors; the first use of it checks the data."""
        return share_correct(self.network.run(self._x, threads=self.crew.size), self.labels)

    @property
    def samples(self) -> int:
        """How many samples."""
        return len(self._cargo.arrays[0])

    def __enter__(self) -> Self:
        """Open the file; all else has been checked by then."""
        if self._out is None or not os.path.exists(self._out):
            _ = self.error_free
        self._store = self._stack.enter_context(open_store(self._out, self._extra))
        self._found = {record[0]: record for record in self._store.found}
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    @property
    def columns(self) -> tuple[str, ...]:
        """Of every row."""
        assert self._store is not None
        return self._store.columns

    def point_id(self, point: Point) -> str:
        """Hash that tells a point's rows from all others."""
        return point_id(
            point,
            network=self._cargo.key,
            data=self._data,
            seed=f"{self.seed}{' common' if self.common_seeds else ''}",
            batch_size=self._batch_size,
        )

    def collect(self, points: Sequence[Point], trials: Sequence[Sequence[int]]) -> Iterator[Batch]:
        """Run trials of points, or find them in the file; rows are kept as they come.

        Args:
            points: settings.
            trials: numbers of the trials wanted, for each point.
        """
        ids = [self.point_id(point) for point in points]
        missing = []
        for index, (name, wanted) in enumerate(zip(ids, trials, strict=True)):
            rows = [self._found.get(f"{name}-{trial}") for trial in wanted]
            if any(rows):
                yield self._told(_resumed(index, wanted, rows))
            missing.append([trial for trial, row in zip(wanted, rows, strict=True) if row is None])
        pending = Pending(
            points,
            missing,
            seed=self.seed,
            common_seeds=self.common_seeds,
            workers=self.crew.size,
        )
        if not len(pending):
            return
        if self.crew.backend == "threads":
            adopt(self._cargo.key, self.network)
        _ = self.error_free
        bases = [self._base(point) for point in points]
        with contextlib.closing(dispatch(self._cargo, pending, self.crew)) as outcomes:
            for outcome in outcomes:
                index = outcome.block.index
                yield self._told(self._kept(outcome, ids[index], bases[index]))
                if outcome.error is not None:
                    raise outcome.error

    def accuracies(self, point: Point, trials: Sequence[int]) -> npt.NDArray[np.float64]:
        """Accuracy of each of some trials of one point."""
        by_trial: dict[int, float] = {}
        for batch in self.collect([point], [trials]):
            by_trial |= zip(batch.trials, batch.accuracies, strict=True)
        return np.array([by_trial[trial] for trial in trials])

    def _told(self, batch: Batch) -> Batch:
        self._done += len(batch.trials)
        if self._progress is not None:
            self._progress(self._done)
        return batch

    def _kept(self, outcome: Outcome, name: str, base: dict[str, str]) -> Batch:
        """Make rows of a block and write them."""
        assert self._store is not None
        block = outcome.block
        done = zip(block.trials, block.seeds, outcome.accuracies, outcome.seconds, strict=False)
        places = {column: place for place, column in enumerate(self.columns)}
        blank = [base.get(column, "") for column in self.columns]
        records = []
        for trial, seed, accuracy, seconds in done:
            record = blank.copy()
            record[0] = f"{name}-{trial}"
            record[places["trial"]] = str(trial)
            record[places["seed"]] = str(seed)
            record[places["accuracy"]] = repr(accuracy)
            record[places["accuracy_drop"]] = repr(self.error_free - accuracy)
            record[places["seconds"]] = f"{seconds:.6g}"
            records.append(tuple(record))
        self._store.append(records)
        self._found |= {record[0]: record for record in records}
        count = len(records)
        accuracies = tuple(outcome.accuracies[:count])
        return Batch(block.index, block.trials[:count], accuracies, tuple(records))

    def _base(self, point: Point) -> dict[str, str]:
        """What all rows of a point share."""
        cells = {
            "network": _printable(self.network.provenance.get("file", "")),
            "network_hash": self._cargo.key,
            "data_hash": self._data,
            "samples": self.samples,
            "batch_size": "" if self._batch_size is None else self._batch_size,
            "sweep_seed": self.seed,
            "accuracy_error_free": self.error_free,
            "ternary_engine_version": ternary_engine.__version__,
            "numpy_version": np.__version__,
            "onnxruntime_version": importlib.metadata.version("onnxruntime"),
        }
        return {name: str(value) for name, value in (cells | point.cells()).items()}


def _resumed(index: int, wanted: Sequence[int], rows: Sequence[Record | None]) -> Batch:
    """Those of the trials of a point that are in the file."""
    trials = tuple(trial for trial, row in zip(wanted, rows, strict=True) if row is not None)
    records = tuple(row for row in rows if row is not None)
    place = COLUMNS.index("accuracy")
    accuracies = tuple([float(record[place]) for record in records])
    return Batch(index, trials, accuracies, records, resumed=True)


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


def _check_labels(labels: Any) -> Array:
    wanted = np.asarray(labels)
    if wanted.size == 0:
        raise ValueError("labels: got none; an accuracy takes at least one sample")
    return wanted
