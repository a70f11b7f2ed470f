"""Adds to pytest-benchmark what it lacks: engines timed by turns, and the ratios between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ternary_engine.benchmark import roofline
from ternary_engine.benchmark.cases import OURS, AbsentPeerError, Case, Row, measure

LINES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seconds", type=float, default=0.3, help="on each engine of a case")


@pytest.fixture(scope="session")
def roofs() -> dict[str, float]:
    """The limits of this core."""
    return roofline.measure()


@pytest.fixture
def compare(
    benchmark: Any, request: pytest.FixtureRequest, roofs: dict[str, float]
) -> Callable[[Callable[[], Case]], Row]:
    """Time all engines of a case by turns, and ours once more for pytest-benchmark's table."""

    def call(setup: Callable[[], Case]) -> Row:
        try:
            case = setup()
        except AbsentPeerError as reason:
            pytest.skip(str(reason))
        row = measure(case, roofs, request.config.getoption("--seconds"))
        request.config.stash.setdefault(LINES, []).append(_line(row))
        benchmark.extra_info.update(row.as_dict())
        benchmark.pedantic(case.calls[OURS], rounds=5, warmup_rounds=1)
        return row

    return call


def _line(row: Row) -> str:
    """A row for people."""
    scale, unit = (1e9, "GMAC/s") if row.case.unit == "MAC" else (1, "samples/s")
    of_roof = "" if row.of_roof is None else f", {row.of_roof:.0%} of {row.case.roof}"
    ratios = ", ".join(f"{ratio:.2f} x {peer}" for peer, ratio in row.ratios.items())
    batch = "" if row.case.batch is None else f", batch {row.case.batch}"
    return (
        f"{row.case.name}{batch}, {row.case.threads} thread{'s' * (row.case.threads > 1)}: "
        f"{row.rates[OURS] / scale:,.0f} {unit}{of_roof}; {ratios}"
    )


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for text in config.stash.get(LINES, []):
        terminalreporter.write_line(text)
