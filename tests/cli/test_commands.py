"""The commands on a small classifier, checked against ONNX Runtime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine import zoo


def test_convert_tells_what_it_did_on_stderr(command, source: Path, tmp_path: Path) -> None:
    result = command("convert", source, "-o", tmp_path / "a.tern")
    assert (result.status, result.out) == (0, "")
    assert "2 of 2 layers on the crossbar" in result.err
    assert [path.name for path in tmp_path.iterdir()] == ["a.tern"]


def test_convert_warns_of_a_network_without_crossbar(
    command, float_source: Path, tmp_path: Path
) -> None:
    result = command("convert", float_source, "-o", tmp_path / "a.tern")
    assert result.status == 0
    assert "warning: no layer is on the crossbar" in result.err


@pytest.mark.parametrize("kind", ["source", "packed"])
def test_inspect(command, kind: str, request: pytest.FixtureRequest) -> None:
    result = command("inspect", request.getfixturevalue(kind))
    assert (result.status, result.err) == (0, "")
    for part in ("fc1", "fc2", "crossbar", "12x8", "0.25", "120", "smaller"):
        assert part in result.out


def test_inspect_json_counts_by_hand(command, packed: Path) -> None:
    told = json.loads(command("inspect", packed, "--json").out)
    assert [layer["name"] for layer in told["layers"]] == ["fc1", "fc2"]
    assert [layer["device_pairs"] for layer in told["layers"]] == [96, 24]
    assert [layer["bits"] for layer in told["layers"]] == [192, 48]
    assert told["layers"][0]["scales"] == {"count": 1, "range": [0.25, 0.25]}
    assert told["totals"]["float32_bytes"] == 480
    assert told["totals"]["stored_bytes"] == (240 + 64) // 8


def test_inspect_of_a_float_network_warns_and_passes(command, float_source: Path) -> None:
    result = command("inspect", float_source)
    assert result.status == 0
    assert "no layer is on the crossbar" in result.out


def test_run_gives_accuracy(command, packed: Path, data: Path) -> None:
    result = command("run", packed, data)
    assert result.status == 0
    assert "90.00 %  (36 of 40)" in result.out
    assert "samples/s" in result.out


def test_run_json(command, packed: Path, data: Path) -> None:
    told = json.loads(command("run", packed, data, "--json", "--threads", 1).out)
    assert (told["samples"], told["correct"], told["accuracy"]) == (40, 36, 0.9)
    assert told["outputs"] == {"y": {"shape": [40, 3], "dtype": "float32"}}
    assert told["samples_per_second"] > 0
    assert told["device"]


@pytest.mark.parametrize("suffix", [".npz", ".npy"])
def test_run_writes_what_onnxruntime_gives(
    command, source: Path, truth: tuple[np.ndarray, np.ndarray], tmp_path: Path, suffix: str
) -> None:
    x, scores = truth
    np.save(tmp_path / "x.npy", x)
    output = tmp_path / f"y{suffix}"
    assert command("run", source, tmp_path / "x.npy", "-o", output).status == 0
    loaded = np.load(output)
    np.testing.assert_array_equal(loaded["y"] if suffix == ".npz" else loaded, scores)


def test_run_takes_labels_from_elsewhere(command, packed: Path, data: Path, tmp_path: Path) -> None:
    labels = np.load(data)["y"]
    np.save(tmp_path / "labels.npy", labels[:, None])
    np.savez(tmp_path / "labels.npz", y=labels)
    np.savez(tmp_path / "data.npz", x=np.load(data)["x"], other=labels)
    for given in (tmp_path / "labels.npy", tmp_path / "labels.npz", "other"):
        result = command("run", packed, tmp_path / "data.npz", "--labels", given)
        assert "36 of 40" in result.out
    assert "accuracy" not in command("run", packed, tmp_path / "data.npz").out


def test_run_leaves_aside_a_y_that_holds_no_labels(
    command, packed: Path, data: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", x=np.load(data)["x"], y=np.zeros((40, 3), np.float32))
    result = command("run", packed, tmp_path / "data.npz")
    assert result.status == 0
    assert "warning: no accuracy" in result.err


def test_run_of_an_empty_batch(command, packed: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((0, 12), np.float32), y=np.zeros(0, np.int64))
    result = command("run", packed, tmp_path / "x.npz", "--json")
    assert result.status == 0
    assert json.loads(result.out)["outputs"]["y"]["shape"] == [0, 3]


def test_verbose_lists_the_steps(command, packed: Path, data: Path) -> None:
    result = command("run", packed, data, "-v")
    assert "Crossbar" in result.err
    assert "fc2" in result.err


def test_demo(command) -> None:
    result = command("demo")
    assert result.status == 0
    for part in (*zoo.names(), "as ORT", "100.00 %", "x ORT float32", "Next", "--help"):
        assert part in result.out
    assert "converting" in result.err


@pytest.mark.slow
def test_demo_json_agrees_with_the_zoo(command) -> None:
    told = json.loads(command("demo", "--json").out)
    for row in told["networks"]:
        entry = zoo.describe(row["network"])
        assert row["samples"] == entry.samples
        assert row["accuracy"] == pytest.approx(entry.accuracy)
        assert row["agreement"] == 1


ERRORS = [
    ("--ber 0.2", {"ber": 0.2, "per": "read"}),
    ("--sign-flip 0.1 --drop 0.2 --rise 0.3", {"sign_flip": 0.1, "drop": 0.2, "rise": 0.3}),
    ("--drop 0.3 --per sample", {"drop": 0.3, "per": "sample"}),
    ("--ber 0.2 --per program", {"ber": 0.2, "per": "program"}),
    ("--rise 0.5 --per batch --batch-size 7", {"rise": 0.5, "per": "batch"}),
]


@pytest.mark.parametrize(("options", "told"), ERRORS, ids=[options for options, _ in ERRORS])
def test_run_with_errors_is_what_python_gives(
    command, packed: Path, data: Path, tmp_path: Path, options: str, told: dict[str, object]
) -> None:
    output = tmp_path / "y.npy"
    arguments = [*options.split(), "--seed", 7, "-o", output, "--json"]
    report = json.loads(command("run", packed, data, *arguments).out)
    assert report["seed"] == 7
    assert report["errors"] == {"per": "read"} | told
    rates = {name: rate for name, rate in told.items() if name != "ber"}
    errors = te.SenseErrors(**rates, ber=told.get("ber"))
    batch_size = 7 if "batch-size" in options else None
    x = np.load(data)["x"]
    wanted = te.load(packed).run(x, errors=errors, seed=7, batch_size=batch_size)
    np.testing.assert_array_equal(np.load(output), wanted)
    assert np.any(np.load(output) != te.load(packed).run(x))


def test_a_seed_that_was_drawn_is_told_and_repeats(
    command, packed: Path, data: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    report = json.loads(command("run", packed, data, "--ber", 0.3, "-o", first, "--json").out)
    command("run", packed, data, "--ber", 0.3, "--seed", report["seed"], "-o", second)
    np.testing.assert_array_equal(np.load(first), np.load(second))
    assert (
        f"seed {report['seed']}"
        in command("run", packed, data, "--ber", 0.3, "--seed", report["seed"]).out
    )


def test_names_of_files_are_not_markup(command, source: Path, data: Path, tmp_path: Path) -> None:
    packed = tmp_path / "[red]a.tern"
    assert "[red]a.tern: 2 of 2" in command("convert", source, "-o", packed).err
    output = tmp_path / "[bold]y.npy"
    assert "[bold]y.npy" in command("run", packed, data, "-o", output).out
    assert output.exists()
