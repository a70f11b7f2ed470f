from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.studies.search import Axis, Probe, Search, crossing


class Scripted:
    """A session whose accuracy is known: the drop is the harm squared, with noise."""

    samples, error_free = 1000, 0.9

    def __init__(self, seed: int, spread: float) -> None:
        self.rng, self.spread, self.ran = np.random.default_rng(seed), spread, 0

    def accuracies(self, point: te.Point, trials: range) -> np.ndarray[Any, Any]:
        self.ran += len(trials)
        harm = float(point.columns["harm"])
        return self.error_free - harm**2 + self.spread * self.rng.normal(size=len(trials))


def search(seed: int, spread: float, max_drop: float, budget: int) -> tuple[Search, Axis]:
    session: Any = Scripted(seed, spread)

    def make(value: float) -> te.Point:
        return te.Point(columns={"harm": value})

    return Search(session, make, max_drop, 0.05 / 360, budget), Axis(0.0, 1.0, "high", False)


def limits(made: Search) -> tuple[float, float]:
    kept = max(p.value for p in made.probes if p.verdict == "kept")
    return kept, min(p.value for p in made.probes if p.verdict == "lost")


def test_finds_the_limit_of_a_known_loss(seed: int) -> None:
    made, axis = search(seed, 0.005, 0.09, 5000)
    converged, _ = made.narrow(axis, 0.1)
    low, high = limits(made)
    assert converged
    assert low < 0.3 < high
    assert high - low <= 0.1
    ordered = sorted(made.probes, key=lambda p: p.value)
    assert low <= crossing(ordered, axis, 0.09, low, high) <= high


def test_the_interval_holds_the_truth(seed: int) -> None:
    held = 0
    for number in range(60):
        made, axis = search(seed + number, 0.05, 0.09, 1000)
        made.narrow(axis, 0.05)
        low, high = limits(made)
        held += low < 0.3 < high
    assert held >= 54  # 95 % are promised; fewer than 54 of 60 has a probability of 0.8 %


def test_the_budget_is_kept() -> None:
    made, axis = search(1, 0.05, 0.09, 100)
    converged, remark = made.narrow(axis, 1e-6)
    assert not converged
    assert made.session.ran == 100 - made.left <= 100
    assert "budget" in remark


@pytest.mark.parametrize(("max_drop", "told"), [(1e-9, "harmless"), (0.99999, "harmful")])
def test_a_limit_beyond_the_range_is_told(max_drop: float, told: str) -> None:
    session: Any = Scripted(1, 0.0)

    def make(value: float) -> te.Point:
        return te.Point(columns={"harm": value})

    made = Search(session, make, max_drop, 0.01, 1000)
    converged, remark = made.narrow(Axis(0.2, 0.8, "high", False), 0.1)
    assert not converged
    assert told in remark


@pytest.mark.parametrize("harmful", ["high", "low"])
@pytest.mark.parametrize("log", [True, False])
def test_axis(harmful: str, log: bool) -> None:
    axis = Axis(0.01, 1.0, harmful, log)
    middle = 0.1 if log else 0.505
    ends = [0.01, middle, 1.0]
    assert [axis.value(h) for h in (0, 0.5, 1)] == (ends if harmful == "high" else ends[::-1])
    assert [axis.harm(axis.value(h)) for h in (0, 0.3, 1)] == pytest.approx([0, 0.3, 1], abs=1e-5)


def test_crossing_is_between_the_probes_around_it() -> None:
    probes = [Probe(v, 4, d, "open") for v, d in ((0.2, 0.0), (0.4, 0.02), (0.6, 0.03))]
    axis = Axis(0.0, 1.0, "high", False)
    assert crossing(probes, axis, 0.01, 0.2, 0.6) == pytest.approx(0.3)


def test_on_a_network(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "tolerance.csv"
    arguments: Any = {"max_drop": 0.05, "precision": 0.6, "budget": 300, "seed": 3}
    found = te.tolerance(*task, **arguments, out=path, workers=1)
    assert 0.02 < found.low < found.value < found.high < 0.5
    assert found.trials == sum(probe.trials for probe in found.probes) <= 300
    before = path.read_bytes()
    assert len(te.read_results(path)) == found.trials
    assert te.tolerance(*task, **arguments, out=path, workers=1) == found
    assert path.read_bytes() == before
    mild, harsh = (
        te.sweep(*task, points=[rate], trials=40, seed=99, workers=1).summary()[0].drop.value
        for rate in (found.low / 2, found.high * 1.5)
    )
    assert mild < 0.05 < harsh


def test_a_voltage_by_a_function(task: Any) -> None:
    def errors(volts: float) -> te.SenseErrors:
        return te.SenseErrors(drop=min(1.0, 10 ** (-4 * volts)))

    found = te.tolerance(
        *task, max_drop=0.1, vary=errors, low=0.05, high=1.0, harmful="low", log=False,
        precision=0.3, budget=300, workers=1,
    )  # fmt: skip
    assert 0.05 <= found.low < found.high <= 1.0
    assert {p.verdict for p in found.probes if p.value >= found.high} == {"kept"}
    assert {p.verdict for p in found.probes if p.value <= found.low} == {"lost"}


def test_the_lowest_supply_of_chips(task: Any) -> None:
    device = te.Device()

    def chips(volts: float) -> te.Point:
        return te.Point(device=device, sense=te.SenseAmp(vdd=volts), columns={"vdd_V": volts})

    found = te.tolerance(
        *task, max_drop=0.05, vary=chips, low=0.7, high=1.2, harmful="low", log=False,
        precision=0.6, budget=24, workers=1,
    )  # fmt: skip
    assert found.low >= 0.7  # a supply of 0.7 V does not resolve anything
    assert next(probe for probe in found.probes if probe.value == 0.7).drop > 0.5
    assert next(probe for probe in found.probes if probe.value == 1.2).verdict == "kept"
    assert 0.7 < found.value < 1.2


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"max_drop": 0}, "max_drop"),
        ({"max_drop": math.nan}, "max_drop"),
        ({"low": 0.0}, "low"),
        ({"low": 0.3, "high": 0.2}, "low"),
        ({"precision": 0}, "precision"),
        ({"budget": 0}, "budget"),
        ({"harmful": "up"}, "harmful"),
        ({"vary": "vdd"}, "vary"),
        ({"confidence": 1}, "confidence"),
        ({"layers": ["fc9"]}, "fc9"),
    ],
)
def test_bad_arguments(task: Any, changed: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, TypeError), match=told):
        te.tolerance(*task, **changed)
