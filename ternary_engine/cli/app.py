"""The command itself: its global options and the commands it knows."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import ternary_engine

__all__ = ["COMMANDS", "make"]

COMMANDS = (
    "demo",
    "convert",
    "inspect",
    "check",
    "run",
    "bench",
    "sweep",
    "plot",
    "tolerance",
    "sensitivity",
    "population",
    "map",
    "device",
    "sense",
    "program",
    "report",
    "reproduce",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ternary-engine {ternary_engine.__version__}")
        raise typer.Exit


def _entry(
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


def make(names: Sequence[str] = COMMANDS) -> typer.Typer:
    """Make the application; one that needs but one command starts a tenth of a second sooner.

    Args:
        names: commands it knows, each the function of that name in the module of that name.
    """
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback(invoke_without_command=True)(_entry)
    for name in names:
        module = importlib.import_module(f"ternary_engine.cli.{name}")
        app.command()(getattr(module, name))
    return app
