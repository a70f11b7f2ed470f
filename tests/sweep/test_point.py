from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.physics.distributions import Empirical
from ternary_engine.sweeps.point import as_points

ERRORS = te.SenseErrors.from_ber(0.01)


def test_grid_makes_every_combination() -> None:
    points = te.Point.grid(drop=[0.1, 0.2], rise=[0.0, 0.3], per=["read", "program"])
    cells = {(p.cells()["per"], p.cells()["drop"], p.cells()["rise"]) for p in points}
    assert cells == {
        (per, drop, rise) for per in ("read", "program") for drop in (0.1, 0.2) for rise in (0, 0.3)
    }
    assert len(points) == 8


def test_grid_refuses_ber_beside_rates() -> None:
    with pytest.raises(ValueError, match="not both"):
        te.Point.grid(ber=[0.1], drop=[0.1])


@pytest.mark.parametrize(
    ("point", "cells"),
    [
        (te.Point(), {"sign_flip": 0.0, "drop": 0.0, "rise": 0.0}),
        (te.Point(ERRORS), {"per": "read", "ber": 0.01}),
        (
            te.Point(te.SenseErrors(drop=0.5, per="batch")),
            {"per": "batch", "sign_flip": 0.0, "drop": 0.5, "rise": 0.0},
        ),
        (te.Point(ERRORS, layers=("b", "a")), {"per": "read", "ber": 0.01, "layers": "a b"}),
        (te.Point({"a": ERRORS}), {"per": "read", "ber": 0.01, "layers": "a"}),
        (
            te.Point({"a": ERRORS, "b": te.SenseErrors(drop=0.1)}),
            {
                "per": "read",
                "errors": "a: SenseErrors(ber=0.01); b: SenseErrors(drop=0.1)",
                "layers": "a b",
            },
        ),
        (te.Point(programmed=ERRORS), {"programmed": "SenseErrors(ber=0.01)"}),
        (te.Point(ERRORS, columns={"vdd_V": 0.9}), {"per": "read", "ber": 0.01, "vdd_V": 0.9}),
    ],
)
def test_cells(point: te.Point, cells: dict[str, Any]) -> None:
    assert point.cells() == cells


def test_everything_tells_points_apart() -> None:
    points = [
        te.Point(),
        te.Point(ERRORS),
        te.Point(te.SenseErrors.from_ber(0.01, per="sample")),
        te.Point(ERRORS, layers=("a",)),
        te.Point(ERRORS, columns={"vdd_V": 0.9}),
        te.Point(ERRORS, columns={"vdd_V": 1}),
        te.Point(programmed=ERRORS),
        te.Point(programmed=(ERRORS, ERRORS)),
        te.Point({"a": ERRORS, "b": te.SenseErrors(drop=0.1)}),
    ]
    assert len(set(points)) == len({point.key for point in points}) == len(points)


def test_order_of_names_tells_nothing() -> None:
    first = {"a": ERRORS, "b": te.SenseErrors(drop=0.1)}
    assert te.Point(first) == te.Point(dict(reversed(first.items())))
    assert te.Point(ERRORS, layers=("a", "b")) == te.Point(ERRORS, layers=("b", "a"))


@pytest.mark.parametrize(
    "point", [te.Point(), te.Point(ERRORS, ("a",), (ERRORS,), {"vdd_V": 0.9, "device": "A"})]
)
def test_repr_and_pickle_give_the_point_back(point: te.Point) -> None:
    names = {"Point": te.Point, "SenseErrors": te.SenseErrors}
    assert eval(repr(point), names) == point
    assert pickle.loads(pickle.dumps(point)) == point


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"errors": 0.1}, "0.1"),
        ({"errors": {"a": 0.1}}, "'a'"),
        ({"programmed": ("x",)}, "'x'"),
        ({"layers": "conv1"}, "names of layers"),
        ({"layers": ()}, "names of layers"),
        ({"columns": {"V dd": 1}}, "'V dd'"),
        ({"columns": {"vdd": float("nan")}}, "finite"),
        ({"columns": {"vdd": [1]}}, "numbers or text"),
        ({"columns": {"note": "two\nlines"}}, "one printable line"),
    ],
)
def test_bad_fields(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        te.Point(**arguments)


def test_points_as_users_give_them() -> None:
    made = as_points([te.Point(), ERRORS, {"a": ERRORS}, 0.5])
    wanted = [te.Point(), te.Point(ERRORS), te.Point({"a": ERRORS})]
    assert list(made) == [*wanted, te.Point(te.SenseErrors.from_ber(0.5))]
    assert as_points(ERRORS) == (te.Point(ERRORS),)


@pytest.mark.parametrize(
    ("points", "told"), [([], "none"), ([0.1, 0.1], "twice"), (["a"], "'a'"), ([True], "True")]
)
def test_bad_points(points: list[Any], told: str) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        as_points(points)


def test_a_column_of_the_file_is_no_column_of_your_own(task: Any) -> None:
    points = [te.Point(ERRORS, columns={"accuracy": 1.0})]
    with pytest.raises(ValueError, match="'accuracy'"):
        te.sweep(*task, points=points, trials=1)


def test_conditions_are_every_combination() -> None:
    points = te.Point.conditions(vdd=[0.9, 1.2], sense_time=[5e-8], age=[0.0, 1e6])
    assert [point.columns for point in points] == [
        {"vdd_V": vdd, "sense_time_s": 5e-8, "age_s": age} for vdd in (0.9, 1.2) for age in (0, 1e6)
    ]
    assert [(p.sense.vdd, p.sense.sense_time, p.device.age) for p in points] == [
        (vdd, 5e-8, age) for vdd in (0.9, 1.2) for age in (0.0, 1e6)
    ]
    assert points[0].label() == "vdd_V 0.9, sense_time_s 5e-08, age_s 0"
    assert points[0].cells()["programmed"].startswith("Device() read by SenseAmp(vdd=0.9")
    assert len({point.key for point in points}) == 4


def test_conditions_as_mean_rates() -> None:
    (point,) = te.Point.conditions(temperature=[85.0], chips=False, per="sample")
    wanted = te.SenseErrors.from_device(te.Device(), te.SenseAmp(temperature=85.0), "sample")
    assert point.errors == wanted
    assert point.device is None


def test_a_chip_is_told_by_all_its_numbers() -> None:
    def key(**options: Any) -> str:
        return te.Point(device=te.Device(**options), sense=te.SenseAmp()).key

    measured = [Empirical(np.array([1e3, 2e3, top])) for top in (4e3, 4.0001e3)]
    keys = {key(), key(age=1.0), key(lrs=measured[0]), key(lrs=measured[1])}
    assert len(keys) == 4
    assert key(lrs=Empirical(measured[0].samples)) == key(lrs=measured[0])
    assert te.Point(device=te.Device(), sense=te.SenseAmp()).label() != "no errors"


def test_a_chip_takes_no_errors() -> None:
    chip: Any = {"device": te.Device(), "sense": te.SenseAmp()}
    with pytest.raises(ValueError, match="do not go"):
        te.Point(te.SenseErrors(drop=0.1), **chip)
    with pytest.raises(TypeError, match="SenseAmp"):
        te.Point(device=te.Device())
    with pytest.raises(ValueError, match="fc9"):
        te.Point(layers=("fc9",), **chip).check(te.zoo.load("mlp_ternary").layers)
