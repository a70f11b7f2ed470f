"""``device`` and ``sense`` on the command line."""

from __future__ import annotations

import builtins
import json
import math

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine import spice
from ternary_engine.physics.rates import error_rates
from ternary_engine.physics.studies import read_map

CHOSEN = "chosen, none is measured"
QUICK = ("--samples", "2000", "--seed", "1")


def test_device_shows_presets_and_rates(command) -> None:
    result = command("device")
    assert (result.status, result.err) == (0, "")
    for part in ("200 µA, 2.5 V, 100 µs", "5 kΩ", "335 kΩ", "90 nJ", "low-energy", CHOSEN):
        assert part in result.out
    rates = error_rates(te.Device(), te.SenseAmp())
    assert f"{rates.rise:.3g}" in result.out
    assert f"{rates.sign_flip:.3g}" in result.out


def test_device_as_json(command) -> None:
    result = command("device", "low-energy", "--stuck-hrs", "0.01", "--age", "1e6", "--json")
    assert result.status == 0
    found = json.loads(result.out)
    device = te.Device.preset("low-energy")
    assert CHOSEN in found["trust"]
    assert found["compliance"] == device.compliance
    assert found["stuck_hrs"] == 0.01
    assert found["states"][0]["state"] == "lrs"
    assert found["states"][1]["median"] < device.resistance("hrs").median  # it drifted
    assert 0.033 < found["raw_error_rate"] < 0.1


def test_device_from_samples(command, tmp_path) -> None:
    path = tmp_path / "samples.csv"
    rows = [f"{s.upper()},{r}" for s in ("lrs", "hrs") for r in te.Device().sample(s, 500, seed=1)]
    path.write_text("\n".join(["state,resistance", *rows]))
    result = command("device", path)
    assert result.status == 0
    assert "as measured" in result.out
    assert "fit to the samples" in result.out
    found = json.loads(command("device", path, "--json").out)
    assert [fit["samples"] for fit in found["fitted"]] == [500, 500]


def test_sense_counts_and_integrates(command) -> None:
    result = command("sense", "--device", "degraded", *QUICK)
    assert (result.status, result.err) == (0, "")
    assert "2,000 reads of +1 and of 0, seed 1" in result.out
    assert CHOSEN in result.out
    assert result.out == command("sense", "--device", "degraded", *QUICK).out
    found = json.loads(command("sense", "--device", "degraded", *QUICK, "--json").out)
    assert found["quadrature"]["rise"] == pytest.approx(0.185, rel=0.02)
    low, high = (found["monte_carlo"][side][2] for side in ("low", "high"))
    assert low < 0.2
    assert high > 0.17
    assert found["resolve_time"]["zero"] > 10 * found["resolve_time"]["one"]


def test_conditions_are_taken(command) -> None:
    options = ("--vdd", "1.0", "--time", "30e-9", "--temperature", "85", "--corner", "ff")
    found = json.loads(command("sense", *options, "--samples", "0", "--json").out)
    sense = te.SenseAmp(vdd=1.0, sense_time=30e-9, temperature=85.0, corner="ff")
    assert found["quadrature"]["rise"] == error_rates(te.Device(), sense).rise
    assert found["monte_carlo"] is None
    assert found["threshold"] == sense.threshold(335e3)


def test_map(command) -> None:
    lines = [one[10:].split() for one in command("sense", "--map").out.splitlines()[2:35]]
    shown = [[{"+": 1, ".": 0, "-": -1}[sign] for sign in line] for line in lines]
    assert shown[::-1] == read_map(te.SenseAmp(), points=33).value.tolist()
    found = json.loads(command("sense", "--map", "--json").out)
    assert found["value"] == shown[::-1]
    assert found["time"][-1][-1] is None


SLOW = [pytest.param(axis, marks=pytest.mark.slow) for axis in ("time", "temperature")]


