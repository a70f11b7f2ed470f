"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["AsJson", "NetworkFile", "Seed", "Threads", "within"]


def within(least: float, most: float | None = None) -> Callable[[Any], Any]:
    """Make a check of a number, or of each in a list, that says what it got and what it takes."""

    def check(value: Any) -> Any:
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is not None and not (one >= least and (most is None or one <= most)):
                takes = f"{least} or more" if most is None else f"{least} to {most}"
                raise typer.BadParameter(f"got {one}; it takes {takes}")
        return value

    return check


NetworkFile = Annotated[
    Path,
    typer.Argument(metavar="NET", help="Network: a packed .tern file or an .onnx file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        callback=within(1),
        help="Threads to use [dim]\\[default: every core][/dim].",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        callback=within(0),
        help="Seed of the error draws. The same seed, network, data and version give the same "
        "results bit for bit, whatever --threads; with --per sample or read also whatever "
        "--batch-size. Another version may draw differently. [dim]\\[default: fresh each "
        "time, and reported][/dim]",
    ),
]
