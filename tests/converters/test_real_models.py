"""Third-party networks and one-layer forms, where ../shared has them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from ternary_engine.converters import convert
from tests.conftest import SHARED
from tests.oracles import interpreter

MODELS = SHARED / "models"
FORMS = sorted(path.stem for path in (MODELS / "forms").glob("*.onnx"))
ABSENT = pytest.mark.skip(f"no third-party models and data: {SHARED} is absent")
INTEGER_FORMS = {"op_MatMulInteger", "bitlinear_dynamic_absmax"}

Array = npt.NDArray[Any]


def qonnx_run(path: Path, x: Array) -> Array:
    """The qonnx package's executor, on a whole batch at once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.infer_shapes import InferShapes
        from qonnx.util.cleanup import cleanup_model

        model = cleanup_model(ModelWrapper(str(path)))
        (port,) = model.graph.input
        model.set_tensor_shape(port.name, list(x.shape))
        for node in model.graph.node:
            if node.op_type == "Reshape":
                model.set_initializer(node.input[1], np.array([len(x), -1], np.int64))
        del model.graph.value_info[:]
        model.graph.output[0].type.tensor_type.shape.dim[0].dim_value = len(x)
        results = execute_onnx(model.transform(InferShapes()), {port.name: x})
    return np.asarray(next(iter(results.values())))


def mnist(shared: Path) -> tuple[Array, Array]:
    data = np.load(shared / "data" / "mnist_test.npz")
    return (data["x"].reshape(-1, 1, 28, 28) / 255).astype(np.float32), data["y"]


@pytest.mark.parametrize(
    ("name", "kind", "right"), [("TFC_2W2A", "ternary", 9660), ("TFC_1W1A", "binary", 9296)]
)
def test_tfc_on_every_mnist_image(shared: Path, name: str, kind: str, right: int) -> None:
    network = convert(shared / "models" / f"{name}.onnx")
    assert [layer.input for layer in network.layers] == [kind] * 4
    assert [layer.binary for layer in network.layers] == [kind == "binary"] * 4
    assert network.batching == "free"
    x, y = mnist(shared)
    (port,) = network.inputs
    (logits,) = interpreter.run(network, {port.name: x}).values()
    assert int((logits.argmax(1) == y).sum()) == right


@pytest.mark.parametrize("name", ["TFC_2W2A", "TFC_1W1A"])
def test_tfc_agrees_with_qonnx_on_every_image(shared: Path, name: str) -> None:
    path = shared / "models" / f"{name}.onnx"
    x, _ = mnist(shared)
    network = convert(path)
    (logits,) = interpreter.run(network, {network.inputs[0].name: x}).values()
    wanted = qonnx_run(path, x)
    assert (logits.argmax(1) == wanted.argmax(1)).all()
    np.testing.assert_allclose(logits, wanted, rtol=1e-5, atol=1e-5)


def test_finn_dialect(shared: Path) -> None:
    network = convert(shared / "models" / "finn_tfc_w1a1_build_dataflow.onnx")
    x = np.load(shared / "models" / "finn_tfc_w1a1_input.npy")
    (classes,) = interpreter.run(network, {network.inputs[0].name: x}).values()
    assert classes.reshape(-1).tolist() == [7, 2, 1, 0]
    assert [layer.input for layer in network.layers] == ["binary"] * 4


