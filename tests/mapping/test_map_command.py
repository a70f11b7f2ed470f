"""The command: tables, JSON, images, and failures in one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.cli import main
from tests import networks

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("map")
    x, _ = te.zoo.data("cnn_ternary")
    np.savez(folder / "data.npz", x=x[:10])
    (folder / "note.txt").write_text("text")
    float_weights = networks.mlp(widths=(12, 5))
    for tensor in float_weights.graph.initializer:
        if tensor.name == "fc0.weight":
            noise = np.random.default_rng(0).normal(size=60).astype(np.float32)
            tensor.raw_data = noise.tobytes()
    (folder / "float.onnx").write_bytes(float_weights.SerializeToString())
    net = Path(te.zoo.path("cnn_ternary"))
    names = {"data": "data.npz", "text": "note.txt", "float": "float.onnx"}
    return {"net": net, "folder": folder} | {key: folder / name for key, name in names.items()}


def test_table(call: Call, files: dict[str, Path]) -> None:
    status, out, err = call("map", files["net"], "--array", "24x40")
    assert (status, err) == (0, "")
    assert "arrays of 24 x 40 device pairs" in out
    assert "energy" not in out


def test_json_is_what_python_gives(call: Call, files: dict[str, Path]) -> None:
    status, out, _ = call("map", files["net"], "--outputs", "columns", "--json")
    assert status == 0
    mapping = te.map(te.load(files["net"]), outputs="columns")
    assert json.loads(out) == json.loads(json.dumps(mapping.to_dict()))


def test_data_adds_the_cost(call: Call, files: dict[str, Path]) -> None:
    options = ("--data", files["data"], "--vdd", "0.6", "--sense-energy", "1e-15")
    assert "float32" in call("map", files["net"], *options)[1]
    priced = json.loads(call("map", files["net"], *options, "--json")[1])["cost"]
    x = np.load(files["data"])["x"]
    parameters = te.CostParameters(vdd=0.6, sense=1e-15)
    counted = te.cost(te.load(files["net"]), x, parameters=parameters)
    assert priced["totals"] == counted.totals
    assert priced["samples"] == 10


def test_image(call: Call, files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "image.npz"
    status, _, err = call("map", files["net"], "--image", path)
    assert status == 0
    assert "58,144 device pairs" in err
    net = te.load(files["net"])
    for mine, theirs in zip(te.read_image(net, path).layers, net.layers, strict=True):
        np.testing.assert_array_equal(mine.pairs, theirs.pairs)


FAILURES = {
    "no rows": ("{net} --array 0x32", ["array", "0 x 32", "from 1"]),
    "text": ("{net} --array big", ["--array", "'big'", "32x32"]),
    "one number": ("{net} --array 32", ["--array", "'32'"]),
    "negative": ("{net} --array=-4x4", ["--array", "'-4x4'"]),
    "huge": ("{net} --array 100000x2", ["100000 x 2", "65,536"]),
    "orientation": ("{net} --outputs up", ["--outputs", "up"]),
    "no crossbar layer": ("{float}", ["no layer is on the crossbar"]),
    "vdd alone": ("{net} --vdd 1", ["--vdd", "--data"]),
    "sense alone": ("{net} --sense-energy 1", ["--sense-energy", "--data"]),
    "no supply": ("{net} --data {data} --vdd 0", ["vdd", "positive"]),
    "no data": ("{net} --data {folder}/none.npz", ["none.npz", "no such file"]),
    "not data": ("{net} --data {text}", ["note.txt", ".npz or .npy"]),
    "suffix": ("{net} --image {folder}/a.txt", ["a.txt", ".csv.gz"]),
    "folder": ("{net} --image {folder}/none/a.csv", ["a.csv", "no such folder"]),
    "no network": ("{folder}/none.tern", ["none.tern", "no such file"]),
}


@pytest.mark.parametrize("name", FAILURES)
def test_one_clear_line(call: Call, files: dict[str, Path], name: str) -> None:
    arguments, expected = FAILURES[name]
    before = sorted(files["folder"].iterdir())
    status, out, err = call("map", *(part.format(**files) for part in arguments.split()))
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert len(err.strip().splitlines()) == 1
    for part in expected:
        assert part in err
    assert sorted(files["folder"].iterdir()) == before


def test_help_has_examples(call: Call) -> None:
    status, out, _ = call("map", "--help")
    assert status == 0
    assert "$ ternary-engine map net.tern --array 64x128" in out
