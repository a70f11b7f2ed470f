"""ONNX's backend interface, and ONNX's own test suite against it."""

from __future__ import annotations

import json

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import ternary_engine as te
from tests.conformance import suite
from tests.networks import Builder

# Operators around low-bit layers, and those with ports of every type.
DAILY = (
    "add", "batch_normalization", "cast", "castlike", "clip", "concat", "conv", "convinteger",
    "convtranspose", "dequantizelinear", "dynamicquantizelinear", "flatten", "gemm",
    "globalaveragepool", "globalmaxpool", "hardsigmoid", "loop", "matmul", "matmulinteger",
    "nonzero", "optionalhaselement", "pad", "prelu", "qlinearconv", "qlinearmatmul",
    "quantizelinear", "relu", "reshape", "round", "scan", "sign", "split",
    "string_concat", "reducesum", "swiglu", "unsqueeze", "where",
)  # fmt: skip


def test_cases_around_low_bit_layers() -> None:
    found = suite.run(suite.Part(te.backend, suite.cases_of(*DAILY)))
    assert len(found["Node"]) > 300
    assert suite.surprises(found) == {}


def test_the_page_tells_the_outcome() -> None:
    pinned = json.loads(suite.OUTCOME.read_text(encoding="utf-8"))
    told = suite.page_with(pinned)
    assert suite.PAGE.read_text(encoding="utf-8") == told, "run python -m tests.conformance.suite"
    assert sum(pinned["right"].values()) > 1900


@pytest.mark.slow
def test_whole_suite() -> None:
    found, outcome = suite.everything()
    pinned = json.loads(suite.OUTCOME.read_text(encoding="utf-8"))
    wrong = suite.surprises(found)
    if outcome["versions"] == pinned["versions"]:
        assert wrong == {}
        again = "run python -m tests.conformance.suite"
        for key in ("right", "total", "excluded"):
            assert outcome[key] == pinned[key], again
        assert outcome["operators"].keys() == pinned["operators"].keys(), again
        for operator, (right, total) in pinned["operators"].items():
            now_right, now_total = outcome["operators"][operator]
            assert (now_total, max(now_right, right)) == (total, now_right), (operator, again)
    else:  # other releases bring cases and lack kernels that these have not
        known = set(pinned["operators"])
        assert len(wrong) < len(known) / 10, wrong
    excluded = [
        (name, trouble)
        for cases in found.values()
        for name, trouble in cases.items()
        if "refused" in suite.reason_against(name) and trouble
    ]
    answers = ("ConversionError", "Not compatible with backend", "TernaryEngineError")
    assert [x for x in excluded if not any(answer in x[1] for answer in answers)] == []


@pytest.mark.slow
def test_check_takes_what_the_backend_takes() -> None:
    agreed = 0
    for case in suite.cases_of(*DAILY):
        try:
            agreed += te.check(case.model).agrees
        except te.TernaryEngineError:  # e.g. random numbers that are no axes
            continue
    assert agreed >= 220


def linear() -> tuple[onnx.ModelProto, np.ndarray]:
    b = Builder(3)
    b.node("MatMul", b.node("Sign", "x"), b.weights((6, 4), "ternary", "w"), output="y")
    model = b.model({"x": (TensorProto.FLOAT, ["N", 6])}, {"y": (TensorProto.FLOAT, ["N", 4])})
    return model, np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)


def test_ways_to_give_inputs() -> None:
    model, x = linear()
    prepared = te.backend.prepare(model)
    (wanted,) = prepared.run([x])
    for given in (x, (x,), {"x": x}):
        np.testing.assert_array_equal(prepared.run(given)[0], wanted)
    np.testing.assert_array_equal(te.backend.run_model(model, [x])[0], wanted)
    np.testing.assert_array_equal(te.convert(model).run(x), wanted)
    noisy = prepared.run(x, errors=te.SenseErrors(sign_flip=0.5), seed=1)[0]
    assert (noisy != wanted).any()
    with pytest.raises(ValueError, match=r"inputs: got 2; the model has 1: \['x'\]"):
        prepared.run([x, x])


