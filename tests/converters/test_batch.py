"""The batch axis: free, one sample at a time, or samples that influence one another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ternary_engine.converters import convert
from tests.converters.agreement import normal, source_values
from tests.networks import Builder
from tests.oracles import interpreter

Body = Callable[[Builder, str], str]


def fixed(
    body: Body, batch: int | str, sizes: list[int], outputs: list[int | str]
) -> onnx.ModelProto:
    """Ternary linear layer between a body and the output, with a given batch size."""
    b = Builder(0)
    x = body(b, "x")
    b.node("Gemm", x, b.weights((5, 24), "ternary", "w"), transB=1, output="y")
    return b.model({"x": (1, [batch, *sizes])}, {"y": (1, outputs)})


def flat(shape: list[int]) -> Body:
    return lambda b, x: b.ternarise(b.node("Reshape", x, b.constant(np.array(shape, np.int64))))


def dynamic(b: Builder, x: str) -> str:
    """What PyTorch's view(x.shape[0], -1) becomes."""
    first = b.node("Gather", b.node("Shape", x), b.constant(np.array(0)), axis=0)
    first = b.node("Unsqueeze", first, b.constant(np.array([0])))
    rest = b.constant(np.array([-1]))
    return b.ternarise(b.node("Reshape", x, b.node("Concat", first, rest, axis=0)))


