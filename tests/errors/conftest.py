"""Chooses between the two samplers of read errors, and makes sure that it was the one that ran."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from ternary_engine.runtime import reads

Force = Callable[[str], None]


@pytest.fixture
def force(monkeypatch: pytest.MonkeyPatch) -> Iterator[Force]:
    """Call with "rare" or "frequent" to have all reads drawn by that sampler."""
    used: set[str] = set()
    wanted: set[str] = set()

    def note(name: str) -> None:
        original = getattr(reads, f"{name}_tables")

        def noted(*arguments: object) -> object:
            used.add(name)
            return original(*arguments)

        monkeypatch.setattr(reads, f"{name}_tables", noted)

    def choose(name: str) -> None:
        monkeypatch.setattr(reads, "RARE_CANDIDATES", math.inf if name == "rare" else 0.0)
        wanted.add(name)

    note("rare")
    note("frequent")
    yield choose
    assert used == wanted, f"samplers that ran: {used}, that were to run: {wanted}"
