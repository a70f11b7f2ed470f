"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ternary_engine.sweeps import read_results

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
TOLD = {
    "resilience": "one point of accuracy is lost at a bit error rate of 0.",
    "protection": "protect linear",
    "chip_yield": "the better cell wins",
}


def test_all_are_tested() -> None:
    assert {path.stem for path in EXAMPLES} == set(TOLD)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example(path: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), str(tmp_path), "8"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert TOLD[path.stem] in done.stdout
    (results,) = tmp_path.glob("*.csv")
    assert len(read_results(results)) >= 16
    assert (tmp_path / f"{path.stem}.png").stat().st_size > 10_000
