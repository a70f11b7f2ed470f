"""How a sweep is shown while it runs: a table in place on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ternary_engine.cli import screen
from ternary_engine.text import count, duration, percent

if TYPE_CHECKING:
    from ternary_engine.sweeps import PointProgress, Progress

__all__ = ["SweepScreen", "headline"]

MOST_LINES = 30  # points shown; the rest is summed up in a line


def headline(state: Progress) -> str:
    """Say how far a sweep is, in a line."""
    parts = [f"{count(state.done)} of {count(state.total)} trials"]
    if state.rate and state.done < state.total:
        parts.append(f"{state.rate:,.3g}/s")
    left = state.seconds_left
    if left is not None and state.done < state.total:
        parts.append(f"{duration(left)} left")
    latest = [point for point in state.points if point.accuracy is not None]
    worst = min(latest, key=lambda point: point.accuracy or 0.0, default=None)
    if worst is not None and worst.accuracy is not None:
        parts.append(f"lowest accuracy {percent(worst.accuracy)} at {worst.point.label()}")
    return ", ".join(parts)


class SweepScreen:
    """Shows the states of a sweep on stderr.

    Args:
        title: what is swept.
        where: where the rows go.
    """

    def __init__(self, title: str, where: str) -> None:
        self._title = title
        self._where = where
        self._console = screen.error_console()
        self._live: Live | None = None
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        else:
            screen.narrate(self._title)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, state: Progress) -> None:
        """Show a state: at once on a terminal, every ten seconds in a log."""
        if self._live is not None:
            self._live.update(self._drawn(state))
        elif time.monotonic() - self._told >= screen.REMINDER:
            self._told = time.monotonic()
            screen.narrate(Text(headline(state)))

    def _drawn(self, state: Progress) -> RenderableType:
        begun = [point for point in state.points if point.done]
        shown = begun[:MOST_LINES]
        rows = [self._row(point, state.accuracy_error_free) for point in shown]
        waiting = len(state.points) - len(shown)
        table = screen.table(("point", "trials", "accuracy", "drop"), rows)
        footer = headline(state) + f"   {self._where}"
        more = [Text(f"...{waiting} more points")] if waiting else []
        return Group(Text(self._title, style="bold"), table, *more, Text(footer, style="dim"))

    @staticmethod
    def _row(point: PointProgress, error_free: float | None) -> tuple[str, str, str, str]:
        accuracy = point.accuracy or 0.0
        lost = "" if error_free is None else f"{100 * (error_free - accuracy):.2f} pt"
        trials = f"{count(point.done)}/{count(point.wanted)}"
        return point.point.label(), trials, percent(accuracy), lost
