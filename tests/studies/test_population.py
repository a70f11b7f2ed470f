from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.sweeps.identity import run_seed

RATES = [0.12, 0.1]


def test_chips_are_programmed_networks(task: Any) -> None:
    net, x, labels = task
    errors = te.SenseErrors.from_ber(0.2)
    found = te.population(net, x, labels, errors, chips=8, seed=3, workers=1)
    (chips,) = found.settings.values()
    rows = te.sweep(
        net, x, labels, points=[chips.point], trials=8, seed=3, workers=1, common_seeds=True
    ).rows
    for accuracy, row in zip(chips.accuracies, rows, strict=True):
        chip = net.program(errors=errors, seed=row["seed"])
        assert (chip.run(x).argmax(axis=1) == labels).mean() == accuracy


def test_yield_counts_chips(task: Any) -> None:
    found = te.population(*task, te.SenseErrors.from_ber(0.2), accuracy=0.9, chips=32, workers=1)
    (name,) = found.settings
    chips = found.settings[name].accuracies
    assert name == "ber 0.2"
    assert found.chips == len(chips) == 32
    assert found.yields[name].value == np.mean(chips >= 0.9)
    curve = found.curve([0.0, 0.9, 1.01])
    assert [row["yield"] for row in curve] == [1.0, found.yields[name].value, 0.0]
    assert curve[1]["yield_low"] <= curve[1]["yield"] <= curve[1]["yield_high"]
    assert "32 chips" in str(found)


def test_stops_when_tight_enough(task: Any) -> None:
    errors = te.SenseErrors.from_ber(0.15)
    coarse = te.population(*task, errors, precision=0.15, workers=1)
    fine = te.population(*task, errors, precision=0.1, workers=1)
    assert coarse.converged
    assert fine.converged
    assert coarse.chips < fine.chips < 1000
    (first,), (second,) = coarse.settings.values(), fine.settings.values()
    assert (second.accuracies[: coarse.chips] == first.accuracies).all()
    assert not te.population(*task, errors, chips=40, precision=0.01, workers=1).converged


def test_settings_share_their_chips(task: Any) -> None:
    settings = [te.SenseErrors.from_ber(rate) for rate in RATES]
    found = te.population(*task, settings, chips=150, precision=0.001, workers=1)
    both = np.array([one.accuracies for one in found.settings.values()])
    assert np.corrcoef(both)[0, 1] > 0.3
    for number, errors in enumerate(settings):
        alone = te.population(*task, errors, chips=150, precision=0.001, seed=9, workers=1)
        (chips,) = alone.settings.values()
        spread = np.hypot(both[number].std(), chips.accuracies.std()) / np.sqrt(150)
        assert abs(both[number].mean() - chips.accuracies.mean()) < 5 * spread


def test_difference_is_paired(task: Any) -> None:
    settings = [te.SenseErrors.from_ber(rate) for rate in (0.05, 0.3)]
    found = te.population(*task, settings, names=["mild", "harsh"], chips=32, workers=1)
    difference = found.difference("mild", "harsh")
    assert difference.value == pytest.approx(
        found.yields["harsh"].value - found.yields["mild"].value
    )
    assert difference.low <= difference.value <= difference.high < 0


def test_reading_errors_on_top(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "chips.csv"
    mild = te.SenseErrors.from_ber(0.001)
    found = te.population(
        *task, mild, reading=te.SenseErrors(sign_flip=0.4), chips=8, out=path, workers=1
    )
    (chips,) = found.settings.values()
    assert chips.accuracies.mean() < found.accuracy_error_free - 0.1
    row = te.read_results(path).rows[0]
    assert (row["sign_flip"], row["per"]) == (0.4, "read")
    assert row["programmed"] == "SenseErrors(ber=0.001)"
    assert chips.mean().low < chips.mean().value


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"errors": []}, "none"),
        ({"errors": 0.1}, "iterable"),
        ({"names": ["a", "b"]}, "names"),
        ({"chips": 0}, "chips"),
        ({"precision": 0}, "precision"),
        ({"confidence": 2}, "confidence"),
        ({"errors": {"fc9": te.SenseErrors(drop=0.1)}}, "fc9"),
    ],
)
def test_bad_arguments(task: Any, changed: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, TypeError), match=told):
        te.population(*task, **{"errors": te.SenseErrors(drop=0.1), **changed})


def test_chips_of_a_device(task: Any, tmp_path: Path) -> None:
    net, x, labels = task
    device, sense = te.Device.preset("degraded"), te.SenseAmp()
    path = tmp_path / "chips.csv"
    found = te.population(
        net, x, labels, device=device, sense=sense, chips=6, seed=3, workers=1, out=path
    )
    (chips,) = found.settings.values()
    rows = te.read_results(path).rows
    for accuracy, row in zip(chips.accuracies, rows, strict=True):
        chip = net.program(device=device, sense=sense, seed=run_seed(row["seed"], None, 0))
        assert (chip.run(x, seed=row["seed"]).argmax(axis=1) == labels).mean() == accuracy
        assert row["programmed"] == "Device(reset_voltage=2) read by SenseAmp()"


def test_conditions_share_their_chips(task: Any) -> None:
    points = te.Point.conditions(te.Device.preset("degraded"), age=[0.0, 1e4])
    found = te.population(*task, points, chips=20, precision=0.001, workers=1)
    assert list(found.settings) == ["age_s 0", "age_s 10000"]
    both = np.array([one.accuracies for one in found.settings.values()])
    assert (both[0] != both[1]).any()
    assert np.corrcoef(both)[0, 1] > 0.5


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"errors": te.SenseErrors(drop=0.1)}, "either errors"),
        ({"device": None, "sense": None}, "takes errors"),
        ({"sense": None}, "SenseAmp"),
        ({"reading": te.SenseErrors(drop=0.1)}, "reading"),
    ],
)
def test_bad_chips(task: Any, changed: dict[str, Any], told: str) -> None:
    options = {"device": te.Device(), "sense": te.SenseAmp(), **changed}
    with pytest.raises((ValueError, TypeError), match=told):
        te.population(*task, **options)
    if "errors" in changed:
        mixed = [te.Point(device=te.Device(), sense=te.SenseAmp()), te.SenseErrors(drop=0.1)]
        with pytest.raises(TypeError, match="among chips"):
            te.population(*task, mixed)
