"""The networks that ship: whole, small, ternary or binary, and as accurate as they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest

from ternary_engine import zoo

FOLDER = Path(zoo.__file__).parent
LARGEST = 5_000_000
LEAST_ACCURACY = {"mlp_ternary": 0.96, "mlp_binary": 0.93, "cnn_ternary": 0.96}
every_network = pytest.mark.parametrize("name", zoo.names())


def _run(model: bytes, x: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    found: list[npt.NDArray[Any]] = session.run(None, {session.get_inputs()[0].name: x})
    return found


def _weights(name: str) -> dict[str, npt.NDArray[np.float32]]:
    """Weights of each layer as the graph uses them, outputs first."""
    model = onnx.load(zoo.path(name))
    inferred = onnx.shape_inference.infer_shapes(model)
    layers = [n for n in model.graph.node if n.op_type in ("Conv", "Gemm", "MatMul")]
    assert not any(node.op_type == "MatMul" for node in layers)  # outputs would come last
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    used = [node.input[1] for node in layers]
    computed = [weights for weights in used if weights not in stored]
    del model.graph.output[:]
    model.graph.output.extend(v for v in inferred.graph.value_info if v.name in computed)
    if computed:
        names = [value.name for value in model.graph.output]
        values = _run(model.SerializeToString(), zoo.data(name)[0][:1])
        stored |= dict(zip(names, values, strict=True))
    return {node.name: stored[weights] for node, weights in zip(layers, used, strict=True)}


def test_everything_is_there_and_small() -> None:
    assert set(zoo.names()) == set(LEAST_ACCURACY)
    files = [FOLDER / f"{name}.{ending}" for name in zoo.names() for ending in ("onnx", "npz")]
    assert all(file.is_file() for file in files)
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < LARGEST


@every_network
def test_stated_accuracy_is_reproduced(name: str) -> None:
    x, y = zoo.data(name)
    (scores,) = _run(zoo.path(name).read_bytes(), x)
    entry = zoo.describe(name)
    assert len(x) == len(y) == entry.samples
    assert (scores.argmax(1) == y).mean() == entry.accuracy
    assert entry.accuracy >= LEAST_ACCURACY[name]


@every_network
def test_weights_have_the_stated_levels(name: str) -> None:
    weights = _weights(name)
    cnn = ["conv1", "conv2", "conv3", "linear4"]
    assert list(weights) == (cnn if name.startswith("cnn") else ["linear1", "linear2", "linear3"])
    for layer, values in weights.items():
        for channel in values.reshape(len(values), -1):
            levels = np.unique(channel)
            if zoo.describe(name).weights == "ternary":
                magnitude = np.abs(levels).max()
                allowed = {-magnitude, 0, magnitude}
            else:
                allowed = {-1, 1}
            assert set(levels.tolist()) <= allowed, f"{layer}: {levels[:5]}"


@every_network
def test_batch_is_free_and_input_is_as_described(name: str) -> None:
    model = onnx.load(zoo.path(name))
    (given,) = model.graph.input
    assert given.type.tensor_type.shape.dim[0].dim_param
    x, _ = zoo.data(name)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
    assert x.dtype == dtype == (np.uint8 if name.startswith("cnn") else np.float32)
    (all_at_once,) = _run(zoo.path(name).read_bytes(), x[:3])
    (alone,) = _run(zoo.path(name).read_bytes(), x[:1])
    np.testing.assert_allclose(all_at_once[:1], alone, rtol=0, atol=1e-5)


@every_network
def test_no_trace_of_the_machine_that_trained(name: str) -> None:
    content = zoo.path(name).read_bytes()
    assert b"/" + b"work" not in content
    assert b"site-packages" not in content


@every_network
def test_sizes_are_as_stated(name: str) -> None:
    assert zoo.describe(name).onnx_bytes == zoo.path(name).stat().st_size


@every_network
def test_readme_states_the_same_accuracy(name: str) -> None:
    lines = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| {name} |")]
    entry = zoo.describe(name)
    assert f"| {100 * entry.accuracy:.2f} % | {100 * entry.float32_accuracy:.2f} % |" in row


@pytest.mark.parametrize("call", [zoo.path, zoo.data, zoo.load, zoo.describe])
def test_unknown_name(call: Any) -> None:
    with pytest.raises(ValueError, match=r"no network 'mlp_ternery'; did you mean 'mlp_ternary'"):
        call("mlp_ternery")
    with pytest.raises(ValueError, match=r"no network 'xyz'; it has mlp_ternary, mlp_binary"):
        call("xyz")


def test_importing_the_zoo_is_cheap() -> None:
    heavy = "{'onnx', 'numba', 'torch'}"
    code = f"import sys, ternary_engine.zoo; print(sorted({heavy} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@every_network
def test_converted_network_agrees(name: str) -> None:
    x, y = zoo.data(name)
    scores = zoo.load(name).run(x)
    (expected,) = _run(zoo.path(name).read_bytes(), x)
    assert isinstance(scores, np.ndarray)
    np.testing.assert_array_equal(scores.argmax(1), expected.argmax(1))
    assert (scores.argmax(1) == y).mean() == zoo.describe(name).accuracy


@pytest.mark.slow
def test_training_command(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the extra 'train' (torch is absent)")
    pytest.importorskip("sklearn", reason="training needs the extra 'train'")
    command = [sys.executable, "-m", "bench.train.digits", "mlp_ternary", "cnn_ternary"]
    command += ["--epochs", "2", "--out", str(tmp_path), "--runs", str(tmp_path / "runs")]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    table = json.loads((tmp_path / "zoo.json").read_text())
    assert list(table) == ["mlp_ternary", "cnn_ternary"]
    for name, entry in table.items():
        x, y = (np.load(tmp_path / f"{name}.npz")[key] for key in ("x", "y"))
        np.testing.assert_array_equal(x, zoo.data(name)[0])
        (scores,) = _run((tmp_path / f"{name}.onnx").read_bytes(), x)
        assert (scores.argmax(1) == y).mean() == entry["accuracy"] > 0.5
