"""``ternary-engine reproduce``: the results of the talk, redrawn beside its claims."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ternary_engine.cli import screen
from ternary_engine.cli.options import AsJson, within

__all__ = ["reproduce"]


def reproduce(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FOLDER", help="Where to; made if need be."),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="Fewer points and trials; a minute or two.")
    ] = False,
    seed: Annotated[
        int, typer.Option(metavar="N", callback=within(0), help="Names the error draws.")
    ] = 0,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N", callback=within(1), help="For inference [dim]\\[default: all cores][/dim]."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Redraw the results of the talk and say which of its claims hold here.

    FOLDER gets index.html (one page that needs nothing else), README.md with
    its pictures, claims.csv, and the figures behind every picture in data/.
    Physics and the networks of digits are run afresh; CIFAR-10 trainings take
    hours, so theirs come from results that ship.

    Examples:
      $ ternary-engine reproduce -o talk
      $ ternary-engine reproduce --quick -o talk
    """
    if output.exists() and not output.is_dir():
        raise ValueError(f"{output}: a file; --output takes a folder")
    from ternary_engine.reproduction import reproduce as make
    from ternary_engine.reproduction.panel import VERDICTS

    started = time.perf_counter()

    def tell(line: str) -> None:
        screen.narrate(f"[dim]{escape(line)}[/]")

    found = make(output, quick=quick, seed=seed, threads=threads, tell=tell)
    if json:
        claims = [
            {"panel": title, "claim": one.text, "trust": one.trust, "source": one.source}
            | {"found": one.found, "verdict": one.verdict}
            for title, one in found.claims
        ]
        screen.emit_json({"folder": str(output), "files": list(found.files), "claims": claims})
        return
    from ternary_engine import text

    screen.emit_pairs(
        [(verdict, f"{n} claims") for verdict in VERDICTS if (n := found.count(verdict))]
    )
    seconds = text.duration(time.perf_counter() - started)
    screen.narrate(f"{escape(str(output / 'index.html'))}: {seconds}")
