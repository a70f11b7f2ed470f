"""Rows and their figures from made-up timings: nothing here depends on how fast the machine is."""

from __future__ import annotations

import json

import pytest

from ternary_engine.benchmark.cases import OURS, AbsentPeerError, Case, Row, measure
from ternary_engine.benchmark.peers import present
from ternary_engine.benchmark.timing import Timing


def _case(**changes: object) -> Case:
    given = {
        "name": "work",
        "suite": "product",
        "work": 6_000_000,
        "unit": "MAC",
        "calls": {OURS: int, "peer": int},
        "roof": "gated",
        "goals": {"peer": 2.0, "roof": 0.5, "missing": 9.0},
    }
    return Case(**(given | changes))  # type: ignore[arg-type]


def _row(ours: float = 0.001, peer: float = 0.003, **changes: object) -> Row:
    timings = {OURS: Timing(ours, ours, 3), "peer": Timing(peer, peer, 3)}
    return Row(_case(**changes), timings, {"gated": 10.0, "memory": 20.0})


def test_figures() -> None:
    row = _row()
    assert row.rates == pytest.approx({OURS: 6e9, "peer": 2e9})
    assert row.ratios == pytest.approx({"peer": 3.0})
    assert row.of_roof == pytest.approx(0.6)
    assert row.figures == pytest.approx({"peer": 3.0, "roof": 0.6})
    assert row.missed == {}  # a peer that did not take part is no missed goal


def test_missed_goals() -> None:
    assert _row(ours=0.002).missed == {"peer": 2.0, "roof": 0.5}


def test_a_roof_may_count_something_else() -> None:
    assert _row(roof="memory", roof_work=1e7).of_roof == pytest.approx(0.5)
    assert _row(roof="").of_roof is None
    assert _row(roof="tiles").of_roof is None  # not measured on this machine


def test_the_better_of_two_measurements() -> None:
    merged = _row(ours=0.002, peer=0.003).merged(_row(ours=0.001, peer=0.004))
    assert merged.ratios == pytest.approx({"peer": 3.0})


def test_as_json() -> None:
    told = json.loads(json.dumps(_row(skipped={"other": "not installed"}).as_dict()))
    assert told["case"] == "work"
    assert told["ratios"]["peer"] == pytest.approx(3.0)
    assert told["of_roof"] == pytest.approx(0.6)
    assert told["goals"]["peer"] == 2.0
    assert told["skipped"] == {"other": "not installed"}


def test_measure_calls_every_engine() -> None:
    called = []
    calls = {OURS: lambda: called.append(OURS), "peer": lambda: called.append("peer")}
    row = measure(_case(calls=calls), {"gated": 10.0}, 0)
    assert set(called) == {OURS, "peer"} == set(row.timings)
    assert row.case.calls == {}  # engines are let go: a benchmark has dozens of them


def test_absent_peers_are_skipped_with_a_reason() -> None:
    def absent() -> None:
        raise AbsentPeerError("it is not installed")

    calls, skipped = present({"here": lambda: int, "away": absent})  # type: ignore[dict-item]
    assert list(calls) == ["here"]
    assert skipped == {"away": "it is not installed"}
