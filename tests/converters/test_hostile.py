"""Models made to harm: what the fuzzer found, one test each."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ternary_engine.converters import convert, sessions
from ternary_engine.exceptions import ConversionError
from tests.fuzz.hostile import TRITS, build, node, tail


def functions(bodies: dict[str, list[str]]) -> onnx.ModelProto:
    """Local functions by name, each a row of calls (of Neg, or one another), used once."""
    model = build([node("A", ["x"], ["f"], domain="local"), *tail("f")], TRITS,
                  opsets={"": 17, "local": 1})  # fmt: skip
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    for name, calls in bodies.items():
        nodes = [
            node(call, [f"v{i}" if i else "a"], [f"v{i + 1}"], domain="local" * (call in bodies))
            for i, call in enumerate(calls)
        ]
        model.functions.append(
            helper.make_function("local", name, ["a"], [f"v{len(calls)}"], nodes, imports)
        )
    return model


def test_functions_in_functions() -> None:
    network = convert(functions({"A": ["B", "B"], "B": ["Neg", "Neg", "Neg"]}))
    x = np.array([[1, -1, 2, 0.5]], np.float32)
    np.testing.assert_array_equal(network.run(x), np.sign(x) @ TRITS["w"])


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        ({"A": ["A"]}, "'A' calls itself: A -> A"),
        ({"A": ["Neg", "B"], "B": ["C"], "C": ["B"]}, "'B' calls itself: B -> C -> B"),
        (
            {**{a: [b] * 10 for a, b in zip("ABCDEFGHIJKL", "BCDEFGHIJKLM", strict=True)},
             "M": ["Neg"]},
            "1,000,000,000,0.. nodes when inlined",
        ),
    ],
)  # fmt: skip
def test_functions_without_end(bodies: dict[str, list[str]], message: str) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(functions(bodies))


def _loop(count: int, start: str) -> onnx.ModelProto:
    body = helper.make_graph(
        [node("Identity", ["going"], ["go"]), node("Neg", ["state"], ["next"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("going", TensorProto.BOOL, []),
         helper.make_tensor_value_info("state", TensorProto.FLOAT, None)],
        [helper.make_empty_tensor_value_info("go"), helper.make_empty_tensor_value_info("next")],
    )  # fmt: skip
    nodes = [
        node("Loop", ["count", "yes", start], ["l"], body=body),
        node("Add", ["x", "l"], ["s"]),
    ]
    constants = {
        "count": np.int64(count),
        "yes": np.bool_(True),
        "c": np.ones((1, 4), "f"),
        **TRITS,
    }
    return build([*nodes, *tail("s")], constants)


@pytest.mark.parametrize("start", ["x", "c"])
def test_loops_without_end(monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    """Trial runs are cut short; the network is what the source is, and is not run here."""
    monkeypatch.setattr(sessions, "MOST_SECONDS", 0.2)
    began = time.process_time()
    network = convert(_loop((1 << 63) - 1, start))
    assert time.process_time() - began < 5
    assert network.layers == ()
    assert "its loops ran for more than 0.2 s" in network.notes[0]


def test_loops_with_an_end() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    network = convert(_loop(3, "c"))
    assert [layer.placement for layer in network.layers] == ["crossbar"]
    np.testing.assert_array_equal(network.run(x), np.sign(x - 1) @ TRITS["w"])


@pytest.mark.parametrize("kind", ["fill", "expand", "tile", "range"])
def test_more_memory_than_there_is(kind: str) -> None:
    size = 1 << 33
    many = np.array([size])
    start: dict[str, tuple[list[onnx.NodeProto], dict[str, Any]]] = {
        "fill": ([node("ConstantOfShape", ["n"], ["b"])], {"n": np.array([size, 4])}),
        "expand": ([node("Expand", ["o", "n"], ["b"])], {"o": np.float32(1), "n": many}),
        "tile": ([node("Tile", ["o", "n"], ["b"])], {"o": np.ones(4, "f"), "n": many}),
        "range": ([node("Range", ["z", "n", "o"], ["r"]), node("Cast", ["r"], ["b"], to=1)],
                  {"z": np.int64(0), "n": np.int64(size), "o": np.int64(1)}),
    }  # fmt: skip
    nodes, constants = start[kind]
    nodes += [node("ReduceSum", ["b"], ["t"], keepdims=0), node("Add", ["x", "t"], ["s"])]
    with pytest.raises(ConversionError, match=r"value '.' of shape .* takes .* bytes"):
        convert(build([*nodes, *tail("s")], {**constants, **TRITS}))


def test_memory_that_no_inference_sees() -> None:
    """The size is computed: the limit of the sessions ends it."""
    nodes = [
        node("Mul", ["m", "m"], ["n"]), node("Range", ["z", "n", "o"], ["r"]),
        node("Cast", ["r"], ["b"], to=1), node("ReduceSum", ["b"], ["t"], keepdims=0),
        node("Add", ["x", "t"], ["s"]),
    ]  # fmt: skip
    constants = {"m": np.int64(1 << 16), "z": np.int64(0), "o": np.int64(1), **TRITS}
    with pytest.raises(ConversionError, match="it takes more than 2,147,483,648 bytes of memory"):
        convert(build([*nodes, *tail("s")], constants))


def test_an_input_larger_than_any_memory() -> None:
    with pytest.raises(ConversionError, match=r"graph input 'x' of shape N x 1099511627776 takes"):
        convert(build(tail("x"), TRITS, shape=("N", 1 << 40)))


def test_a_port_of_no_type() -> None:
    model = build(tail("x"), TRITS)
    model.graph.input[0].type.tensor_type.elem_type = 99
    with pytest.raises(ConversionError, match="port 'x' is of type 99, which ONNX has not"):
        convert(model)


@pytest.mark.parametrize("kind", ["FLOAT", "BFLOAT16"])
def test_a_tensor_whose_data_are_too_short(kind: str) -> None:
    model = build(tail("x"), TRITS)
    model.graph.initializer[0].data_type = TensorProto.DataType.Value(kind)
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:16]
    with pytest.raises(ConversionError, match=r"'w'"):
        convert(model)


def test_a_transpose_of_axes_that_are_not_there() -> None:
    nodes = [
        node("Transpose", ["x"], ["t"], perm=[0, 1]),
        node("Transpose", ["t"], ["u"], perm=[5, 0]),
    ]
    with pytest.raises(ConversionError, match="ONNX Runtime does not take the graph"):
        convert(build([*nodes, *tail("u")], TRITS))


@pytest.mark.parametrize("flat", [True, False])
def test_sparse_weights(flat: bool) -> None:
    model = build(tail("x"), TRITS)
    model.graph.initializer.pop()
    dense = TRITS["w"]
    places = np.flatnonzero(dense) if flat else np.argwhere(dense)
    values = helper.make_tensor("w", TensorProto.FLOAT, [len(places)], dense[dense != 0])
    indices = onnx.numpy_helper.from_array(places.astype(np.int64), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4, 3]))
    (layer,) = convert(model).layers
    np.testing.assert_array_equal(layer.weights, dense)
    model.graph.sparse_initializer[0].dims[0] = 1
    with pytest.raises(ConversionError, match="sparse tensor 'w' cannot be read"):
        convert(model)


@pytest.mark.parametrize(
    ("location", "message"),
    [("x" * 5000, "File name too long"), ("w\0.bin", "null"), ("link.bin", "outside the model's")],
)
def test_places_of_external_data(tmp_path: Path, location: str, message: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(48))
    (inside / "link.bin").symlink_to("../secret.bin")
    model = build(tail("x"), TRITS)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (inside / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ConversionError, match=message) as caught:
        convert(inside / "model.onnx")
    assert len(str(caught.value)) < 500


def test_the_generators_make_what_they_say() -> None:
    """Every kind of hostile model is made, and serialises."""
    from tests.fuzz import hostile, hostile_values

    for maker in (*hostile.STRUCTURES, *hostile_values.VALUES):
        for number in range(30):
            assert maker(random.Random(number)).SerializeToString()


@pytest.mark.parametrize("op", ["Div", "Mod"])
def test_integers_divided_by_minus_one_and_by_zero(op: str) -> None:
    """ONNX Runtime lets the processor trap, and the process dies."""
    least = np.iinfo(np.int64).min
    nodes = [node("Cast", ["x"], ["i"], to=TensorProto.INT64), node(op, ["i", "d"], ["q"]),
             node(op, ["least", "d"], ["p"]), node("Add", ["q", "p"], ["s"]),
             node("Cast", ["s"], ["y"], to=TensorProto.FLOAT)]  # fmt: skip
    x = np.array([[-7, -7, 0, 9]], np.float32)
    constants = {"least": np.array([least, 5, -5, 9]), "d": np.array([-1, 2, -1, 3])}
    wanted = {
        "Div": np.array([7 + least, -3 + 2, 0 + 5, 3 + 3]),
        "Mod": np.array([0, 1 + 1, 0, 0]),
    }
    got = convert(build(nodes, constants)).run(x)
    np.testing.assert_array_equal(got[0], wanted[op].astype(np.float32))
    with pytest.raises(ConversionError, match=r"\(.*\): it divides integers by 0"):
        convert(build(nodes, constants | {"d": np.array([1, 0, 1, 1])}))


def test_divisors_that_are_computed() -> None:
    nodes = [node("Cast", ["x"], ["i"], to=TensorProto.INT32), node("Div", ["i", "i"], ["q"]),
             node("Cast", ["q"], ["y"], to=TensorProto.FLOAT)]  # fmt: skip
    x = np.array([[0, 3, -1, -(2.0**31)]], np.float32)
    np.testing.assert_array_equal(convert(build(nodes)).run(x), [[0, 1, 1, 1]])


def test_text_that_is_none() -> None:
    data = build(tail("x"), TRITS).SerializeToString()
    for text in (b"MatMul", b"sign", b"hostile"):
        with pytest.raises(ConversionError, match="is no text"):
            convert(data.replace(text, b"\xff" + text[1:]))


@pytest.mark.parametrize("op", ["Relu", "Concat"])
def test_long_chains(op: str) -> None:
    """Nothing recurses over nodes, nothing is quadratic in them."""
    count = 1500
    names = ["x", *(f"v{i}" for i in range(count))]
    nodes = [node("Relu", names[i : i + 1], names[i + 1 : i + 2]) for i in range(count)]
    weights = TRITS["w"]
    if op == "Concat":
        nodes.insert(0, node("Concat", ["x", "x"], ["joined"], axis=1))
        nodes[1].input[0], weights = "joined", np.concatenate([weights, weights])
    began = time.process_time()
    network = convert(build([*nodes, *tail(names[-1])], {"w": weights}))
    assert time.process_time() - began < 15
    x = np.array([[1, -2, 3, 0]], np.float32)
    factor = 2 if op == "Concat" else 1
    np.testing.assert_array_equal(network.run(x), factor * np.sign(np.maximum(x, 0)) @ TRITS["w"])


def test_an_attribute_of_no_type() -> None:
    """ONNX gives it no value at all; ONNX Runtime refuses it."""
    turned = helper.make_node("Transpose", ["w"], ["turned"], perm=[1, 0])
    again = helper.make_node("Transpose", ["turned"], ["back"], perm=[1, 0])
    sign, product = tail("x")
    product.input[1] = "back"
    model = build([turned, again, sign, product], TRITS)
    x = np.array([[1, -1, 2, 0.5]], np.float32)
    np.testing.assert_array_equal(convert(model).run(x), np.sign(x) @ TRITS["w"])
    model.graph.node[0].attribute[0].type = onnx.AttributeProto.UNDEFINED
    with pytest.raises(ConversionError):
        convert(model)
