from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.physics.distributions import LogNormal

HARSH = te.SenseErrors(sign_flip=0.4)


def by_name(found: Any, by: str) -> dict[str, Any]:
    return {one.name: one for one in found.entries if one.by == by}


def test_the_layer_with_the_errors_has_the_loss(task: Any) -> None:
    found = te.sensitivity(*task, errors={"linear2": HARSH}, by="layer", trials=6, workers=1)
    layers = by_name(found, "layer")
    assert set(layers) == {"linear2"}
    assert layers["linear2"].alone.value == pytest.approx(found.total.value)
    assert layers["linear2"].spared.value == pytest.approx(found.total.value)
    assert found.total.value > 0.01


def test_effects_are_what_runs_by_hand_give(task: Any) -> None:
    net, x, labels = task
    found = te.sensitivity(net, x, labels, errors=HARSH, by="layer", trials=4, seed=5, workers=1)

    def mean(layers: list[str]) -> float:
        points = [te.Point(dict.fromkeys(layers, HARSH))]
        rows = te.sweep(
            net, x, labels, points=points, trials=4, seed=5, workers=1, common_seeds=True
        )
        return float(np.mean([row["accuracy"] for row in rows]))

    names = [layer.name for layer in net.layers]
    for name in names:
        one = by_name(found, "layer")[name]
        others = [other for other in names if other != name]
        assert one.alone.value == pytest.approx(found.accuracy_error_free - mean([name]))
        assert one.spared.value == pytest.approx(mean(others) - mean(names))


def test_types(task: Any) -> None:
    errors = te.SenseErrors(drop=0.4, rise=1e-4)
    found = te.sensitivity(*task, errors=errors, by="type", trials=6, workers=1)
    types = by_name(found, "type")
    assert set(types) == {"drop", "rise"}
    assert types["drop"].alone.value > 0.01
    assert abs(types["rise"].alone.value) < 0.01
    assert types["drop"].spared.value > types["rise"].spared.value


def test_programming_and_reading(task: Any) -> None:
    found = te.sensitivity(*task, errors=1e-5, programming=HARSH, by="part", trials=6, workers=1)
    parts = by_name(found, "part")
    assert set(parts) == {"programming", "reading"}
    assert parts["programming"].alone.value > 0.1
    assert abs(parts["reading"].alone.value) < 0.01
    assert parts["programming"].spared.value > 0.1


def test_pairing_narrows_what_sparing_wins(task: Any) -> None:
    found = te.sensitivity(*task, errors=0.15, by="layer", trials=30, workers=1)
    spared = by_name(found, "layer")["linear2"].spared
    rows = te.sweep(
        *task,
        points=[0.15, te.Point(te.SenseErrors.from_ber(0.15), layers=("linear1", "linear3"))],
        trials=30,
        workers=1,
    ).summary()
    apart = np.hypot(rows[0].accuracy.half_width, rows[1].accuracy.half_width)
    assert spared.half_width < apart


def test_rows_and_text(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "sensitivity.csv"
    found = te.sensitivity(*task, errors=0.1, trials=2, out=path, workers=1)
    assert [row["name"] for row in found.rows()] == [one.name for one in found.entries]
    assert "layer linear1" in str(found)
    assert len(te.read_results(path)) == 2 * (1 + 2 * len(found.entries))
    best = found.ranked("layer")
    assert best[0].spared.value == max(one.spared.value for one in best)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"errors": "x"}, "errors"),
        ({"errors": 2.0}, "2.0"),
        ({"errors": {"fc9": HARSH}}, "fc9"),
        ({"by": "colour"}, "colour"),
        ({"by": "part"}, "programming"),
        ({"trials": 0}, "trials"),
    ],
)
def test_bad_arguments(task: Any, changed: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, TypeError), match=told):
        te.sensitivity(*task, **{"errors": 0.1, **changed})


WORN = te.Device(
    reset_voltage=2.0, stuck_lrs=0.02, stuck_hrs=0.05, age=1e8, age_temperature=85.0
)  # every part goes wrong


def test_parts_of_a_chip_are_what_chips_by_hand_give(task: Any) -> None:
    net, x, labels = task
    sense = te.SenseAmp()
    found = te.sensitivity(
        net, x, labels, device=WORN, sense=sense, by="part", trials=3, seed=4, workers=1
    )
    parts = by_name(found, "part")
    assert set(parts) == {"programming", "sensing", "stuck cells", "drift"}
    sure = replace(sense, mismatch_sigma=0.0, noise_sigma=0.0)
    fresh = replace(WORN, age=0.0)
    exact = te.Device(
        lrs=LogNormal(fresh.resistance("lrs").median, 0.0),
        hrs=LogNormal(fresh.resistance("hrs").median, 0.0),
    )

    def mean(device: te.Device, amplifier: te.SenseAmp) -> float:
        points = [te.Point(device=device, sense=amplifier)]
        return te.sweep(
            net, x, labels, points=points, trials=3, seed=4, workers=1, common_seeds=True
        ).summary()[0].accuracy.value  # fmt: skip

    start = mean(exact, sure)
    assert found.nominal == pytest.approx(found.accuracy_error_free - start)
    stuck = {"stuck_lrs": 0.02, "stuck_hrs": 0.05}
    alone = {
        "programming": (replace(fresh, stuck_lrs=0.0, stuck_hrs=0.0), sure),
        "sensing": (exact, sense),
        "stuck cells": (replace(exact, **stuck), sure),
        "drift": (replace(exact, age=1e8, age_temperature=85.0), sure),
    }
    spared = {
        "programming": (replace(exact, **stuck, age=1e8, age_temperature=85.0), sense),
        "sensing": (WORN, sure),
        "stuck cells": (replace(WORN, stuck_lrs=0.0, stuck_hrs=0.0), sense),
        "drift": (fresh, sense),
    }
    everything = mean(WORN, sense)
    for name, one in parts.items():
        assert one.alone.value == pytest.approx(start - mean(*alone[name]), abs=1e-9), name
        assert one.spared.value == pytest.approx(mean(*spared[name]) - everything, abs=1e-9), name
    together = sum(one.alone.value for one in parts.values())
    assert found.remainder is not None
    assert found.remainder.value == pytest.approx(start - everything - together)
    assert "remainder" in str(found)
    assert "stuck cells" in str(found)


def test_parts_that_are_not_there_are_left_out(task: Any) -> None:
    fresh = te.Device(lrs=LogNormal(5e3, 0.0), hrs=LogNormal(3e5, 0.0))
    found = te.sensitivity(*task, device=fresh, sense=te.SenseAmp(), trials=2, workers=1)
    assert set(by_name(found, "part")) == {"sensing"}
    assert set(by_name(found, "layer")) == {"linear1", "linear2", "linear3"}


def test_layers_of_a_chip(task: Any) -> None:
    found = te.sensitivity(
        *task, device=WORN, sense=te.SenseAmp(), by="layer", trials=4, workers=1, seed=2
    )
    assert max(one.alone.value for one in found.entries) < found.total.value
    assert max(one.spared.value for one in found.entries) > 0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"errors": 0.1}, "either errors"),
        ({"device": None}, "either errors"),
        ({"sense": None}, "SenseAmp"),
        ({"device": None, "errors": 0.1}, "amplifier goes with a device"),
        ({"programming": 0.1}, "programming"),
        ({"by": "type"}, "rates of errors"),
    ],
)
def test_bad_chips(task: Any, changed: dict[str, Any], told: str) -> None:
    with pytest.raises((ValueError, TypeError), match=told):
        te.sensitivity(*task, **{"device": WORN, "sense": te.SenseAmp(), **changed})
