"""The commands sweep and plot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ternary_engine.cli import main
from ternary_engine.sweeps import read_results

SWEEP = "sweep {net} --data {data} --out {out} --workers 1"
CASES: dict[str, tuple[str, list[str]]] = {
    "no data": ("sweep {net}", ["--data"]),
    "no labels": ("sweep {net} --data {nolabels} --out {out}", ["nolabels.npz", "no labels"]),
    "labels length": (SWEEP + " --labels z", ["labels", "[5]", "[40]"]),
    "rate": (SWEEP + " --ber 1.5", ["ber", "1.5", "0 to 1"]),
    "no number": (SWEEP + " --ber 1e-3,abc", ["--ber", "'abc'", "1e-4,1e-3"]),
    "hole in a list": (SWEEP + " --ber 1e-3,,1e-2", ["--ber", "''"]),
    "per": (SWEEP + " --per cell", ["--per", "'cell'", "read, sample, batch, program"]),
    "layers": (SWEEP + " --layers fc9", ["'fc9'", "'fc1'"]),
    "trials": (SWEEP + " --trials 0", ["--trials", "0"]),
    "seed": (SWEEP + " --seed -1", ["--seed", "-1"]),
    "workers": (SWEEP + " --workers 0", ["--workers", "0"]),
    "backend": (SWEEP + " --backend magic", ["magic", "threads"]),
    "scheduler": (SWEEP + " --scheduler tcp://a:1", ["scheduler", "dask"]),
    "ber and drop": (SWEEP + " --ber 0.1 --drop 0.1", ["--ber"]),
    "folder": ("sweep {net} --data {data} --out {folder}/none/r.csv", ["r.csv", "no such folder"]),
    "other tool": ("sweep {net} --data {data} --out {other}", ["other.csv", "not a results file"]),
    "plot other tool": ("plot {other} -o {folder}/a.png", ["other.csv", "not a results file"]),
    "plot nothing": ("plot {folder}/none.csv -o {folder}/a.png", ["none.csv", "no such file"]),
    "plot suffix": ("plot {results} -o {folder}/a.jpg", ["a.jpg", ".png, .svg, .pdf"]),
    "plot folder": ("plot {results} -o {folder}/none/a.png", ["no such folder"]),
    "plot column": ("plot {results} -o {folder}/a.png --x vdd", ["'vdd'", "ber"]),
    "plot text": ("plot {results} -o {folder}/a.png --y per", ["'per'", "no numbers"]),
    "plot blank": ("plot {results} -o {folder}/a.png --x layers", ["'layers'", "blank"]),
}


@pytest.fixture
def files(tmp_path: Path, packed: Path, data: Path) -> dict[str, Path]:
    made = {
        "folder": tmp_path,
        "net": packed,
        "data": data,
        "out": tmp_path / "out.csv",
        "other": tmp_path / "other.csv",
        "results": tmp_path / "results.csv",
        "nolabels": tmp_path / "nolabels.npz",
    }
    made["other"].write_text("shots, errors\n1, 2\n")
    np.savez(made["nolabels"], x=np.zeros((2, 12), np.float32))
    line = f"sweep {packed} --data {data} --ber 0,0.1 --trials 2 --workers 1"
    assert main([*line.split(), "--out", str(made["results"])]) == 0
    return made


@pytest.mark.parametrize("name", CASES)
def test_one_clear_line(command, files: dict[str, Path], name: str) -> None:
    arguments, expected = CASES[name]
    before = {path: path.stat().st_size for path in files["folder"].rglob("*")}
    result = command(*(part.format(**files) for part in arguments.split()))
    assert result.status == 2
    assert result.out == ""
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert result.err.splitlines()[-1] == errors[0]
    assert "Traceback" not in result.err
    for part in expected:
        assert part in errors[0]
    assert {path: path.stat().st_size for path in files["folder"].rglob("*")} == before


@pytest.mark.parametrize("name", ["sweep", "plot"])
def test_help_has_an_example(command, name: str) -> None:
    result = command(name, "--help")
    assert (result.status, result.err) == (0, "")
    assert f"$ ternary-engine {name}" in result.out


def test_the_same_command_again_does_nothing(command, files: dict[str, Path]) -> None:
    line = [*SWEEP.format(**files).split(), "--ber", "1e-2,1e-1", "--trials", "3", "--seed", "7"]
    first = command(*line, "--per", "read,program")
    before = files["out"].read_bytes()
    second = command(*line, "--per", "read", "--per", "program")
    assert (first.status, second.status) == (0, 0)
    assert files["out"].read_bytes() == before
    assert second.out == first.out
    assert "12 of 12 trials were in" in second.err
    assert "\x1b" not in first.err + first.out
    assert len(read_results(files["out"])) == 12


def test_json(command, files: dict[str, Path]) -> None:
    line = SWEEP.format(**files).split()
    result = command(*line, "--drop", "0.1,0.2", "--rise", "0.3", "--trials", "1", "--json")
    points = json.loads(result.out)["points"]
    assert [(p["drop"], p["rise"], p["trials"]) for p in points] == [(0.1, 0.3, 1), (0.2, 0.3, 1)]
    assert points[0]["accuracy_low"] is None
    assert points[0]["accuracy_error_free"] == 0.9


def test_without_out_rows_are_not_kept(command, files: dict[str, Path]) -> None:
    before = sorted(files["folder"].iterdir())
    result = command("sweep", files["net"], "--data", files["data"], "--trials", "1")
    assert result.status == 0
    assert "no --out" in result.err
    assert result.out.count("read") == 7
    assert sorted(files["folder"].iterdir()) == before


def test_a_torn_line_is_told(command, files: dict[str, Path]) -> None:
    files["results"].write_bytes(files["results"].read_bytes()[:-5])
    result = command("plot", files["results"], "-o", files["folder"] / "a.svg")
    assert result.status == 0
    assert "warning:" in result.err
    assert "results.csv:5" in result.err.replace("\n", "")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_plot(command, files: dict[str, Path], suffix: str) -> None:
    path = files["folder"] / f"figure.{suffix}"
    result = command("plot", files["results"], "-o", path, "--title", "A title")
    assert (result.status, result.out) == (0, "")
    begin = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert path.read_bytes().startswith(begin)
    assert path.stat().st_size > 5000


def test_a_terminal_gets_a_table_in_place(files: dict[str, Path]) -> None:
    pty = pytest.importorskip("pty")
    leader, follower = pty.openpty()
    line = [*SWEEP.format(**files).split(), "--ber", "0.1,0.2", "--trials", "300"]
    subprocess.run(
        [sys.executable, "-m", "ternary_engine", *line],
        stdout=subprocess.DEVNULL,
        stderr=follower,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(follower)
    shown = os.read(leader, 1_000_000).decode()
    os.close(leader)
    for part in ("2 points x 300 trials", "per read, ber 0.2", "accuracy", "drop", "Ctrl-C"):
        assert part in shown
    assert "\x1b[1A" in shown  # redrawn in place


def test_a_log_gets_plain_lines(command, files: dict[str, Path], monkeypatch) -> None:
    monkeypatch.setattr("ternary_engine.cli.screen.REMINDER", 0.0)
    result = command(*SWEEP.format(**files).split(), "--ber", "0.1", "--trials", "30")
    lines = result.err.splitlines()
    assert "1 point x 30 trials" in lines[0]
    assert lines[1].startswith("0 of 30 trials")
    assert "/s" in lines[2]
    assert "left" in lines[2]
    assert lines[-1].startswith("30 of 30 trials, lowest accuracy")


def test_ctrl_c_keeps_rows_and_says_how_to_go_on(files: dict[str, Path]) -> None:
    line = [*SWEEP.format(**files).split(), "--ber", "0.1", "--trials", "500000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "ternary_engine", *line],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # in a background too
    )
    try:
        deadline = time.monotonic() + 60
        while not files["out"].exists() or files["out"].stat().st_size < 20_000:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "the same command goes on from there" in err
    assert "Traceback" not in err
    assert files["out"].read_bytes().endswith(b"\n")
    assert len(read_results(files["out"])) > 50