def test_one_node() -> None:
    x, slope = np.array([[-1.0, 2.0]], np.float32), np.array([0.5, 1.0], np.float32)
    node = helper.make_node("PRelu", ["x", "slope"], ["y"])
    for given in ([x, slope], {"x": x, "slope": slope}):
        (y,) = te.backend.run_node(node, given, opset_version=16)
        np.testing.assert_array_equal(y, [[-0.5, 2]])
    twice = helper.make_node("Add", ["x", "x"], ["y"])
    np.testing.assert_array_equal(te.backend.run_node(twice, [x, x])[0], 2 * x)
    scores = helper.make_node(
        "Scaler", ["x"], ["y"], domain="ai.onnx.ml", scale=[2.0], offset=[0.0]
    )
    np.testing.assert_array_equal(te.backend.run_node(scores, [x])[0], 2 * x)


def test_devices_and_what_is_not_importable() -> None:
    model, _ = linear()
    assert te.backend.supports_device("CPU")
    assert not te.backend.supports_device("CUDA:0")
    assert te.backend.is_compatible(model)
    assert not te.backend.is_compatible(model, "CUDA")
    with pytest.raises(ValueError, match="device: got 'CUDA'; it runs on 'CPU' only"):
        te.backend.prepare(model, "CUDA")
    model.graph.node[0].op_type = "Unheard"
    assert not te.backend.is_compatible(model)
    with pytest.raises(te.ConversionError, match="Unheard"):
        te.backend.prepare(model)


def half_precise(kind: int) -> onnx.ModelProto:
    """Sign, a ternary layer, its scale: all in a thin type."""
    trits = np.random.default_rng(2).integers(-1, 2, (8, 3))
    tensors = [
        helper.make_tensor("w", kind, trits.shape, trits.reshape(-1).tolist()),
        helper.make_tensor("s", kind, (), [0.75]),
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Sign", ["x"], ["q"]),
            helper.make_node("MatMul", ["q", "w"], ["m"]),
            helper.make_node("Mul", ["m", "s"], ["y"]),
        ],
        "thin",
        [helper.make_tensor_value_info("x", kind, ["N", 8])],
        [helper.make_tensor_value_info("y", kind, ["N", 3])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_bfloat16_models_land_on_the_crossbar() -> None:
    model = half_precise(TensorProto.BFLOAT16)
    x = np.random.default_rng(3).normal(size=(20, 8)).astype(ml_dtypes.bfloat16)
    prepared = te.backend.prepare(model)
    layer = prepared.network.layers[0]
    assert (layer.placement, layer.input) == ("crossbar", "ternary")
    assert any("bfloat16" in note for note in prepared.network.notes)
    (y,) = prepared.run([x])
    assert y.dtype == ml_dtypes.bfloat16
    weights = numpy_helper.to_array(model.graph.initializer[0]).astype(np.float32)
    np.testing.assert_array_equal(
        y.astype(np.float32), np.sign(x.astype(np.float32)) @ weights * 0.75
    )
    np.testing.assert_array_equal(prepared.network.run(x.astype(np.float32)), y.astype(np.float32))


@pytest.mark.parametrize("name", ["FLOAT8E4M3FN", "FLOAT8E5M2", "INT4", "UINT4"])
def test_ports_of_thin_types(name: str) -> None:
    kind = TensorProto.DataType.Value(name)
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
            helper.make_node("MatMul", ["f", "w"], ["m"], "fc"),
            helper.make_node("Cast", ["m"], ["y"], to=kind),
        ],
        "ports",
        [helper.make_tensor_value_info("x", kind, ["N", 3])],
        [helper.make_tensor_value_info("y", kind, ["N", 3])],
        [numpy_helper.from_array(np.eye(3, dtype=np.float32)[::-1], "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    prepared = te.backend.prepare(model)
    assert prepared.network.layers[0].placement == "crossbar"
    assert any(repr("x") in note and name in note for note in prepared.network.notes)
    x = np.array([[0, 1, 2], [3, 4, 5]]).astype(dtype)
    (y,) = prepared.run([x])
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.astype(np.float32), x.astype(np.float32)[:, ::-1])
