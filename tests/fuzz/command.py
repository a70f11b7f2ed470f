"""The same cases through the command line: one line, exit status 2, nothing half-written."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ternary_engine.cli import main
from tests.fuzz.cases import Case
from tests.fuzz.judge import _listing


def judge(case: Case, folder: Path, phase: Callable[[str], None]) -> str:
    """Put a case through inspect, convert and run; the outcome as in `judge.judge`."""
    path = case.write(folder / "inside")
    data = folder / "inside" / "data.npz"
    np.savez(data, x=np.random.default_rng(0).normal(size=(2, 12)).astype(np.float32))
    before = _listing(folder)
    packed, answers = folder / "inside" / "made.tern", folder / "inside" / "y.npz"
    phase("ours")
    calls = {
        "inspect": ["inspect", str(path)],
        "convert": ["convert", str(path), "-o", str(packed)],
        "run": ["run", str(path), str(data), "-o", str(answers), "--threads", "1"],
    }
    outcomes: list[str] = []
    endless = False
    for name, arguments in calls.items():
        if endless and name == "run":
            continue  # it takes as long as the source does
        status, problem, shown = _call(arguments)
        endless |= "loops ran for more than" in shown
        if problem:
            return f"FOUND {name}: {problem}"
        outcomes.append(f"{name} {status}")
        made = packed if name == "convert" else answers
        if status == 0 and name != "inspect":
            if not made.is_file():
                return f"FOUND {name}: it wrote nothing"
            made.unlink()
        if _listing(folder) != before:
            return f"FOUND {name}: files {_listing(folder)} instead of {before}"
    return ", ".join(outcomes)


def _call(arguments: list[str]) -> tuple[int, str, str]:
    """Exit status, what is wrong with how the command ended, and what it wrote."""
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryFile("w+") as written:  # by libraries that are no Python
        held = os.dup(2)
        os.dup2(written.fileno(), 2)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = main(arguments)
        finally:
            os.dup2(held, 2)
            os.close(held)
        written.seek(0)
        noise = written.read()
    text = err.getvalue() + noise
    shown = out.getvalue() + text
    if ":onnxruntime:" in noise:
        return status, f"noise on stderr: {noise}", shown
    if status not in (0, 2) or "Traceback" in text + out.getvalue():
        return status, f"exit status {status}: {text}", shown
    if status == 2:
        lines = [line for line in text.splitlines() if line.startswith("error: ")]
        if len(lines) != 1 or out.getvalue():
            return status, f"not one clear line: {text!r} {out.getvalue()!r}", shown
    return status, "", shown
