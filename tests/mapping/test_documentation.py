"""docs/mapping.md says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ternary_engine as te
from ternary_engine.mapping.tables import energy
from ternary_engine.network import Network


@pytest.fixture
def text(root: Path) -> str:
    return (root / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_the_image_shown_is_the_one_written(text: str, cnn: Network, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```text\n(# format.*?)```", text, re.DOTALL)
    te.write_image(te.map(cnn), tmp_path / "image.csv")
    assert (tmp_path / "image.csv").read_text().startswith(shown)


def test_defaults_are_those_of_the_table(text: str) -> None:
    defaults = te.CostParameters()
    for row in re.findall(r"^\| (`.*?) \| (.*?) \|", text, re.MULTILINE):
        for name in re.findall(r"`([a-z_]+)`", row[0]):
            if hasattr(defaults, name):
                value = getattr(defaults, name)
                wanted = {"cycle_time": f"{value * 1e9:.0f} ns", "gated": "0"}
                wanted |= {"pipeline_cycles": f"{value}", "vdd": "1.2 V", "vdd_reference": "1.2 V"}
                shown = wanted.get(name, energy(value))
                assert row[1].startswith(shown.replace("17.0", "17")), name
    names = set(re.findall(r"`([a-z_]+)`", text))
    assert set(defaults.to_dict()) <= names
