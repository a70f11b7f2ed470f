"""The command line: a thin skin over the Python API, one file for each command.

Nothing here imports numba, onnx or onnxruntime before a command needs it, so help is instant.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ternary_engine.cli import failures, screen
from ternary_engine.cli.app import COMMANDS, make

__all__ = ["main"]

PROGRAM = "ternary-engine"
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run the ``ternary-engine`` command.

    Args:
        argv: arguments without the program's name; defaults to those of this process.

    Returns:
        Exit status: 0 done, 1 a fault of the program, 2 an expected failure (one clear line on
        stderr), 130 interrupted.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    asked = next((word for word in arguments if not word.startswith("-")), "")
    app = make([asked] if asked in COMMANDS else COMMANDS)
    try:
        result = app(arguments, prog_name=PROGRAM, standalone_mode=False)
    except KeyboardInterrupt:
        result = INTERRUPTED
    except SystemExit as stop:  # typer leaves this way when the reader of a pipe has gone
        result = stop.code
    except Exception as error:
        if debug:
            raise
        return failures.report(error)
    status = result if isinstance(result, int) else 0
    if status == INTERRUPTED:
        screen.narrate("interrupted")
    return status
