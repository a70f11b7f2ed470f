"""The file a sweep appends to: one writer, whole rows, flushed."""

from __future__ import annotations

import contextlib
import csv
import errno
import io
import os
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from ternary_engine.exceptions import FormatError, TernaryEngineError
from ternary_engine.sweeps.results import COLUMNS, Record, parse, warn_torn

__all__ = ["Store", "open_store"]


class Store:
    """Rows on their way to a file, or kept in memory where there is none.

    Attributes:
        columns: of every row.
        found: rows that were there at first.
    """

    def __init__(
        self, columns: Sequence[str], found: Sequence[Record], file: BinaryIO | None
    ) -> None:
        self.columns = tuple(columns)
        self.found = found
        self._file = file

    def append(self, records: Sequence[Record]) -> None:
        """Write whole rows and hand them to the system before coming back."""
        if self._file is None or not records:
            return
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(records)
        self._file.write(text.getvalue().encode())
        self._file.flush()


@contextlib.contextmanager
def open_store(path: str | os.PathLike[str] | None, extra: Sequence[str]) -> Iterator[Store]:
    """Open a results file to go on with it, or begin one.

    Nothing is written to a file that is there until rows are appended, except that an unfinished
    last line goes, with a warning.

    Args:
        path: CSV file; None keeps nothing.
        extra: columns after the fixed ones.

    Raises:
        FormatError: another tool's file, a damaged row, or columns other than ``extra``.
        TernaryEngineError: another process writes to it.
        OSError: it cannot be written.
    """
    wanted = (*COLUMNS, *extra)
    if path is None:
        yield Store(wanted, [], None)
        return
    name = os.fspath(path)
    if os.path.isdir(name):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    with open(name, "r+b" if os.path.exists(name) else "x+b") as file:
        _lock(file, name)
        columns, found = _resume(file, name, wanted)
        yield Store(columns, found, file)


def _lock(file: BinaryIO, name: str) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TernaryEngineError(f"{name}: another sweep is writing to it; take another") from None
    except OSError:  # a file system without locks
        return


def _resume(
    file: BinaryIO, name: str, wanted: tuple[str, ...]
) -> tuple[tuple[str, ...], list[Record]]:
    """Read what is there, cut off an unfinished line, and stand at the end."""
    content = file.read()
    head = (",".join(wanted) + "\n").encode()
    if b"\n" not in content and head.startswith(content):  # new, or killed within the header
        file.seek(0)
        file.write(head)
        file.flush()
        return wanted, []
    columns, found, whole = parse(content, name)
    _check_columns(columns, wanted, name)
    if whole < len(content):
        warn_torn(name, len(found) + 2, "dropped, and run again")
        file.truncate(whole)
    file.seek(whole)
    return columns, found


def _check_columns(columns: tuple[str, ...], wanted: tuple[str, ...], name: str) -> None:
    missing = [column for column in wanted if column not in columns]
    if missing:
        own = ", ".join(columns[len(COLUMNS) :]) or "none"
        raise FormatError(
            f"{name}: it has no column {missing[0]!r} (of your own it has {own}); "
            "give these points a file of their own"
        )
