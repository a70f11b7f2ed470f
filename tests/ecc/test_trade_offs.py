"""Errors against energy and endurance, their figures, and the command that shows them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.ecc import SCHEMES, find_scheme, programming_path, trade_offs
from ternary_engine.physics.binary_reads import read_alone, read_paired
from tests.cli.conftest import command

__all__ = ["command"]


def test_the_path_leads_through_the_presets() -> None:
    path = programming_path(11, beyond=0.25)
    assert path[-1] == te.Device()
    weak = te.Device.preset("low-energy")
    assert path[2].pulse_width == pytest.approx(weak.pulse_width)
    assert path[2].reset_voltage == pytest.approx(weak.reset_voltage)
    assert all(np.diff([one.programming_energy for one in path]) > 0)


def test_stronger_programming_costs_energy_and_endurance_and_errs_less() -> None:
    found = trade_offs()
    assert [one.scheme for one in found] == [name for name in SCHEMES for _ in range(17)]
    for name in SCHEMES:
        here = [one for one in found if one.scheme == name]
        assert all(np.diff([one.energy for one in here]) > 0)
        assert all(np.diff([one.endurance for one in here]) < 0)
        assert all(np.diff([one.rate for one in here]) < 0)
        share = find_scheme(name).devices_per_bit
        assert [one.energy_per_bit / one.energy for one in here] == pytest.approx([share] * 17)


def test_the_rates_are_those_of_the_device() -> None:
    device = te.Device.preset("degraded")
    by_name = {one.scheme: one for one in trade_offs([device])}
    raw = read_alone(device).mean
    assert {one.raw for one in by_name.values()} == {raw}
    assert by_name["1t1r"].rate == raw
    assert by_name["2t2r"].rate == read_paired(device).mean
    assert by_name["secded(8,4)"].rate == float(find_scheme("secded(8,4)").residual(raw))
    assert by_name["sec(7,4)"].energy == device.programming_energy
    assert by_name["sec(7,4)"].endurance == device.endurance
    assert by_name["sec(7,4)"].to_dict()["compliance"] == device.compliance


@pytest.mark.parametrize("over", ["energy_per_bit", "energy", "endurance"])
def test_figure_of_trade_offs_holds_the_data(over: str) -> None:
    pytest.importorskip("matplotlib")
    from ternary_engine.ecc import figures

    found = trade_offs(programming_path(4))
    axes = figures.trade_offs(found, over)  # type: ignore[arg-type]
    lines = [line for line in axes.get_lines() if len(line.get_xdata()) == 4]
    assert len(lines) == len(SCHEMES)
    unit = 1.0 if over == "endurance" else 1e9
    for line, name in zip(lines, SCHEMES, strict=True):
        here = [one for one in found if one.scheme == name]
        assert np.allclose(line.get_xdata(), [getattr(one, over) * unit for one in here])
        assert np.allclose(line.get_ydata(), [one.rate for one in here])
        assert name.upper() in line.get_label()
    assert "none measured" in axes.get_figure().get_supxlabel()
    with pytest.raises(ValueError, match="over: got 'time'; it takes one of energy_per_bit"):
        figures.trade_offs(found, "time")  # type: ignore[arg-type]


def test_figure_over_raw_rates_holds_the_closed_forms(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    from ternary_engine.ecc import figures
    from ternary_engine.plot import save

    own = Figure().add_subplot()
    axes = figures.rates_over_raw(["2t2r", "sec(7,4)"], [1e-3, 1e-2], ax=own)
    assert axes is own
    for line, name in zip(axes.get_lines(), ("2t2r", "sec(7,4)"), strict=True):
        assert np.allclose(line.get_ydata(), find_scheme(name).residual([1e-3, 1e-2]))
    for suffix in (".png", ".svg"):
        save(axes, tmp_path / f"codes{suffix}")
        assert (tmp_path / f"codes{suffix}").stat().st_size > 5000


def test_command_prints_the_table(command) -> None:
    result = command("device", "low-energy", "--codes")
    assert (result.status, result.err) == (0, "")
    rows = {line.split()[0]: line.split()[1:] for line in result.out.splitlines() if line}
    assert rows["0.033"] == ["3.30e-02", "4.66e-03", "8.90e-03", "7.12e-03", "3.27e-02"]
    assert rows["0.0001"][1:4] == ["7.22e-08", "9.00e-08", "7.00e-08"]
    own = [one.rate for one in trade_offs([te.Device.preset("low-energy")])]
    assert " ".join(f"{rate:.2e}" for rate in own) in " ".join(result.out.split())
    assert "none is measured" in result.out


def test_command_as_json_and_as_a_figure(command, tmp_path) -> None:
    path = tmp_path / "codes.svg"
    result = command("device", "--codes", "--json", "--plot", path)
    assert result.status == 0
    found = json.loads(result.out)
    assert found["rates"][0]["secded(8,4)"] == pytest.approx(5.63e-2, rel=1e-3)
    assert found["device_rates"]["2t2r"] == read_paired(te.Device()).mean
    assert len(found["trade_offs"]) == 17 * len(SCHEMES)
    assert path.stat().st_size > 5000
