"""The whole reproduction, and the table of claims in README."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ternary_engine.reproduction import reproduce
from ternary_engine.reproduction.build import PANELS

pytest.importorskip("matplotlib", reason="figures need the extra 'plot'")
pytestmark = pytest.mark.slow


def test_quick_reproduction_and_readme_agree(tmp_path: Path, root: Path) -> None:
    told: list[str] = []
    found = reproduce(tmp_path, quick=True, threads=2, tell=told.append)
    assert len(found.panels) == len(told) == len(PANELS)
    verdicts = {claim.text: (claim.origin, claim.verdict) for _, claim in found.claims}
    readme = (root / "README.md").read_text(encoding="utf-8")
    table = re.search(r"<!-- table: claims -->\n((?:\|.*\n)+)", readme)
    assert table
    rows = [line.strip("| ").split(" | ") for line in table[1].splitlines()[2:]]
    assert len(rows) >= 8
    for claim, origin, _, verdict in rows:
        assert verdicts.get(claim) == (origin, verdict.strip("*")), claim