@pytest.mark.parametrize("axis", ["vdd", "corner", *SLOW])
def test_over(command, axis: str) -> None:
    found = json.loads(command("sense", "--over", axis, "--json").out)["conditions"]
    name = "sense_time" if axis == "time" else axis
    values = [one[name] for one in found]
    assert len(set(values)) == len(values) >= 5
    assert len({tuple(one[k] for k in ("vdd", "sense_time")) for one in found}) in (1, len(values))


@pytest.mark.slow
def test_pvt(command, tmp_path) -> None:
    result = command("sense", "--pvt", "--plot", tmp_path / "pvt.png")
    assert result.status == 0
    assert len([one for one in result.out.splitlines() if " °C " in one and " V " in one]) >= 45
    assert (tmp_path / "pvt.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    "arguments",
    [("device",), ("device", "degraded"), ("sense", *QUICK), ("sense", "--map")],
    ids=" ".join,
)
def test_plots_are_images_with_something_in_them(command, tmp_path, arguments) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.image import imread

    path = tmp_path / "figure.png"
    result = command(*arguments, "--plot", path)
    assert result.status == 0
    assert f"drawn in {path}" in result.err.replace("\n", "")
    pixels = imread(path)[..., :3]
    assert min(pixels.shape[:2]) > 500
    assert (np.ptp(pixels, axis=2) > 0.3).mean() > 0.002  # coloured lines, not grey axes alone


def test_without_matplotlib(command, tmp_path, monkeypatch) -> None:
    original = builtins.__import__

    def without(name: str, *arguments: object, **options: object) -> object:
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return original(name, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    result = command("device", "--plot", tmp_path / "figure.png")
    assert (result.status, result.out) == (2, "")
    assert "pip install 'ternary-engine[plot]'" in result.err


def test_netlist(command, tmp_path) -> None:
    path = tmp_path / "read.cir"
    assert command("sense", *QUICK, "--spice", path).status == 0
    assert path.read_text() == te.SenseAmp().netlist(5e3, te.Device().resistance("hrs").median)
    if spice.available():
        waves = spice.simulate(path.read_text())
        assert waves.bl[-1] < 0.01 < 1.1 < waves.blb[-1]


def test_hopeless_time_is_told(command) -> None:
    result = command("sense", "--time", "1e-9", *QUICK)
    assert result.status == 0
    assert "warning: sense time of 1e-09 s: too short" in result.err
    assert "5.58e-09 s at 1.2 V" in result.err.replace("\n", " ")
    assert result.err.count("stored +1") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sense", "--vdd", "0"), "vdd: got 0.0; it takes a number above 0, in volts"),
        (("sense", "--time", "0"), "sense_time: got 0.0"),
        (("sense", "--mismatch", "-1"), "mismatch_sigma: got -1.0"),
        (("sense", "--temperature", "-300"), "temperature: got -300.0"),
        (("sense", "--corner", "xx"), "corner"),
        (("sense", "--device", "best"), "device: got 'best'; it takes a .csv or one of talk"),
        (("sense", "--map", "--pvt"), "give one"),
        (("sense", "--samples", "-1"), "--samples"),
        (("sense", "--plot", "figure.gif"), "figures are .png, .svg, .pdf"),
        (("device", "missing.csv"), "missing.csv"),
        (("device", "--compliance", "1e-6"), "LRS above HRS"),
        (("device", "--stuck-lrs", "2"), "got 2.0; it takes 0 to 1"),
        (("device", "--plot", "/nowhere/figure.png"), "/nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(command, arguments, said: str) -> None:
    result = command(*arguments)
    assert (result.status, result.out) == (2, "")
    assert said in result.err.replace("\n", " ")
    assert "Traceback" not in result.err


@pytest.mark.parametrize("name", ["device", "sense"])
def test_help_has_examples(command, name: str) -> None:
    result = command(name, "--help")
    assert result.status == 0
    assert f"$ ternary-engine {name}" in result.out


def test_numbers_are_finite_in_json(command) -> None:
    found = json.loads(command("sense", "--vdd", "0.5", "--samples", "0", "--json").out)
    assert found["resolve_time"]["one"] is None
    assert math.isfinite(found["quadrature"]["drop"])
