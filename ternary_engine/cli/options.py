"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "BatchSize", "NetworkFile", "Seed", "Threads"]

NetworkFile = Annotated[
    Path,
    typer.Argument(metavar="NET", help="Network: a packed .tern file or an .onnx file."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", metavar="N", min=1, help="Threads to use [dim]\\[default: every core][/dim]."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        min=1,
        help="Samples at a time [dim]\\[default: chosen by the engine][/dim].",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        metavar="N",
        min=0,
        help="Seed of the error draws. The same seed, network, data and version give the same "
        "results bit for bit, whatever --threads; with --per sample or read also whatever "
        "--batch-size. Another version may draw differently. [dim]\\[default: fresh each "
        "time, and reported][/dim]",
    ),
]
