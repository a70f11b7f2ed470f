"""Expected failures, told in one clear line."""

from __future__ import annotations

import os

import typer

from ternary_engine.cli import screen
from ternary_engine.exceptions import TernaryEngineError

__all__ = ["report"]

# The command-line parser's own errors; typer exports only this one leaf of the family.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]

_EXPECTED = (TernaryEngineError, ValueError, TypeError)


def report(error: Exception) -> int:
    """Say on stderr what went wrong.

    Args:
        error: what a command raised.

    Returns:
        Exit status: 2 for what a user can put right, 1 for a fault of the program.
    """
    line = _line(error)
    if line is not None:
        screen.complain(line)
        return 2
    kind = type(error).__name__
    screen.complain(f"{kind}: {error}\nThis is a fault of the program; --debug shows where.")
    return 1


def _line(error: Exception) -> str | None:
    """Word an expected failure; None for any other."""
    if isinstance(error, _USAGE_ERROR):
        return _usage(error)
    if isinstance(error, typer.Abort):
        return "stopped"
    if isinstance(error, OSError):
        return _os_error(error)
    if isinstance(error, MemoryError):
        return "not enough memory; run the data in several parts"
    if isinstance(error, _EXPECTED) and str(error):
        return str(error)
    return None


def _usage(error: Exception) -> str:
    message = str(getattr(error, "format_message", error.__str__)()).strip()
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "ternary-engine"
    stop = "" if message.endswith((".", "?", "!", ")")) else "."
    return f"{message}{stop} See '{path} --help'."


def _os_error(error: OSError) -> str:
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    if error.filename is None:
        return reason
    name = os.fsdecode(error.filename)
    if isinstance(error, FileNotFoundError) and not os.path.isdir(os.path.dirname(name) or "."):
        return f"{name}: no such folder"
    return f"{name}: {reason}"
