"""Where output goes: data to stdout, narration to stderr; colour and redraw on a terminal only."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from ternary_engine.text import duration

__all__ = [
    "complain",
    "emit",
    "emit_json",
    "emit_pairs",
    "error_console",
    "narrate",
    "patience",
    "table",
    "warn",
    "width",
]

PIPE_WIDTH = 120  # columns where no terminal says how many
PATIENCE = 2.0  # seconds of silence
REMINDER = 10.0  # seconds between plain lines in a log


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    console = Console(file=stream, highlight=False, emoji=False)
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console.width = PIPE_WIDTH
    return console


def width() -> int:
    """Columns that stdout has room for."""
    return _console().width


def emit(*parts: RenderableType) -> None:
    """Put data on stdout: text (rich markup is understood) or tables.

    Lines for a file or another program do not end in blanks.
    """
    console = _console()
    with console.capture() as capture:
        for part in parts:
            console.print(part, soft_wrap=not console.is_terminal and isinstance(part, str))
    lines = capture.get()
    if not console.is_terminal:
        lines = "".join(line.rstrip() + "\n" for line in lines.splitlines())
    sys.stdout.write(lines)


def emit_json(data: Any) -> None:
    """Put data on stdout as JSON; NaN, which JSON lacks, is refused rather than written."""
    sys.stdout.write(json.dumps(data, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def emit_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Put labelled lines on stdout; the labels make a column."""
    listed = list(pairs)
    if _console().is_terminal:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for pair in listed:
            grid.add_row(*pair)
        emit(grid)
        return
    room = max((len(label) for label, _ in listed), default=0) + 2
    emit(*(f"{label:{room}}{line}" for label, line in listed))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Lay out a table: the first column to the left, numbers to the right."""
    made = Table(
        box=box.SIMPLE_HEAD,
        title=title or None,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
    )
    for place, column in enumerate(columns):
        made.add_column(column, justify="right" if place else "left", no_wrap=not place)
    for row in rows:
        made.add_row(*row)
    return made


def error_console() -> Console:
    """Make the console of stderr, for what redraws in place."""
    return _console(stderr=True)


def narrate(line: RenderableType) -> None:
    """Tell the user on stderr what is going on."""
    _console(stderr=True).print(line, soft_wrap=isinstance(line, str))


def complain(message: str) -> None:
    """Put an error on stderr, red on a terminal."""
    narrate(f"[bold red]error:[/] {escape(message)}")


def warn(message: str) -> None:
    """Say on stderr what a user should know, yellow on a terminal."""
    narrate(f"[yellow]warning:[/] {escape(message)}")


@contextlib.contextmanager
def patience(doing: str | Callable[[], str]) -> Iterator[None]:
    """Show that work goes on, from the third second on.

    A terminal gets a spinner with the time that has passed, a log a plain line every ten seconds.

    Args:
        doing: what is going on, e.g. ``running 10,000 samples``; a function tells it afresh each
            time.
    """
    done = threading.Event()
    reporter = threading.Thread(target=_keep_telling, args=(doing, done), daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _keep_telling(doing: str | Callable[[], str], done: threading.Event) -> None:
    started = time.monotonic()

    def now() -> str:
        told = doing if isinstance(doing, str) else doing()
        return f"{escape(told)}: {duration(time.monotonic() - started)}"

    if done.wait(PATIENCE):
        return
    console = _console(stderr=True)
    if not console.is_terminal:
        while not done.wait(REMINDER):
            console.print(f"{now()} so far")
        return
    with console.status(now(), spinner="line") as status:
        while not done.wait(0.5):
            status.update(now())
