"""Adds to pytest-benchmark what it lacks: engines timed by turns, and the ratios between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.measure import line, measure
from bench.peers import Case
from bench.roofline import Roofline
from bench.roofline import measure as probe

LINES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=0.3, help="on each engine of a case")


@pytest.fixture(scope="session")
def roofs() -> Roofline:
    """The limits of this core."""
    return probe()


@pytest.fixture
def compare(
    benchmark: Any, request: pytest.FixtureRequest, roofs: Roofline
) -> Callable[[Case], dict[str, Any]]:
    """Time all engines of a case by turns, and ours once more for pytest-benchmark's table."""

    def call(case: Case) -> dict[str, Any]:
        row = measure(case, roofs, request.config.getoption("--seconds"))
        request.config.stash.setdefault(LINES, []).append(line(row))
        benchmark.extra_info.update({key: row[key] for key in ("rates", "ratios")})
        benchmark.pedantic(case.calls["ours"], rounds=20, warmup_rounds=2)
        return row

    return call


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for text in config.stash.get(LINES, []):
        terminalreporter.write_line(text)