def one_at_a_time(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return np.concatenate([source_values(model, {"x": row[None]})["y"] for row in x])


@pytest.mark.parametrize(
    "body",
    [flat([1, 24]), flat([1, -1]), flat([-1, 24]), flat([0, -1]), dynamic,
     lambda b, x: b.ternarise(b.node("Flatten", x))],
    ids=["baked", "baked and open", "open", "copied", "computed", "flatten"],
)  # fmt: skip
def test_fixed_at_one_sample_runs_batches(body: Body) -> None:
    model = fixed(body, 1, [2, 3, 4], [1, 5])
    network = convert(model)
    assert network.batching == "free"
    assert network.inputs[0].shape == (None, 2, 3, 4)
    assert network.outputs[0].shape == (None, 5)
    x = normal(7, 2, 3, 4)
    got = interpreter.run(network, {"x": x})["y"]
    np.testing.assert_allclose(got, one_at_a_time(model, x), rtol=1e-6)


def test_fixed_at_four_samples() -> None:
    model = fixed(flat([4, 24]), 4, [2, 3, 4], [4, 5])
    network = convert(model)
    assert network.batching == "free"
    x = normal(4, 2, 3, 4)
    got = interpreter.run(network, {"x": x})["y"]
    np.testing.assert_allclose(got, source_values(model, {"x": x})["y"], rtol=1e-6)


def test_what_cannot_be_freed_takes_one_sample_at_a_time() -> None:
    def body(b: Builder, x: str) -> str:
        # the recurrent state is baked for one sample
        w = b.real(b.random.normal(0, 0.3, (1, 6, 6)))
        state = b.real(np.zeros((1, 1, 6)))
        time_first = b.node("Transpose", x, perm=[1, 0, 2])
        b.nodes.append(
            helper.make_node("RNN", [time_first, w, w, "", "", state], ["seq", ""], hidden_size=6)
        )
        x = b.node("Reshape", "seq", b.constant(np.array([1, 24], np.int64)))
        return b.ternarise(x)

    model = fixed(body, 1, [4, 6], [1, 5])
    network = convert(model)
    assert network.batching == "single"
    assert "one sample at a time" in network.notes[0]
    x = normal(5, 4, 6)
    got = interpreter.run(network, {"x": x})["y"]
    np.testing.assert_allclose(got, one_at_a_time(model, x), rtol=1e-5, atol=1e-6)


def test_samples_that_influence_one_another() -> None:
    def body(b: Builder, x: str) -> str:
        mean = b.node("ReduceMean", x, axes=[0], keepdims=1)
        return b.ternarise(b.node("Sub", x, mean))

    model = fixed(body, "N", [24], ["N", 5])
    network = convert(model)
    assert network.batching == "whole"
    assert network.layers[0].placement == "crossbar"
    x = normal(6, 24)
    got = interpreter.run(network, {"x": x})["y"]
    np.testing.assert_allclose(got, source_values(model, {"x": x})["y"], rtol=1e-6)


def test_free_rows_and_columns() -> None:
    b = Builder(0)
    x = b.ternarise(b.node("Conv", b.ternarise("x"), b.weights((8, 3, 3, 3), "ternary", "w")))
    x = b.node("Conv", x, b.weights((5, 8, 3, 3), "ternary", "v"))
    b.node("Flatten", b.node("GlobalAveragePool", x), output="y")
    model = b.model({"x": (1, ["N", 3, "H", "W"])}, {"y": (1, ["N", 5])})
    network = convert(model)
    assert network.inputs[0].shape == (None, 3, None, None)
    for size in (9, 20):
        x_ = normal(2, 3, size, size + 1)
        got = interpreter.run(network, {"x": x_})["y"]
        np.testing.assert_allclose(got, source_values(model, {"x": x_})["y"], rtol=1e-5, atol=1e-6)


def test_graphs_that_random_inputs_do_not_run_stay_whole() -> None:
    b = Builder(0)
    b.node("Reshape", "x", "shape", output="y")
    model = b.model({"x": (1, ["N", 4]), "shape": (7, [2])}, {"y": (1, ["A", "B"])})
    network = convert(model)
    feeds = {"x": normal(3, 4), "shape": np.array([2, 6])}
    assert interpreter.run(network, feeds)["y"].shape == (2, 6)
    assert "trial runs on random inputs failed" in network.notes[0]


def test_constant_output() -> None:
    b = Builder(0)
    b.node("Add", b.real([1.0, 2.0]), b.real([3.0, 4.0]), output="y")
    network = convert(b.model({"x": (1, ["N", 4])}, {"y": (1, [2])}))
    assert interpreter.run(network, {"x": normal(3, 4)})["y"].tolist() == [4.0, 6.0]


def test_input_that_is_output() -> None:
    b = Builder(0)
    b.node("Relu", "x", output="y")
    model = b.model({"x": (1, ["N", 4])}, {"y": (1, ["N", 4])})
    model.graph.output.append(helper.make_tensor_value_info("x", 1, ["N", 4]))
    x = normal(3, 4)
    assert (interpreter.run(convert(model), {"x": x})["x"] == x).all()


@pytest.mark.parametrize("batch", ["N", 2])
def test_several_rows_of_a_sample(batch: int | str) -> None:
    """No batch can be cut where each sample has three rows of the output."""
    graph = helper.make_graph(
        [helper.make_node("Flatten", ["x"], ["y"], axis=2)],
        "rows",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    network = convert(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    x = np.random.default_rng(0).normal(size=(23 if batch == "N" else 2, 3, 4)).astype(np.float32)
    np.testing.assert_array_equal(network.run(x), x.reshape(-1, 4))
    assert network.batching == "whole"


def test_inputs_of_their_own_lengths() -> None:
    graph = helper.make_graph(
        [helper.make_node("Gather", ["x", "i"], ["g"], axis=1),
         helper.make_node("Mul", ["g", "s"], ["y"])],
        "lengths",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [3, 5]),
         helper.make_tensor_value_info("i", TensorProto.INT64, [2]),
         helper.make_tensor_value_info("s", TensorProto.FLOAT, [])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )  # fmt: skip
    network = convert(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]))
    x = np.arange(15, dtype=np.float32).reshape(3, 5)
    feeds = {"x": x, "i": np.array([4, 0]), "s": np.array(0.5, np.float32)}
    np.testing.assert_array_equal(network.run(feeds)["y"], x[:, [4, 0]] * 0.5)
    with pytest.raises(
        ValueError, match=r"input 'i': got an array of shape \(3,\); it takes \(2\)"
    ):
        network.run(feeds | {"i": np.zeros(3, np.int64)})
