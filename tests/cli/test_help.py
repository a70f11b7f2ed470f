from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ternary_engine.cli.app import COMMANDS

HEAVY = {"numba", "llvmlite", "onnx", "onnxruntime", "numpy"}
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "GITHUB_ACTIONS")}


def test_help_names_every_command(command) -> None:
    result = command("--help")
    assert result.status == 0
    assert all(f" {name} " in result.out for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example(command, name: str) -> None:
    result = command(name, "--help")
    assert result.status == 0
    assert f"$ ternary-engine {name}" in result.out
    assert result.err == ""


def test_seed_help_states_the_promise(command) -> None:
    text = " ".join(command("run", "--help").out.replace("│", " ").split())
    for part in ("same seed", "bit for bit", "whatever --threads", "version"):
        assert part in text


def test_version(command) -> None:
    result = command("--version")
    assert (result.status, result.err) == (0, "")
    assert result.out.startswith("ternary-engine 0.")


def test_no_command_shows_help_and_fails(command) -> None:
    result = command()
    assert (result.status, result.out) == (2, "")
    assert "Commands" in result.err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["run", "--help"]])
def test_light(arguments: list[str]) -> None:
    script = (
        "import sys, json; from ternary_engine.cli import main; status = main(sys.argv[1:]);"
        "sys.stderr.write(json.dumps(sorted(sys.modules))); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(json.loads(done.stderr))


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_fast(argument: str) -> None:
    """Little more than Python and the libraries of the command line take to start."""
    help_ = [sys.executable, "-m", "ternary_engine", argument]
    bare = [sys.executable, "-c", "import rich.console, rich.table, typer.rich_utils"]
    times = [(_seconds(help_), _seconds(bare)) for _ in range(5)]  # by turns
    ours, least = (min(one) for one in zip(*times, strict=True))
    assert ours < 2.5 * least


def _seconds(script: list[str]) -> float:
    def spent() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    before = spent()
    subprocess.run(script, capture_output=True, check=True)
    return spent() - before


def test_pipe_gets_no_escapes() -> None:
    for arguments in (["--help"], ["run", "--help"], ["nonsense"]):
        done = subprocess.run(
            [sys.executable, "-m", "ternary_engine", *arguments],
            capture_output=True,
            env=ENVIRONMENT,
        )
        assert b"\x1b" not in done.stdout + done.stderr


def test_reader_of_the_pipe_may_leave(packed: Path) -> None:
    line = f"{sys.executable} -m ternary_engine inspect {packed} --json | head -c 1"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True)
    assert done.stdout == "{"
    assert "Traceback" not in done.stderr
