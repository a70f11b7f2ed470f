"""docs/physics.md says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.device import Drift, LogNormal, Programming
from ternary_engine.ecc import SCHEMES, find_scheme
from ternary_engine.physics.circuit import FLAVOURS
from ternary_engine.physics.rates import error_rates
from ternary_engine.physics.studies import conditions, separation


@pytest.fixture
def text(root: Path) -> str:
    return (root / "docs" / "physics.md").read_text(encoding="utf-8")


@pytest.fixture
def values(text: str) -> dict[str, str]:
    rows = re.findall(r"^\| (\w+) \| (\S+?)(?: .*?)? \| chosen", text, re.MULTILINE)
    return dict(rows)


def test_every_parameter_is_there_with_its_value_and_as_chosen(values: dict[str, str]) -> None:
    for kind in (Programming, Drift):
        for field in fields(kind):
            assert float(values[field.name]) == field.default, field.name
    for name in ("capacitance", "series_resistance", "noise_sigma", "resolve_share"):
        assert float(values[name]) == getattr(te.SenseAmp(), name), name


def test_every_transistor_parameter_is_there(text: str) -> None:
    section = text[
        text.index("| parameter | thick-oxide") : text.index("| parameter of `SenseAmp`")
    ]
    listed = set()
    for names, thick, thin in re.findall(
        r"^\| ([\w, ]+) \| (.*?) \| (.*?) \| chosen", section, re.M
    ):
        keys = names.split(", ")
        listed |= set(keys)
        for column, name in ((thick, "thick-oxide"), (thin, "thin-oxide")):
            shown = [float(number) for number in re.findall(r"[\d.]+(?:e-\d+)?", column)]
            holder = FLAVOURS[name]
            known = [
                getattr(holder if key == "mismatch_sigma" else holder.transistors, key)
                for key in keys
            ]
            assert [float(one) for one in (shown * 2)[: len(known)]] == known, names
    assert listed == {field.name for field in fields(FLAVOURS["nominal"].transistors)} | {
        "mismatch_sigma"
    }


def test_rates_are_those_in_the_table(text: str) -> None:
    rates = error_rates(te.Device(), te.SenseAmp())
    degraded = error_rates(te.Device.preset("degraded"), te.SenseAmp())
    for row, value in (
        ("type 1, ±1 read as ∓1", f"{rates.sign_flip:.1e}".replace("e-0", "e-")),
        ("type 2, ±1 read as 0", f"{rates.drop:.1e}".replace("e-0", "e-")),
        ("type 3, 0 read as ±1", f"{100 * rates.rise:.1f} %"),
        ("type 3, degraded", f"{100 * degraded.rise:.1f} %"),
    ):
        assert f"| {row} | {value} |" in text


def test_type_1_is_a_share_of_type_2(text: str) -> None:
    """The devices of the scan where the share is least, and the default one."""
    shares = []
    for median, sigma in ((5e3, 0.5), (5e3, 1.0), (10e3, 1.0), (20e3, 0.8)):
        device = te.Device(lrs=LogNormal(median, sigma))
        rates = error_rates(device, te.SenseAmp())
        assert rates.rise == pytest.approx(0.065, rel=0.01)
        shares.append(rates.sign_flip / rates.drop)
    assert f"below {100 * min(shares):.1f} % of type 2" in text
    assert min(shares) == shares[-1]


def test_figures_in_the_text(text: str) -> None:
    times = [separation(te.SenseAmp(vdd=v), te.Device()) for v in (5.0, 1.2, 0.9)]
    gaps = [zero - one for one, zero in times]
    ratios = [f"{zero / one:.0f}" for one, zero in times]
    assert (
        f"it is {ratios[0]} at 5 V, largest around 1.2 V ({ratios[1]}),\nand {ratios[2]} at" in text
    )
    said = f"from {gaps[0] * 1e9:.0f} ns at 5 V to {gaps[1] * 1e9:.0f} ns at 1.2 V and"
    assert said in text
    assert f"{gaps[2] * 1e6:.1f} µs at 0.9 V" in text
    sense = te.SenseAmp()
    near, alone = sense.threshold(335e3), sense.threshold()
    assert f"{near / 1e3:.0f} kΩ against 335 kΩ and {alone / 1e3:.0f} kΩ against" in text


@pytest.mark.slow
def test_pvt_figures(text: str) -> None:
    found = conditions(
        te.Device(),
        te.SenseAmp(),
        vdd=[1.08, 1.2, 1.32],
        temperature=[-40, 27, 85],
        corner=["ss", "sf", "tt", "fs", "ff"],
    )
    rise, drop = [one.rise for one in found], [one.drop for one in found]
    assert f"between {100 * min(rise):.1f} % and {100 * max(rise):.0f} %" in text
    assert max(drop) < 2.4e-4
    assert "under 2.4e-4" in text


def test_figures_exist(root: Path, text: str) -> None:
    named = re.findall(r"\]\((figures/\S+\.png)\)", text)
    assert len(named) >= 5
    for name in named:
        assert (root / "docs" / name).stat().st_size > 10_000


def _rows(text: str, name: str) -> list[list[str]]:
    found = re.search(rf"<!-- table: {name} -->\n((?:\|.*\n)+)", text)
    assert found
    return [line.strip("| ").split(" | ") for line in found[1].splitlines()[2:]]


def test_rates_of_codes_are_those_in_the_table(text: str) -> None:
    schemes = [find_scheme(name) for name in SCHEMES[1:]]
    *rows, devices = _rows(text, "codes")
    assert [float(row[0]) for row in rows] == [1e-1, 3.3e-2, 1e-2, 1e-3, 1e-4]
    for raw, *rates in rows:
        assert rates == [f"{float(scheme.residual(float(raw))):.2e}" for scheme in schemes]
    assert devices[1:] == [f"{scheme.devices_per_bit:.4g}" for scheme in schemes]


@pytest.mark.parametrize(
    ("said", "first", "second"),
    [
        ("down to a raw rate of 1.7e-4", "2t2r", "secded(8,4)"),
        ("rate of 3.4e-2", "1t1r", SCHEMES[-1]),
    ],
)
def test_rates_at_which_codes_and_devices_are_level(
    text: str, said: str, first: str, second: str
) -> None:
    assert said in text
    raw = float(said.split()[-1])
    shares = [
        float(find_scheme(first).residual(r) / find_scheme(second).residual(r))
        for r in (0.95 * raw, 1.05 * raw)
    ]
    assert (shares[0] - 1) * (shares[1] - 1) < 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["2t2r", "secded(72,64)"])
def test_accuracy_of_protected_networks(text: str, name: str) -> None:
    row = next(row for row in _rows(text, "protected") if row[0] == name.upper())
    net, (x, labels) = te.zoo.load("mlp_binary"), te.zoo.data("mlp_binary")
    for raw, told in ((3.3e-2, row[5]), (1e-1, row[6])):
        stored = [te.protect(net, name, raw_ber=raw, seed=seed) for seed in range(40)]
        right = [(one.network.run(x).argmax(axis=1) == labels).mean() for one in stored]
        assert f"{100 * float(np.mean(right)):.1f} %" == told
        assert f"{stored[0].devices / stored[0].weights:.3g}" == row[4]
