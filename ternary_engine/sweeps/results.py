"""Results of sweeps: rows of one trial each, as a CSV file keeps them."""

from __future__ import annotations

import contextlib
import csv
import functools
import gc
import io
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ternary_engine.exceptions import FormatError
from ternary_engine.sweeps.intervals import Interval, mean_interval
from ternary_engine.sweeps.point import POINT_COLUMNS, Value

__all__ = ["COLUMNS", "PointSummary", "Results", "SweepWarning", "parse", "read_results"]

COLUMNS = (
    "task_id",
    "network",
    "network_hash",
    "data_hash",
    "samples",
    *POINT_COLUMNS,
    "batch_size",
    "sweep_seed",
    "trial",
    "seed",
    "accuracy",
    "accuracy_error_free",
    "accuracy_drop",
    "seconds",
    "ternary_engine_version",
    "numpy_version",
    "onnxruntime_version",
)
_WHOLE = {"samples", "batch_size", "sweep_seed", "trial", "seed"}
_REAL = {"ber", "sign_flip", "drop", "rise", "seconds"} | {
    name for name in COLUMNS if name.startswith("accuracy")
}
_TASK = re.compile(r"[0-9a-f]{16}-[0-9]+")
_CHECKED = tuple(COLUMNS.index(name) for name in ("accuracy", "accuracy_drop", "seconds"))
_ACCURACY, _ERROR_FREE, _DROP = (
    COLUMNS.index(name) for name in ("accuracy", "accuracy_error_free", "accuracy_drop")
)
_POINT = slice(COLUMNS.index(POINT_COLUMNS[0]), COLUMNS.index(POINT_COLUMNS[-1]) + 1)

Record = tuple[str, ...]  # which the collector of garbage, unlike lists, looks at only once


class SweepWarning(UserWarning):
    """Something about a sweep or its file that its owner should know."""


@dataclass(frozen=True)
class PointSummary:
    """What the trials of one point say.

    Attributes:
        id: of the point: network, data, errors, seed and version.
        cells: the point's columns, blank ones left out.
        trials: how many.
        accuracy: mean over the trials, with its interval.
        drop: mean of the error-free accuracy less the trial's, on the same samples.
        accuracy_error_free: share of one.
    """

    id: str
    cells: Mapping[str, Value]
    trials: int
    accuracy: Interval
    drop: Interval
    accuracy_error_free: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; limits that are infinite (one trial) are None."""
        one = self.trials == 1
        shown: dict[str, Any] = {"point_id": self.id, **self.cells, "trials": self.trials}
        for name, interval in (("accuracy", self.accuracy), ("accuracy_drop", self.drop)):
            shown[name] = interval.value
            shown[f"{name}_low"] = None if one else interval.low
            shown[f"{name}_high"] = None if one else interval.high
        return shown | {"accuracy_error_free": self.accuracy_error_free}


class Results:
    """Rows of a sweep, one for each trial of each point.

    Attributes:
        columns: names.
        records: the rows as text, as they stand in a file.
    """

    def __init__(
        self, columns: Sequence[str], records: Sequence[Record], source: str = "results"
    ) -> None:
        self.columns = tuple(columns)
        self.records = tuple(records)
        self._source = source

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    @functools.cached_property
    def rows(self) -> list[dict[str, Any]]:
        """One dict for each trial, ready for ``pandas.DataFrame``; blanks are None."""
        made = []
        for line, record in enumerate(self.records, 2):
            try:
                cells = map(_value, self.columns, record)
                made.append(dict(zip(self.columns, cells, strict=True)))
            except ValueError as error:
                raise FormatError(f"{self._source}:{line}: damaged row: {error}") from error
        return made

    def summary(self, confidence: float = 0.95) -> list[PointSummary]:
        """Sum up each point, in the order of first appearance.

        Args:
            confidence: of the intervals of the means over trials; defaults to 0.95.
        """
        by_point: dict[str, list[Record]] = {}
        for record in self.records:
            by_point.setdefault(record[0].partition("-")[0], []).append(record)
        return [self._summed(name, part, confidence) for name, part in by_point.items()]

    def _summed(self, name: str, part: list[Record], confidence: float) -> PointSummary:
        first = part[0]
        free = range(len(COLUMNS), len(self.columns))
        places = [*range(*_POINT.indices(len(COLUMNS))), *free]
        cells = {self.columns[i]: _value(self.columns[i], first[i]) for i in places if first[i]}
        return PointSummary(
            name,
            cells,
            len(part),
            mean_interval([float(record[_ACCURACY]) for record in part], confidence),
            mean_interval([float(record[_DROP]) for record in part], confidence),
            float(first[_ERROR_FREE]),
        )


def _value(column: str, cell: str) -> Any:
    """Read a cell back."""
    if cell == "":
        return None
    if column in _WHOLE:
        return int(cell)
    if column in _REAL:
        return float(cell)
    return cell if column in COLUMNS else _guessed(cell)


def _guessed(cell: str) -> Value:
    """Read a cell of a user's own column: a number, True or False, or text."""
    if cell in ("True", "False"):
        return cell == "True"
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell


