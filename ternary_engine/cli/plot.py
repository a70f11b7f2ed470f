"""``ternary-engine plot``: a results file as a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from ternary_engine.cli import screen
from ternary_engine.cli.sweep import told_warnings

__all__ = ["plot"]


def plot(
    results: Annotated[
        list[Path], typer.Argument(metavar="RESULTS...", help="Results of sweeps: .csv.")
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FIGURE", help="Figure: .png, .svg or .pdf."),
    ],
    x: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column along x [dim]\\[default: the rate that varies most][/dim].",
        ),
    ] = None,
    y: Annotated[str, typer.Option(metavar="COLUMN", help="Column along y.")] = "accuracy",
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            help="Column that tells curves apart; may be given more than once "
            "[dim]\\[default: all others that vary][/dim].",
        ),
    ] = None,
    band: Annotated[
        Literal["trials", "interval"],
        typer.Option(help="Band: where 90 % of the trials lie, or 95 % interval of the mean."),
    ] = "trials",
    linear: Annotated[bool, typer.Option("--linear", help="Linear x instead of log.")] = False,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Title.")] = None,
) -> None:
    """Draw accuracy over error rates: curve, band over trials, error-free line.

    Examples:
      $ ternary-engine plot results.csv -o figure.png
      $ ternary-engine plot results.csv -o figure.pdf --x ber --group per
    """
    from ternary_engine.cli import data as files
    from ternary_engine.plot import style

    style.check_suffix(output)
    files.check_folder(output)
    rows: list[dict[str, Any]] = []
    with told_warnings():
        from ternary_engine.sweeps import read_results

        for path in results:
            files.check_file(path)
            rows.extend(read_results(path).rows)
    from ternary_engine import plot as figures

    axes = figures.curves(rows, x=x, y=y, group=group, band=band, log=not linear)
    if title is not None:
        axes.set_title(title, fontsize=10)
    figures.save(axes, output)
    screen.narrate(f"{len(rows):,} trials drawn in {escape(str(output))}")
