"""docs/chip.md says what the code does."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import ternary_engine as te
from ternary_engine.chips.design import Repair


@pytest.fixture
def text(root: Path) -> str:
    return (root / "docs" / "chip.md").read_text(encoding="utf-8")


def test_figures_exist(root: Path, text: str) -> None:
    for name in re.findall(r"\]\((figures/\S+\.png)\)", text):
        assert (root / "docs" / name).stat().st_size > 10_000
    assert "figures/chip_cells.png" in text


def test_all_that_is_named_is_there(text: str) -> None:
    chip = te.zoo.load("mlp_ternary").program(device=te.Device(), sense=te.SenseAmp(), seed=1)
    for name in set(re.findall(r"chip\.(\w+)", text)) - {"md", "tern", "png"}:
        assert hasattr(chip, name) or name == "py", name
    for name in re.findall(r"^\| `(\w+)", text, re.M):
        assert hasattr(Repair(), name), name
    for name in set(re.findall(r"te\.([A-Z]\w+)", text)):
        assert hasattr(te, name), name


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nothing", "lines, 4 spares", "write-verify, 10 pulses"])
def test_repairs_leave_wrong_what_the_table_says(root: Path, text: str, name: str, capsys) -> None:
    spec = importlib.util.spec_from_file_location("figures", root / "docs/figures/chip.py")
    assert spec is not None
    assert spec.loader is not None
    figures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(figures)
    figures.CARE = {name: figures.CARE[name]}
    figures.repairs()
    assert capsys.readouterr().out.strip() in text