def read_results(path: str | os.PathLike[str]) -> Results:
    """Read a results file.

    A last line that a killed run left unfinished is left out, with a `SweepWarning`.

    Args:
        path: CSV file written by `sweep`.

    Raises:
        FormatError: another tool's file, or a damaged row, by file and line.
        OSError: it cannot be read.
    """
    content = Path(path).read_bytes()
    name = os.fspath(path)
    columns, records, whole = parse(content, name)
    if whole < len(content):
        warn_torn(name, len(records) + 2, "left out")
    return Results(columns, records, name)


def warn_torn(name: str, line: int, fate: str) -> None:
    """Warn of a last line without an end."""
    message = f"{name}:{line}: the last line is unfinished (its run was killed); {fate}"
    warnings.warn(message, SweepWarning, stacklevel=3)


def parse(content: bytes, name: str) -> tuple[tuple[str, ...], list[Record], int]:
    """Parse a results file.

    Args:
        content: of the file.
        name: of the file, for messages.

    Returns:
        columns, rows, and how many bytes of whole lines there are.

    Raises:
        FormatError: see `read_results`.
    """
    whole = content.rfind(b"\n") + 1
    text = content[:whole].decode("utf-8-sig", errors="replace")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records: list[Record] = []
    try:
        header = tuple(next(reader, ()))
        _check_header(header, name)
        with _no_collection():
            records.extend(map(tuple, reader))
    except csv.Error as error:  # the row after the last good one
        raise FormatError(f"{name}:{len(records) + 2}: damaged row: {error}") from error
    if not _all_sound(records, len(header), reader.line_num):
        _find_damage(text, name, len(header))
    return header, records, whole


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Leave garbage alone: looking for it among a hundred thousand new rows doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _all_sound(records: Sequence[Record], width: int, lines: int) -> bool:
    """Whether no row is damaged; quicker than row by row."""
    if lines != len(records) + 1 or not {width}.issuperset(map(len, records)):
        return False
    if not all(map(_TASK.fullmatch, [record[0] for record in records])):
        return False
    try:
        for place in _CHECKED:
            set(map(float, {record[place] for record in records}))
    except ValueError:
        return False
    return True


def _find_damage(text: str, name: str, width: int) -> None:
    """Name the first damaged row.

    Raises:
        FormatError: always.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    next(reader)
    for line, record in enumerate(reader, 2):
        try:
            _check_record(tuple(record), width, reader.line_num == line)
        except ValueError as error:
            raise FormatError(f"{name}:{line}: damaged row: {error}") from error


def _check_header(header: tuple[str, ...], name: str) -> None:
    if header[: len(COLUMNS)] == COLUMNS:
        return
    if header[:1] == COLUMNS[:1]:
        odd = next(
            (got, wanted)
            for got, wanted in zip((*header, *["nothing"] * len(COLUMNS)), COLUMNS, strict=False)
            if got != wanted
        )
        raise FormatError(
            f"{name}: a results file of another version: column {odd[0]!r} stands for {odd[1]!r}"
        )
    first = ", ".join(header)[:60] or "nothing"
    raise FormatError(
        f"{name}: not a results file of ternary-engine sweep: it begins with {first!r}, "
        f"not with {COLUMNS[0]!r}"
    )


def _check_record(record: Record, width: int, one_line: bool) -> None:
    if len(record) != width:
        raise ValueError(f"it has {len(record)} fields, the header {width}")
    if not one_line:
        raise ValueError("a quoted field runs over several lines")
    if not _TASK.fullmatch(record[0]):
        raise ValueError(f"task_id is {record[0]!r}")
    for place in _CHECKED:
        float(record[place])
