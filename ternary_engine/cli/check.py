"""``ternary-engine check``: a converted network beside its source, value by value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ternary_engine.cli import screen
from ternary_engine.cli.options import AsJson

if TYPE_CHECKING:
    from ternary_engine.checking import CheckReport

__all__ = ["check"]


def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help="ONNX model to check.")],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="X.npz",
            help="Inputs (x in an .npz, or an .npy) [dim]\\[default: random numbers][/dim].",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare a converted model with its source, layer by layer.

    Runs the model in ONNX Runtime, optimisations off, and as a network on the
    crossbar without errors, and compares every value that both have. Integer
    codes must be equal. The one exception is a code whose value sits on a
    rounding tie: float sums may round to its other side. Exit status 1 if
    anything differs beyond ties and what follows from them.

    Examples:
      $ ternary-engine check model.onnx
      $ ternary-engine check model.onnx --data x.npz --json
    """
    from ternary_engine.cli import data as files

    files.check_file(model)
    with screen.patience(f"checking {model.name}"):
        from ternary_engine import checking

        report = checking.check(model, None if data is None else files.only_array(data))
    if json:
        screen.emit_json(report.as_dict())
    else:
        _show(report)
    if not report.agrees:
        raise typer.Exit(1)


def _show(report: CheckReport) -> None:
    columns = ("value", "layer", "kind", "elements", "differ", "ties", "follow", "largest error")
    rows = [
        (
            escape(row.value),
            escape(row.layer) or "-",
            row.kind,
            f"{row.elements:,}",
            f"{row.different:,}",
            f"{row.ties:,}",
            f"{row.following:,}",
            f"{row.error:.1e}",
        )
        for row in report.rows
    ]
    screen.emit(screen.table(columns, rows))
    inputs = "random inputs" if report.random else "inputs"
    verdict = "agrees with its source" if report.agrees else "DIFFERS from its source"
    line = f"{verdict} on {report.samples} {inputs}"
    if report.argmax_agrees is not None:
        line += f"; argmax agrees on {report.argmax_agrees}"
    line += f"; {report.tied_samples} with a code on a rounding tie"
    screen.emit(f"[{'green' if report.agrees else 'bold red'}]{line}[/]")
