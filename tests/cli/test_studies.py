"""The commands tolerance, sensitivity and population, and chips in sweep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ternary_engine.cli import main
from ternary_engine.sweeps import read_results

ALL = "{net} --data {data} --workers 1"
CASES: dict[str, tuple[str, list[str]]] = {
    "no data": ("tolerance {net}", ["--data"]),
    "no labels": ("tolerance {net} --data {nolabels}", ["nolabels.npz", "no labels"]),
    "vary": (f"tolerance {ALL} --vary mood", ["mood", "ber"]),
    "ends": (f"tolerance {ALL} --low 0.3 --high 0.1", ["low < high"]),
    "max drop": (f"tolerance {ALL} --max-drop 2", ["max_drop"]),
    "budget": (f"tolerance {ALL} --budget 0", ["--budget"]),
    "device": (f"tolerance {ALL} --vary vdd --device tube", ["tube", "talk"]),
    "no errors": (f"sensitivity {ALL}", ["--ber", "--device"]),
    "two of them": (f"sensitivity {ALL} --ber 0.1 --vdd 1.2", ["one of the two"]),
    "several": (f"sensitivity {ALL} --vdd 1.0,1.2", ["one condition"]),
    "stuck": (f"sensitivity {ALL} --ber 0.1 --stuck-lrs 0.1", ["--stuck-lrs", "--device"]),
    "part": (f"sensitivity {ALL} --ber 0.1 --by part", ["programming"]),
    "by": (f"sensitivity {ALL} --ber 0.1 --by mood", ["--by", "mood", "layer"]),
    "plot": (f"sensitivity {ALL} --ber 0.1 --plot {{folder}}/a.jpg", ["a.jpg"]),
    "rates and chips": (f"population {ALL} --ber 0.1 --vdd 1.2", ["one of the two"]),
    "neither": (f"population {ALL}", ["--ber", "--device"]),
    "chips": (f"population {ALL} --ber 0.1 --chips 0", ["--chips"]),
    "names": (f"population {ALL} --ber 0.1 --out {{other}}", ["other.csv", "not a results file"]),
    "reading": (f"population {ALL} --vdd 1.2 --reading-ber 0.1", ["reading"]),
    "no volts": (f"sweep {ALL} --vdd 1.0,high", ["--vdd", "'high'", "volts"]),
    "no such corner": (f"sweep {ALL} --corner tt,xy", ["--corner", "'xy'"]),
    "no supply": (f"sweep {ALL} --vdd 0", ["vdd", "0"]),
    "mean of nothing": (f"sweep {ALL} --mean-rates", ["--mean-rates", "--device"]),
    "ber of chips": (f"sweep {ALL} --vdd 1.2 --ber 0.1", ["do not go"]),
}


@pytest.fixture
def files(tmp_path: Path, packed: Path, data: Path) -> dict[str, Path]:
    made = {"folder": tmp_path, "net": packed, "data": data, "other": tmp_path / "other.csv"}
    made["nolabels"] = tmp_path / "nolabels.npz"
    made["other"].write_text("shots, errors\n1, 2\n")
    np.savez(made["nolabels"], x=np.zeros((2, 12), np.float32))
    return made


@pytest.mark.parametrize("name", CASES)
def test_one_clear_line(command, files: dict[str, Path], name: str) -> None:
    arguments, expected = CASES[name]
    result = command(*(part.format(**files) for part in arguments.split()))
    assert result.status == 2
    assert result.out == ""
    errors = [line for line in result.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in result.err
    for part in expected:
        assert part in errors[0]


@pytest.mark.parametrize("name", ["tolerance", "sensitivity", "population"])
def test_every_command_has_an_example(command, name: str) -> None:
    result = command(name, "--help")
    assert result.status == 0
    assert f"$ ternary-engine {name} net.tern --data" in result.out


def test_tolerance(command, packed: Path, data: Path, tmp_path: Path) -> None:
    line = [packed, "--data", data, "--max-drop", "0.1", "--precision", "2", "--budget", "400"]
    out = tmp_path / "trials.csv"
    result = command("tolerance", *line, "--out", out, "--workers", "1")
    assert result.status == 0
    assert "limit for a loss of 10 points: 0." in result.out
    before = out.read_bytes()
    found = json.loads(command("tolerance", *line, "--out", out, "--json").out)
    assert found["low"] < found["value"] < found["high"]
    assert sum(probe["trials"] for probe in found["probes"]) == found["trials"]
    assert len(read_results(out)) == found["trials"]
    assert out.read_bytes() == before


def test_sensitivity(command, packed: Path, data: Path, tmp_path: Path) -> None:
    line = [packed, "--data", data, "--ber", "0.2", "--programming-ber", "0.1", "--trials", "3"]
    figure = tmp_path / "parts.png"
    result = command("sensitivity", *line, "--plot", figure, "--workers", "1")
    assert result.status == 0
    for part in ("fc1", "drop", "programming", "reading", "remainder", "all"):
        assert part in result.out
    assert figure.stat().st_size > 10_000
    found = json.loads(command("sensitivity", *line, "--by", "layer,type", "--json").out)
    assert {one["by"] for one in found["effects"]} == {"layer", "type"}


def test_chips(command, packed: Path, data: Path, tmp_path: Path) -> None:
    worn = ["--device", "degraded", "--age", "1e8", "--stuck-hrs", "0.05"]
    line = [packed, "--data", data, "--workers", "1", "--json"]
    found = json.loads(command("sensitivity", *line, *worn, "--by", "part", "--trials", "2").out)
    names = {one["name"] for one in found["effects"]}
    assert names == {"programming", "sensing", "stuck cells", "drift"}
    assert {"nominal", "remainder", "total"} <= set(found)
    made = json.loads(command("population", *line, "--vdd", "1.0,1.2", "--chips", "4").out)
    assert [one["setting"] for one in made["settings"]] == ["vdd_V 1", "vdd_V 1.2"]
    assert all(len(one["accuracies"]) == 4 for one in made["settings"])
    out = tmp_path / "conditions.csv"
    conditions = ["--vdd", "1.0,1.2", "--age", "0,1e8", "--trials", "2", "--out", str(out)]
    told = json.loads(command("sweep", *line, *conditions).out)
    assert len(told["points"]) == 4
    assert {(row["vdd_V"], row["age_s"]) for row in read_results(out)} == {
        (vdd, age) for vdd in (1.0, 1.2) for age in (0.0, 1e8)
    }
    assert main(["plot", str(out), "-o", str(tmp_path / "a.png"), "--linear"]) == 0
    mean = ["--vdd", "1.2", "--mean-rates", "--trials", "1"]
    (point,) = json.loads(command("sweep", *line, *mean).out)["points"]
    assert 0 < point["rise"] < 1


def test_population(command, packed: Path, data: Path, tmp_path: Path) -> None:
    line = [packed, "--data", data, "--ber", "0.05,0.2", "--chips", "40", "--max-drop", "0.1"]
    figure = tmp_path / "yield.svg"
    result = command("population", *line, "--plot", figure, "--workers", "1")
    assert result.status == 0
    assert "ber 0.05" in result.out
    assert "40 chips of each setting" in result.out
    assert figure.stat().st_size > 10_000
