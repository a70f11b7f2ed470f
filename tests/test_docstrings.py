"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {"ternary_engine": "ternary_engine", "converters": "ternary_engine.converters"}


def _with_examples() -> list[str]:
    found = []
    for room, package in ROOMS.items():
        for path in sorted((ROOT / room).rglob("*.py")):
            inside = path.relative_to(ROOT / room)
            if (ROOT / room / inside.parts[0]).is_symlink() or ">>>" not in path.read_text("utf-8"):
                continue
            parts = [part for part in inside.with_suffix("").parts if part != "__init__"]
            found.append(".".join([package, *parts]))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", _with_examples())
def test_examples_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(importlib.import_module(name)).failed == 0
