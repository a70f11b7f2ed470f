"""Channels-last networks: the QONNX dialect against its executor, and transposes that cancel."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.converters import convert
from tests import networks
from tests.converters.agreement import normal, source_values

DOMAIN = "qonnx.custom_op.channels_last"
RANDOM = np.random.default_rng(1)


def channels_first() -> onnx.ModelProto:
    """Quant, Conv, BatchNormalization, MaxPool, Conv in QONNX."""
    quant = {"domain": "qonnx.custom_op.general", "signed": 1, "narrow": 1}
    quant["rounding_mode"] = "ROUND"
    window = {"strides": [1, 1], "dilations": [1, 1], "group": 1}
    nodes = [
        helper.make_node("Quant", ["x", "s", "z", "b"], ["q0"], **quant),
        helper.make_node("Conv", ["q0", "w0"], ["c0"], "first", kernel_shape=[3, 3],
                         pads=[1, 1, 1, 1], **window),
        helper.make_node("BatchNormalization", ["c0", "g", "h", "m", "v"], ["n0"]),
        helper.make_node("Quant", ["n0", "s", "z", "b"], ["q1"], **quant),
        helper.make_node("MaxPool", ["q1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2],
                         pads=[0, 0, 0, 0]),
        helper.make_node("Conv", ["p1", "w1"], ["y"], "second", kernel_shape=[1, 1],
                         pads=[0, 0, 0, 0], **window),
    ]  # fmt: skip
    constants = {
        "s": 0.5, "z": 0, "b": 2, "g": [1, -1, 0.5, 2, 1], "h": np.full(5, 0.1), "m": np.zeros(5),
        "v": np.full(5, 30.0), "w0": RANDOM.integers(-1, 2, (5, 4, 3, 3)),
        "w1": RANDOM.integers(-1, 2, (3, 5, 1, 1)),
    }  # fmt: skip
    graph = helper.make_graph(
        nodes, "nchw", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 3, 4])],
        [numpy_helper.from_array(np.asarray(v, np.float32), n) for n, v in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize("whole", [False, True])
def test_dialect(whole: bool) -> None:
    """What qonnx's own transformation makes of a network, and its executor says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        modelwrapper = pytest.importorskip("qonnx.core.modelwrapper")
        from qonnx.core.onnx_exec import execute_onnx
        from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
        from qonnx.util.cleanup import cleanup_model

        source = cleanup_model(modelwrapper.ModelWrapper(channels_first()))
        port, out = source.graph.input[0].name, source.graph.output[0].name
        x = normal(6, 4, 6, 8)
        wanted = np.concatenate([execute_onnx(source, {port: part[None]})[out] for part in x])
        turned = source.transform(ConvertToChannelsLastAndClean(make_input_channels_last=whole))
    domains = {node.domain for node in turned.graph.node if node.op_type == "Conv"}
    assert domains == {DOMAIN}
    network = convert(turned.model)
    assert [layer.input for layer in network.layers] == ["ternary", "ternary"]
    assert [layer.shape for layer in network.layers] == [(5, 4, 3, 3), (3, 5, 1, 1)]
    kinds = [type(step).__name__ for step in network.steps]
    assert "Threshold" in kinds
    assert "Pool" in kinds
    got = network.run(np.ascontiguousarray(np.moveaxis(x, 1, -1)) if whole else x)
    got = got if got.shape == wanted.shape else np.moveaxis(got, -1, 1)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def between(*middle: Any, extra: bool = False) -> onnx.ModelProto:
    """A convolution on x, in NHWC what is given, a convolution back in NCHW."""
    b = networks.Builder(3)
    x = b.node("Conv", b.ternarise("x"), b.weights((6, 4, 3, 3), "ternary", "v"), name="first")
    x = b.node("Transpose", x, perm=[0, 2, 3, 1])
    for add in middle:
        x = add(b, x)
    x = b.node("Transpose", x, perm=[0, 3, 1, 2])
    b.node("Conv", x, b.weights((3, 6, 2, 2), "ternary", "w"), name="second", output="y")
    ports = {"x": (TensorProto.FLOAT, ["N", 4, 6, 7])}
    if extra:
        ports["x2"] = (TensorProto.FLOAT, ["N", 6, 4, 5])
    return b.model(ports, {"y": (TensorProto.FLOAT, ["N", 3, 3, 4])})


CHANNELS = np.array([0.3, -0.2, 0.1, 0.4, -0.5, 0.2])


@pytest.mark.parametrize(
    "middle",
    [
        (lambda b, x: b.ternarise(x),),
        (lambda b, x: b.node("Mul", x, b.real(CHANNELS)), lambda b, x: b.ternarise(x)),
        (
            lambda b, x: b.node("Add", b.real(CHANNELS.reshape(1, 1, 1, 6)), x),
            lambda b, x: b.binarise(x),
        ),
    ],
)
def test_transposes_cancel(middle: Any) -> None:
    model, x = between(*middle), normal(5, 4, 6, 7)
    network = convert(model)
    assert "Digital" not in [type(step).__name__ for step in network.steps]
    assert network.layers[1].input in ("ternary", "binary")
    np.testing.assert_allclose(network.run(x), source_values(model, {"x": x})["y"], atol=1e-5)


@pytest.mark.parametrize(
    "middle",
    [
        (lambda b, x: b.node("Softmax", x, axis=-1),),
        (lambda b, x: b.node("Mul", x, b.node("ReduceMean", x, axes=[3], keepdims=1)),),
        (lambda b, x: b.node("Transpose", x, perm=[0, 2, 1, 3]),
         lambda b, x: b.node("Transpose", x, perm=[0, 2, 1, 3])),
    ],
)  # fmt: skip
def test_other_transposes_stay_right(middle: Any) -> None:
    model, feeds = between(*middle), {"x": normal(5, 4, 6, 7)}
    network = convert(model)
    wanted = source_values(model, feeds)["y"]
    np.testing.assert_allclose(network.run(feeds["x"]), wanted, atol=1e-5)


def test_two_inputs_transposed_alike() -> None:
    def add(b: networks.Builder, x: str) -> str:
        return b.node("Add", x, b.node("Transpose", "x2", perm=[0, 2, 3, 1]))

    model = between(add, extra=True)
    feeds = {"x": normal(5, 4, 6, 7), "x2": normal(5, 6, 4, 5)}
    network = convert(model)
    got = network.run(feeds)["y"]
    np.testing.assert_allclose(got, source_values(model, feeds)["y"], atol=1e-5)
    assert not any(b"Transpose" in getattr(step, "model", b"") for step in network.steps)


def test_outputs_that_are_transposes() -> None:
    b = networks.Builder(3)
    x = b.node("Transpose", "x", perm=[0, 2, 1])
    b.node("Transpose", b.node("Transpose", x, perm=[0, 2, 1]), perm=[0, 2, 1], output="y")
    b.node("Transpose", x, perm=[0, 2, 1], output="z")
    shapes = {"y": ["N", 4, 3], "z": ["N", 3, 4]}
    model = b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, 4])},
        {n: (TensorProto.FLOAT, s) for n, s in shapes.items()},
    )
    x = normal(5, 3, 4)
    got = convert(model).run(x)
    np.testing.assert_array_equal(got["y"], x.transpose(0, 2, 1))
    np.testing.assert_array_equal(got["z"], x)
