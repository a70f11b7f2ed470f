from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine import steps
from ternary_engine.runtime.taps import Taps
from ternary_engine.steps import Geometry
from ternary_engine.studies.matching import matched_thresholds
from tests.runtime.builder import Builder
from tests.studies.test_what_if import two_scales


def shares(values: Any, thresholds: Any) -> Any:
    return np.array([(values < one).mean() for one in thresholds])


@pytest.mark.parametrize("kind", ["i4", "f4"])
def test_matched_thresholds_are_the_best_there_are(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    for _ in range(200):
        right = random.integers(-6, 7, random.integers(1, 12)).astype(kind)
        values = random.integers(-9, 10, random.integers(1, 12)).astype(kind)
        old = np.sort(random.integers(-8, 9, 3)).astype(kind)
        new = matched_thresholds(old, values, right)
        assert new.dtype == old.dtype
        assert (np.diff(new) >= 0).all()
        miss = np.abs(shares(values, new) - shares(right, old))
        best = [
            np.abs(shares(values, np.arange(-12, 13)) - one).min() for one in shares(right, old)
        ]
        assert miss == pytest.approx(best, abs=1e-12)


def test_a_threshold_that_cuts_rightly_stays() -> None:
    values = np.array([-3, 0, 0, 2, 9])
    never = np.iinfo(np.int32).max
    old = np.array([-5, 0, 1, never], np.int32)
    assert (matched_thresholds(old, values, values[::-1]) == old).all()
    assert matched_thresholds(np.array([1], np.int32), values + 10, values) == [11]
    floats = np.array([-np.inf, 0.5, np.nan], np.float32)
    assert np.array_equal(
        matched_thresholds(floats, values.astype("f4"), values.astype("f4")), floats, equal_nan=True
    )


@pytest.mark.parametrize("name", te.zoo.names())
def test_a_clean_network_is_not_touched(name: str) -> None:
    net, (x, labels) = te.zoo.load(name), te.zoo.data(name)
    found = te.recalibrate(net, x[:60], reference=net, test=(x[60:], labels[60:]))
    assert [one.changed for one in found.layers] == [0] * len(net.layers)
    assert found.won == 0.0
    for before, after in zip(net.steps, found.network.steps, strict=True):
        for field, value in vars(before).items():
            assert np.array_equal(value, getattr(after, field)), field


def test_wins_back_what_systematic_errors_cost() -> None:
    """Lost weights make all sums smaller; the same codes are there, under other thresholds."""
    net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")
    worn = net.program(errors=te.SenseErrors(drop=0.3), seed=1)
    found = te.recalibrate(worn, x[:225], reference=net, test=(x[225:], labels[225:]))
    assert found.accuracy_before == (worn.run(x[225:]).argmax(axis=1) == labels[225:]).mean()
    after = found.network.run(x[225:])
    assert found.accuracy_after == (after.argmax(axis=1) == labels[225:]).mean()
    assert found.accuracy_before < 0.7
    assert found.accuracy_after > 0.85
    assert found.won == found.accuracy_after - found.accuracy_before
    pairs = zip(worn.layers, found.network.layers, strict=True)
    assert all((a.trits == b.trits).all() for a, b in pairs)
    assert f"{100 * found.accuracy_after:.2f} % after" in str(found)
    name = next(step.target for step in net.steps if isinstance(step, steps.Threshold))
    codes = [Taps(one, [name]).run(x[:225])[name] for one in (net, worn, found.network)]
    share = [np.stack([(one == code).mean((0, 1, 2)) for code in (-1, 0, 1)]) for one in codes]
    miss = [np.abs(one - share[0]).mean() for one in share[1:]]
    assert miss[1] < miss[0] / 2  # channels that lost all their weights are beyond help


def test_reads_that_err_are_calibrated_for() -> None:
    net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")
    arguments: Any = {"reference": net, "test": (x[300:], labels[300:])}
    errors = te.SenseErrors(drop=0.4)
    found = te.recalibrate(net, x[:60], errors=errors, repeats=2, seed=5, **arguments)
    again = te.recalibrate(net, x[:60], errors=errors, repeats=2, seed=5, **arguments)
    assert found.won > 0.1
    assert found.accuracy_after == again.accuracy_after
    assert found.accuracy_reference > found.accuracy_after


def test_every_kind_of_periphery() -> None:
    """Tables, scales, real layers with thresholds behind them: shares and moments come back."""
    made = Builder(11, 3, 6, 6)
    real = made.real_convolution(6)
    codes = made.encode("ternary", source=real)
    codes = made.threshold(made.crossbar(codes, 8, Geometry((3, 3))), "unsigned", 2)
    codes = made.look_up_codes(made.crossbar(codes, 8), "ternary")
    net = made.network(made.scale(made.crossbar(codes, 6)), made.look_up(made.crossbar(codes, 4)))
    x = made.input(400)
    worn = net.program(errors=te.SenseErrors(drop=0.4), seed=2)
    found = te.recalibrate(worn, x, reference=net)
    assert [one.what for one in found.layers] == ["thresholds"] * 2 + ["scale"] * 3
    assert all(one.changed for one in found.layers)
    assert (found.accuracy_before, found.won) == (None, None)
    runs = [one.run({"x": x}) for one in (net, worn, found.network)]
    for port in net.outputs[:1]:
        right, before, after = (run[port.name].reshape(len(x), -1) for run in runs)
        for moment in (np.mean, np.std):
            miss = [np.abs(moment(one, 0) - moment(right, 0)).max() for one in (before, after)]
            assert miss[1] < 1e-3 < miss[0]


def test_two_scales() -> None:
    net, x = two_scales()
    worn = net.program(errors=te.SenseErrors(drop=0.5), seed=3)
    found = te.recalibrate(worn, x, reference=net)
    right, after = net.run(x), found.network.run(x)
    assert np.allclose(after.mean(0), right.mean(0), atol=1e-4)
    same = worn.run(x).std(0) > 0
    assert np.allclose(after.std(0)[same], right.std(0)[same], atol=1e-4)


def test_a_worn_chip(tmp_path: Path) -> None:
    net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
    device = te.Device(reset_voltage=2.0, stuck_lrs=0.02, stuck_hrs=0.1)
    chip = net.program(device=device, sense=te.SenseAmp(), seed=2).age(3e8, temperature=85.0)
    arguments: Any = {"reference": net, "test": (x[225:], labels[225:]), "seed": 4}
    found = te.recalibrate(chip, x[:225], repeats=2, **arguments)
    assert found.won is not None
    assert found.won > 0
    assert type(found.network) is type(chip)
    assert found.network.read_errors.keys() == chip.read_errors.keys()
    later = found.network.age(1e6)  # keeps the thresholds
    assert all(a is b for a, b in zip(later.steps, found.network.steps, strict=True))
    with pytest.raises(ValueError, match=r"chip\.stored"):
        te.WhatIf(chip, x)
    worn = net.program(errors=te.SenseErrors(drop=0.3), seed=1)
    fitted = te.recalibrate(worn, x[:100], reference=net).network
    fitted.save(tmp_path / "fitted.tern")
    assert np.array_equal(te.load(tmp_path / "fitted.tern").run(x), fitted.run(x))


def test_bad_arguments(task: Any) -> None:
    with pytest.raises(ValueError, match="other steps"):
        te.recalibrate(task.net, task.x, reference=te.zoo.load("cnn_ternary"))
    with pytest.raises(ValueError, match="repeats"):
        te.recalibrate(task.net, task.x, reference=task.net, repeats=0)
