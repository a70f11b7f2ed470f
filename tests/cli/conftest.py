"""A small classifier in ONNX with its data, and a way to call the command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.cli import main

SAMPLES, INPUTS, HIDDEN, CLASSES = 40, 12, 8, 3


@dataclass(frozen=True)
class Result:
    """What a call of the command gave."""

    status: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the width of a terminal that pytest-xdist claims to have."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Call the command in this process."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return call


def _dense(first: np.ndarray, second: np.ndarray) -> onnx.ModelProto:
    """Two layers with Sign before each: x -> Sign -> MatMul -> Sign -> MatMul -> scores."""
    nodes = [
        helper.make_node("Sign", ["x"], ["a"]),
        helper.make_node("MatMul", ["a", "w1"], ["h"], "fc1"),
        helper.make_node("Sign", ["h"], ["b"]),
        helper.make_node("MatMul", ["b", "w2"], ["scores"], "fc2"),
    ]
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", INPUTS])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", CLASSES])],
        [numpy_helper.from_array(first, "w1"), numpy_helper.from_array(second, "w2")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX model with two ternary layers."""
    rng = np.random.default_rng(5)
    first = rng.integers(-1, 2, (INPUTS, HIDDEN)).astype(np.float32) * np.float32(0.25)
    second = rng.integers(-1, 2, (HIDDEN, CLASSES)).astype(np.float32)
    path = tmp_path_factory.mktemp("models") / "dense.onnx"
    onnx.save(_dense(first, second), path)
    return path


@pytest.fixture(scope="session")
def float_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with real-valued weights: nothing for a crossbar."""
    rng = np.random.default_rng(6)
    first = rng.normal(size=(INPUTS, HIDDEN)).astype(np.float32)
    second = rng.normal(size=(HIDDEN, CLASSES)).astype(np.float32)
    path = tmp_path_factory.mktemp("models") / "float.onnx"
    onnx.save(_dense(first, second), path)
    return path


@pytest.fixture(scope="session")
def truth(source: Path) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and the scores that ONNX Runtime gives for them."""
    from ternary_engine.benchmark.peers import onnxruntime_run

    x = np.random.default_rng(7).normal(size=(SAMPLES, INPUTS)).astype(np.float32)
    return x, onnxruntime_run(source, optimise=False)(x)


@pytest.fixture(scope="session")
def data(truth: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs and labels, of which the network gets all but four right."""
    x, scores = truth
    labels = scores.argmax(axis=1)
    labels[:4] = (labels[:4] + 1) % CLASSES
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, x=x, y=labels, z=np.arange(5))
    return path


@pytest.fixture(scope="session")
def packed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed file that ``convert`` makes of the source."""
    path = tmp_path_factory.mktemp("packed") / "dense.tern"
    assert main(["convert", str(source), "-o", str(path)]) == 0
    return path
