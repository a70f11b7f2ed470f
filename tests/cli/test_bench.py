"""The bench command on the smallest work there is: what it tells, never how fast."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

SMALL = ("bench", "mlp_ternary", "--batch", 8, "--seconds", 0)


@pytest.fixture(scope="module", autouse=True)
def quick_limits() -> Any:
    """Limits of the machine with less effort than a benchmark makes."""
    from ternary_engine.benchmark import roofline

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roofline, "ROUNDS", 2)
        patch.setattr(roofline, "STREAMED_BYTES", roofline.STREAM_BLOCK)
        yield


@pytest.fixture
def result(command) -> dict[str, Any]:
    made = command(*SMALL, "--json")
    assert made.status == 0
    told: dict[str, Any] = json.loads(made.out)
    return told


def test_json(result: dict[str, Any]) -> None:
    (row,) = result["results"]
    assert (row["case"], row["batch"], row["threads"]) == ("mlp_ternary", 8, 1)
    assert row["ratios"]["onnxruntime float32"] > 0
    assert row["prepare_seconds"] > 0
    assert result["machine"]["cpu"]
    assert result["roofline"]["popcount"] > 0
    assert result["facts"] == []


def test_table(command) -> None:
    made = command(*SMALL)
    for part in (
        "x ORT float32",
        "prepare",
        "mlp_ternary",
        "limit of one core",
        "gated",
        "Python 3",
    ):
        assert part in made.out
    assert "timing mlp_ternary, batch 8 (1 of 1)" in made.err


def test_layers_have_goals_and_a_roof(command, monkeypatch: pytest.MonkeyPatch) -> None:
    from ternary_engine.benchmark import goals, products

    monkeypatch.setattr(products, "SHAPES", ((8, 64, 16),))
    monkeypatch.setattr(products, "PRODUCTS", ("ternary x ternary",))
    monkeypatch.setattr(goals, "processor_class", lambda: "AVX2")
    made = command("bench", "product", "--seconds", 0)
    assert "ternary x ternary 8x64x16" in made.out
    assert "(goal 2.50)" in made.out
    assert "of 1 reached" in made.out


def _saved(tmp_path: Path, told: dict[str, Any]) -> Path:
    path = tmp_path / "old.json"
    path.write_text(json.dumps(told))
    return path


def test_nothing_got_slower_than_very_slow(command, result: dict[str, Any], tmp_path: Path) -> None:
    result["results"][0]["ratios"]["onnxruntime float32"] /= 100
    old = _saved(tmp_path, result)
    made = command(*SMALL, "--compare", old, "--fail-slower", "25%")
    assert made.status == 0
    assert "faster  mlp_ternary batch 8, onnxruntime float32" in made.err


@pytest.mark.parametrize(("options", "status"), [(("--fail-slower", "25%"), 1), ((), 0)])
def test_what_got_slower_fails_where_asked(
    command, result: dict[str, Any], tmp_path: Path, options: tuple[str, ...], status: int
) -> None:
    result["results"][0]["ratios"]["onnxruntime float32"] *= 100
    made = command(*SMALL, "--compare", _saved(tmp_path, result), *options, "--json")
    assert made.status == status
    assert "slower  mlp_ternary batch 8, onnxruntime float32" in made.err
    assert json.loads(made.out)["results"]


def test_cases_that_the_old_result_has_not(command, result: dict[str, Any], tmp_path: Path) -> None:
    result["results"][0]["case"] = "another"
    made = command(*SMALL, "--compare", _saved(tmp_path, result))
    assert made.status == 0
    assert "only in the old result: another batch 8" in made.err
    assert "not in the old result: mlp_ternary batch 8" in made.err


def test_another_machine(command, result: dict[str, Any], tmp_path: Path) -> None:
    result["machine"]["cpu"] = "Another processor"
    old = _saved(tmp_path, result)
    made = command(*SMALL, "--compare", old, "--fail-slower", "0.25")
    assert made.status == 2
    (line,) = made.err.splitlines()
    assert "old.json: measured on another machine (Another processor" in line
    made = command(*SMALL, "--compare", old)
    assert made.status == 0
    assert "Another processor" in made.err
