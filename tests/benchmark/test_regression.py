"""Comparing results by ratios: on made-up JSON, so that no test depends on a time."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from ternary_engine.benchmark import regression
from ternary_engine.exceptions import FormatError

OLD: dict[str, Any] = {
    "format": "ternary-engine bench",
    "version": 1,
    "machine": {"cpu": "Some processor", "compiles_for": "AVX2"},
    "roofline": {"gated": 150.0},
    "results": [
        {"case": "product", "batch": 960, "threads": 1, "ratios": {"ort": 4.0, "numpy": 5.0},
         "of_roof": 0.9, "seconds": {"ours": 0.001}},
        {"case": "network", "batch": 1, "threads": 1, "ratios": {"ort": 2.0}, "of_roof": None,
         "seconds": {"ours": 0.002}},
        {"case": "network", "batch": 1, "threads": 2, "ratios": {"ort": 3.0}, "of_roof": None,
         "seconds": {"ours": 0.002}},
    ],
    "facts": [
        {"name": "memory", "value": 0.2, "unit": "ratio"},
        {"name": "load", "value": 0.01, "unit": "s"},
    ],
}  # fmt: skip


def _changed(**ratios: float) -> dict[str, Any]:
    """The old result with other figures; times are all doubled, as on a busy machine."""
    new = copy.deepcopy(OLD)
    for row in new["results"]:
        row["seconds"]["ours"] *= 2
    new["results"][0]["ratios"]["ort"] = ratios.get("ort", 4.0)
    new["results"][0]["of_roof"] = ratios.get("roof", 0.9)
    new["facts"][0]["value"] = ratios.get("memory", 0.2)
    new["facts"][1]["value"] = 5.0
    return new


def _slower(new: dict[str, Any], share: float = 0.25) -> list[tuple[str, str]]:
    changes = regression.compare(OLD, new).changes
    return [(change.case, change.figure) for change in changes if change.is_slower(share)]


def test_times_do_not_count() -> None:
    comparison = regression.compare(OLD, _changed())
    assert len(comparison.changes) == 6
    assert all(change.factor == 1 for change in comparison.changes)
    assert comparison.only_before == comparison.only_now == ()
    assert comparison.other_machine == ""


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ({"ort": 3.01}, []),
        ({"ort": 2.99}, [("product", "ort")]),
        ({"ort": 8.0}, []),
        ({"roof": 0.6}, [("product", "roof")]),
        ({"memory": 0.26}, []),  # a ratio of which less is better: a factor of 0.77
        ({"memory": 0.28}, [("memory", "value")]),
        ({"memory": 0.05}, []),
    ],
)
def test_what_fell_by_more_than_a_quarter(
    ratios: dict[str, float], expected: list[tuple[str, str]]
) -> None:
    assert _slower(_changed(**ratios)) == expected


def test_faster_is_the_way_back_of_slower() -> None:
    (change, *_) = regression.compare(_changed(ort=2.99), OLD).changes[::-1]
    assert change.is_faster(0.25)
    assert not change.is_faster(0.26)
    assert not change.is_slower(0.25)


def test_the_worst_comes_first() -> None:
    changes = regression.compare(OLD, _changed(ort=1.0, roof=0.5)).changes
    assert [change.figure for change in changes[:2]] == ["ort", "roof"]


def test_threads_and_batches_are_cases_of_their_own() -> None:
    new = copy.deepcopy(OLD)
    new["results"][2]["ratios"]["ort"] = 1.0
    (change,) = (c for c in regression.compare(OLD, new).changes if c.is_slower(0.25))
    assert (change.case, change.batch, change.threads) == ("network", 1, 2)


def test_cases_that_only_one_has() -> None:
    new = copy.deepcopy(OLD)
    new["results"][0]["case"] = "another"
    comparison = regression.compare(OLD, new)
    assert comparison.only_before == ("product batch 960",)
    assert comparison.only_now == ("another batch 960",)


def test_another_machine_is_told() -> None:
    new = copy.deepcopy(OLD)
    new["machine"]["compiles_for"] = "NEON"
    told = regression.compare(OLD, new).other_machine
    assert told == "Some processor, AVX2 against Some processor, NEON"


def test_one_row_that_seems_slower() -> None:
    row = _changed(ort=2.0)["results"][0]
    assert regression.has_slowed(OLD, row, 0.25)
    assert not regression.has_slowed(OLD, row, 0.6)
    assert not regression.has_slowed(OLD, row | {"case": "unknown"}, 0.25)


def test_reading_back(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(OLD))
    assert regression.read(path) == OLD


def _without(*keys: str) -> dict[str, Any]:
    damaged = copy.deepcopy(OLD)
    part = damaged
    for key in keys[:-1]:
        part = part[int(key)] if isinstance(part, list) else part[key]
    del part[keys[-1]]
    return damaged


DAMAGED = {
    "no ratios": _without("results", "0", "ratios"),
    "no machine": _without("machine"),
    "no facts": _without("facts"),
    "a ratio that is none": _changed(ort=float("nan")),
    "a ratio of 0": _changed(ort=0.0),
    "text for a ratio": _changed(ort="fast"),  # type: ignore[arg-type]
    "rows that are none": OLD | {"results": 3},
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_results_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(DAMAGED[name]))
    with pytest.raises(FormatError, match=r"old\.json: damaged") as failure:
        regression.read(path)
    assert "\n" not in str(failure.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not JSON at all", "not JSON"),
        ("[]", "no result of a benchmark"),
        ('{"rows": []}', "no result of a benchmark"),
        (json.dumps(OLD | {"version": 99}), "version 99"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "old.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=expected):
        regression.read(path)
