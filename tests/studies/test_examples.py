"""The examples run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ternary_engine.sweeps import read_results

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
SLOW = ("supply",)  # makes many chips
TOLD = {
    "resilience": "one point of accuracy is lost at a bit error rate of 0.",
    "protection": "protect linear",
    "chip_yield": "the better cell wins",
    "supply": "least energy of reads within 2 points of accuracy: vdd_V",
}


def test_all_are_tested() -> None:
    assert {path.stem for path in EXAMPLES} == set(TOLD)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in SLOW))
        for path in EXAMPLES
    ],
)
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


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="Jupyter is not installed")
    nbclient = pytest.importorskip("nbclient", reason="Jupyter is not installed")
    pytest.importorskip("ipykernel", reason="Jupyter is not installed")
    monkeypatch.setenv("STUDY_FOLDER", str(tmp_path))
    monkeypatch.setenv("STUDY_TRIALS", "2")
    notebook = nbformat.read(ROOT / "examples" / "supply.ipynb", 4)
    assert all(cell.get("outputs", []) == [] for cell in notebook.cells)  # kept clean
    client = nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3")
    client.execute()  # raises where a cell does
    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    pictures = [one for one in outputs if "image/png" in one.get("data", {})]
    text = "".join(one.get("text", "") for one in outputs)
    assert len(pictures) == 3
    assert "8 chips; accuracy of 95.44 % or more" in text
    assert "% after" in text
    assert len(read_results(tmp_path / "conditions.csv")) == 16
