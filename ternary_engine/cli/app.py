"""The command itself: its global options and the commands it knows."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

import ternary_engine
from ternary_engine.cli.bench import bench
from ternary_engine.cli.check import check
from ternary_engine.cli.convert import convert
from ternary_engine.cli.demo import demo
from ternary_engine.cli.device import device
from ternary_engine.cli.inspect import inspect
from ternary_engine.cli.map import map
from ternary_engine.cli.plot import plot
from ternary_engine.cli.population import population
from ternary_engine.cli.program import program
from ternary_engine.cli.report import report
from ternary_engine.cli.reproduce import reproduce
from ternary_engine.cli.run import run
from ternary_engine.cli.sense import sense
from ternary_engine.cli.sensitivity import sensitivity
from ternary_engine.cli.sweep import sweep
from ternary_engine.cli.tolerance import tolerance

__all__ = ["app"]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ternary-engine {ternary_engine.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def entry(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of a failure (with any command).")
    ] = False,
) -> None:
    """Ternary and binary neural networks on simulated 2T2R resistive-RAM arrays.

    A network is an .onnx file or a packed .tern file; data is an .npz file
    with x and, for accuracy, the labels y. Results go to stdout, everything
    else to stderr.

    Examples:
      $ ternary-engine demo
      $ ternary-engine convert model.onnx -o net.tern
      $ ternary-engine inspect net.tern
      $ ternary-engine run net.tern data.npz
    """
    if context.invoked_subcommand is None:
        with contextlib.redirect_stdout(sys.stderr):  # typer prints help where data goes
            typer.echo(context.get_help())
        raise typer.Exit(2)


for command in (
    demo,
    convert,
    inspect,
    check,
    run,
    bench,
    sweep,
    plot,
    tolerance,
    sensitivity,
    population,
    map,
    device,
    sense,
    program,
    report,
    reproduce,
):
    app.command()(command)