def test_three_bit_keyword_spotting(shared: Path) -> None:
    path = shared / "models" / "mlperftiny_kws_w3a3.onnx"
    network = convert(path)
    assert all("7 levels" in layer.reason for layer in network.layers)
    assert [layer.input for layer in network.layers] == ["8 bits", "3 bits", "3 bits", "3 bits"]
    assert {(layer.placement, layer.planes) for layer in network.layers} == {("crossbar", 2)}
    x = np.random.default_rng(0).normal(0, 30, (16, 1, 10, 49)).astype(np.float32)
    (got,) = interpreter.run(network, {network.inputs[0].name: x}).values()
    np.testing.assert_allclose(got, qonnx_run(path, x), rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(network.run(x), got)


def test_trained_ternary_quantisation(shared: Path) -> None:
    name = "derived_ttq_squeezenet_tinyimagenet"
    network = convert(shared / "models" / f"{name}.onnx")
    golden = np.load(shared / "models" / f"{name}_io.npz")
    (got,) = interpreter.run(network, {"x": golden["x"]}).values()
    np.testing.assert_allclose(got, golden["y"], atol=1e-5 * np.abs(golden["y"]).max())
    crossbar = [layer for layer in network.layers if layer.placement == "crossbar"]
    assert len(network.layers) == 26
    assert len(crossbar) == 24
    assert sum(layer.scales.ndim == 2 for layer in crossbar) == 16
    assert "distinct values" in network.layers[0].reason


@pytest.mark.parametrize("name", ["folded", "latent_graph"])
def test_bitnet(shared: Path, name: str) -> None:
    network = convert(shared / "models" / f"derived_bitnet158_jet_{name}.onnx")
    golden = np.load(shared / "models" / f"derived_bitnet158_jet_{name}_io.npz")
    (got,) = interpreter.run(network, {"x": golden["x"]}).values()
    np.testing.assert_allclose(got, golden["y"], rtol=1e-5, atol=1e-5)
    assert {layer.placement for layer in network.layers} == {"crossbar"}
    assert {layer.input for layer in network.layers} == {"8 bits"}
    np.testing.assert_allclose(network.run(golden["x"]), golden["y"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "name", FORMS or [pytest.param("", marks=pytest.mark.skip("no ../shared"))]
)
def test_forms(name: str) -> None:
    path = MODELS / "forms" / f"{name}.onnx"
    golden = np.load(path.with_suffix(".npz"))
    network = convert(path)
    (got,) = interpreter.run(network, {"x": golden["x"]}).values()
    half = name == "w_float16"
    np.testing.assert_allclose(got, golden["y"], rtol=2e-3 if half else 1e-5, atol=1e-5)
    if name.startswith("a_"):
        assert network.layers == ()
        return
    np.testing.assert_allclose(
        network.run(golden["x"]), got, rtol=2e-3 if half else 1e-5, atol=1e-6
    )
    weights = [_oriented(layer) for layer in network.layers]
    assert len(weights) == (2 if name == "w_qdq_int2_blocked" else 1)
    assert {layer.placement for layer in network.layers} == {"crossbar"}
    assert {layer.input for layer in network.layers} == (
        {"8 bits"} if name in INTEGER_FORMS else {"real"}
    )
    trits = np.concatenate(weights)
    assert set(np.unique(trits)) == {-1, 0, 1}
    matrix = _matrix(path, golden["x"].shape[1])
    if name not in INTEGER_FORMS:  # those read a whole row, or round
        scale = np.abs(matrix).max()
        np.testing.assert_array_equal(
            trits, np.sign(np.where(np.abs(matrix) < 1e-3 * scale, 0, matrix))
        )


def _matrix(path: Path, inputs: int) -> Array:
    """The layer's weights [inputs, outputs], by feeding unit vectors to the source."""
    model = onnx.load(path)
    network = convert(model)
    unit = np.eye(inputs, dtype=np.float32)
    zero = np.zeros((1, inputs), np.float32)
    both = interpreter.run(network, {"x": np.concatenate([unit, zero])})["y"]
    return np.asarray(both[:-1] - both[-1])


def _oriented(layer: Any) -> Array:
    return np.asarray(layer.weights.T if layer.output_axis == 0 else layer.weights)


def test_every_form_is_tested(shared: Path) -> None:
    assert len(FORMS) == 25


def test_integer_dialect(shared: Path) -> None:
    """Deeploy's RequantShift, against the arithmetic its exporter documents."""
    path = shared / "models" / "deeploy_cnn_linear1.onnx"
    network = convert(path)
    assert [layer.input for layer in network.layers] == ["real", *["8 bits"] * 4]
    assert {layer.planes for layer in network.layers} == {6}
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 32, 32)).astype(np.float32)
    wanted = x
    for node in onnx.load(path).graph.node:
        wanted = _integers(onnx.load(path), node, wanted)
    assert len(np.unique(wanted)) > 5
    np.testing.assert_array_equal(network.run(x), wanted)


def _integers(model: onnx.ModelProto, node: onnx.NodeProto, x: Array) -> Array:
    held = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    if node.op_type == "RequantShift":
        mul, add = (held[name].astype(np.int64) for name in node.input[1:])
        return np.clip((x.astype(np.int64) * mul + add) >> 17, 0, 255).astype(np.float32)
    shape = [None] * x.ndim
    piece = onnx.helper.make_graph(
        [node], "one",
        [onnx.helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, shape)],
        [onnx.helper.make_tensor_value_info(node.output[0], onnx.TensorProto.FLOAT, None)],
        [t for t in model.graph.initializer if t.name in node.input],
    )  # fmt: skip
    one = onnx.helper.make_model(piece, opset_imports=model.opset_import, ir_version=8)
    (y,) = interpreter.run_onnx(one.SerializeToString(), {node.input[0]: x})
    return y
