from __future__ import annotations

import pytest

from ternary_engine.benchmark import startup
from ternary_engine.benchmark.startup import Fact


def test_a_goal_is_what_a_figure_may_be_at_most() -> None:
    assert Fact("load", 0.06, "s", 0.05).missed
    assert not Fact("load", 0.04, "s", 0.05).missed
    assert not Fact("load", 99.0, "s").missed
    assert Fact("load", 0.06, "s", 0.05).as_dict()["goal"] == 0.05


@pytest.mark.slow
def test_facts_of_a_small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "FILTERS", 32)
    monkeypatch.setattr(startup, "BATCH", 16)
    monkeypatch.setattr(startup, "TURNS", 1)
    told: list[str] = []
    facts = list(startup.measure_facts(told.append))
    assert [fact.unit for fact in facts][:5] == ["s", "s", "bits", "ratio", "ratio"]
    assert all(fact.value > 0 for fact in facts)
    assert len(told) >= 3
