"""The resilience study: what its rows say, and the results that ship."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ternary_engine import zoo
from ternary_engine.errors import SenseErrors
from ternary_engine.reproduction import shipped, study

Row = dict[str, Any]
FEW = 100


@pytest.fixture(scope="module")
def ternary() -> tuple[Any, Any, Any]:
    x, labels = zoo.data("mlp_ternary")
    return zoo.load("mlp_ternary"), x[:FEW], labels[:FEW]


def test_durations_have_every_rate_and_duration(ternary: tuple[Any, Any, Any]) -> None:
    rows = study.durations(*ternary, rates=(1e-3, 0.2), trials=2, seed=1)
    places = {(row["per"], row["rate"], row["trial"]) for row in rows}
    assert len(places) == len(rows) == len(study.DURATIONS) * 2 * 2
    for row in rows:
        assert row["accuracy_drop"] == pytest.approx(row["accuracy_error_free"] - row["accuracy"])
        assert row["samples"] == FEW
    worst = [row["accuracy_drop"] for row in rows if row["rate"] == 0.2]
    least = [row["accuracy_drop"] for row in rows if row["rate"] == 1e-3]
    assert np.mean(worst) > np.mean(least)


def test_types_are_errors_of_one_kind() -> None:
    rates = {name: make(0.25) for name, make in study.TYPES.items()}
    assert list(rates.values()) == [
        SenseErrors(sign_flip=0.25),
        SenseErrors(drop=0.25),
        SenseErrors(rise=0.25),
    ]


def test_binary_networks_know_sign_flips_only(ternary: tuple[Any, Any, Any]) -> None:
    x, labels = zoo.data("mlp_binary")
    how: dict[str, Any] = {"rates": (0.1,), "trials": 1, "seed": 1}
    binary = study.types(zoo.load("mlp_binary"), x[:FEW], labels[:FEW], **how)
    assert {row["type"] for row in binary} == {"type 1: sign flip"}
    assert {row["type"] for row in study.types(*ternary, **how)} == set(study.TYPES)


def test_conditions_carry_the_rates_of_the_model(ternary: tuple[Any, Any, Any]) -> None:
    rows = study.conditions(*ternary, supplies=(1.2,), trials=1, seed=1)
    found = {row["condition"]: row for row in rows}
    assert found["talk, 1.2 V"]["type3"] == pytest.approx(0.065, rel=0.02)
    assert found["degraded, 1.2 V"]["type3"] == pytest.approx(0.185, rel=0.02)


def test_networks_that_ship_results() -> None:
    rows = shipped.networks()
    assert {(row["weights"], row["activations"]) for row in rows} >= {
        ("ternary", "ternary"),
        ("binary", "binary"),
    }
    for row in rows:
        assert 1 <= row["best_epoch"] <= row["epochs"]
        assert 0.1 < row["test_accuracy"] < 1
        assert abs(row["packed_accuracy"] - row["test_accuracy"]) <= 2e-4
        assert row["weights"] == "real" or row["packed_bytes"] < 1_000_000


@pytest.mark.parametrize("name", ["resilience", "taught"])
def test_results_under_errors(name: str) -> None:
    rows = getattr(shipped, name)()
    assert rows
    for row in rows:
        assert 0 <= row["accuracy"] <= 1
        assert row["accuracy_drop"] == pytest.approx(row["accuracy_error_free"] - row["accuracy"])
    assert {row["per"] for row in rows} == set(study.DURATIONS)


def test_networks_under_errors_are_those_that_were_trained() -> None:
    trained = {row["network"] for row in shipped.networks()}
    assert {row["network"] for row in shipped.resilience()} <= trained
