"""Every case of every suite: ``pytest bench -k large``, by suite or by name.

Nothing is asserted about speed, which is for `ternary-engine bench --compare`; cases check their
answers when they are set up.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench import suites
from ternary_engine.benchmark import suites as shipped
from ternary_engine.benchmark.cases import Case

NAMES = [*shipped.SUITES, *suites.SUITES]
ALL = [(suite, name, setup) for suite in NAMES for name, setup in suites.setups([suite])]


@pytest.mark.parametrize(
    "setup", [setup for *_, setup in ALL], ids=[f"{suite}: {name}" for suite, name, _ in ALL]
)
def bench_case(setup: Callable[[], Case], compare):
    row = compare(setup)
    assert min(row.ratios.values()) > 0
