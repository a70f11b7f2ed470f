"""Models made to harm: recursion, explosions, cycles, huge sizes, names that clash."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.fuzz.fields import INTEGERS

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
HUGE = (1 << 20, 1 << 31, 1 << 33, 1 << 40, (1 << 62) + 1, (1 << 63) - 1)
Draw = random.Random
node = helper.make_node
Maker = Callable[[Draw], onnx.ModelProto]


def build(
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    shape: tuple[Any, ...] = ("N", 4),
    kind: int = FLOAT,
    opsets: dict[str, int] | None = None,
    out: int = FLOAT,
) -> onnx.ModelProto:
    """A model from ``x`` to ``y``, unchecked."""
    tensors = [
        v if isinstance(v, TensorProto) else numpy_helper.from_array(np.asarray(v), name)
        for name, v in (constants or {}).items()
    ]
    graph = helper.make_graph(
        nodes, "hostile", [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", out, None)], tensors,
    )  # fmt: skip
    imports = [helper.make_opsetid(d, v) for d, v in (opsets or {"": 17}).items()]
    return helper.make_model(graph, opset_imports=imports, ir_version=10)


def tail(source: str) -> list[onnx.NodeProto]:
    """A ternary layer from a tensor of four columns to ``y``."""
    return [node("Sign", [source], ["sign"]), node("MatMul", ["sign", "w"], ["y"], "fc")]


TRITS = {"w": np.array([[1, -1, 0], [0, 1, 1], [-1, 0, 1], [1, 1, -1]], np.float32)}


def nested(draw: Draw) -> onnx.ModelProto:
    """If in If in If."""
    depth = draw.choice((1, 3, 6, 10, 16, 28))  # protobuf itself takes some 30
    inner = helper.make_graph(
        [node("Neg", ["x"], ["leaf"])], "leaf", [], [helper.make_empty_tensor_value_info("leaf")]
    )
    for level in range(depth):
        name = f"level{level}"
        step = node("If", ["yes"], [name], then_branch=inner, else_branch=inner) \
            if depth < 8 else _branch(inner, name)  # fmt: skip
        inner = helper.make_graph([step], name, [], [helper.make_empty_tensor_value_info(name)])
    last = inner.node[0]
    return build([last, *tail(last.output[0])], {"yes": np.bool_(True), **TRITS})


def _branch(inner: onnx.GraphProto, name: str) -> onnx.NodeProto:
    """If whose other branch is short: sizes stay linear in the depth."""
    short = helper.make_graph(
        [node("Neg", ["x"], ["s"])], "short", [], [helper.make_empty_tensor_value_info("s")]
    )
    return node("If", ["yes"], [name], then_branch=inner, else_branch=short)


def loops(draw: Draw) -> onnx.ModelProto:
    """A loop that runs very long, over a constant or over the input."""
    body = helper.make_graph(
        [node("Identity", ["going"], ["go"]), node("Add", ["state", "state"], ["next"])], "body",
        [helper.make_tensor_value_info("i", INT64, []),
         helper.make_tensor_value_info("going", TensorProto.BOOL, []),
         helper.make_tensor_value_info("state", FLOAT, None)],
        [helper.make_empty_tensor_value_info("go"), helper.make_empty_tensor_value_info("next")],
    )  # fmt: skip
    if draw.random() < 0.4:  # every state is kept: memory grows
        body.node.append(node("Identity", ["state"], ["kept"]))
        body.output.append(helper.make_empty_tensor_value_info("kept"))
    outputs = ["looped"] if len(body.output) == 2 else ["looped", "all"]
    start = draw.choice(("x", "constant"))
    count = draw.choice(("count", ""))
    nodes = [node("Loop", [count, "yes", start], outputs, body=body)]
    constants = {
        "count": np.int64(draw.choice((0, 3, -1, 10**4, 10**9, (1 << 63) - 1))),
        "yes": np.bool_(True), "constant": np.ones((1, 4), np.float32), **TRITS,
    }  # fmt: skip
    if start == "x":
        return build([*nodes, *tail("looped")], constants)
    return build([*nodes, node("Add", ["x", "looped"], ["sum"]), *tail("sum")], constants)


def functions(draw: Draw) -> onnx.ModelProto:
    """Local functions that call themselves, one another, or explode."""
    kind = draw.choice(("itself", "each other", "explode", "chain", "missing", "arguments"))
    count = draw.choice((2, 6, 12, 40))
    model = build([node("F0", ["x"], ["f"], domain="local"), *tail("f")], TRITS,
                  opsets={"": 17, "local": 1})  # fmt: skip
    for level in range(1 if kind == "itself" else count):
        following = f"F{level + 1}"
        if kind == "itself" or (kind == "each other" and level == count - 1):
            following = "F0"
        fan = draw.choice((2, 10)) if kind == "explode" else 1
        last = level == count - 1 and kind not in ("itself", "each other", "missing")
        op, domain = ("Neg", "") if last else (following, "local")
        inputs = ["a", "a"] if kind == "arguments" else ["a"]
        nodes = [node(op, inputs if i == 0 else [f"v{i}"], [f"v{i + 1}"], domain=domain)
                 for i in range(fan)]  # fmt: skip
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
        model.functions.append(
            helper.make_function("local", f"F{level}", ["a"], [f"v{fan}"], nodes, imports)
        )
    return model


def long_chain(draw: Draw) -> onnx.ModelProto:
    """Thousands of nodes in a row, or one node with thousands of inputs."""
    count = draw.choice((200, 1000, 3000))
    op = draw.choice(("Relu", "Neg", "Identity", "wide"))
    if op == "wide":
        return build([node("Sum", ["x"] * count, ["s"]), *tail("s")], TRITS)
    names = ["x", *(f"v{i}" for i in range(count))]
    nodes = [node(op, [names[i]], [names[i + 1]]) for i in range(count)]
    return build([*nodes, *tail(names[-1])], TRITS)


def cycles(draw: Draw) -> onnx.ModelProto:
    """Nodes that depend on themselves, in the open or inside a subgraph."""
    length = draw.choice((1, 2, 5))
    nodes = [node("Neg", [f"v{(i + 1) % length}"], [f"v{i}"]) for i in range(length)]
    if draw.random() < 0.5:
        return build([*nodes, *tail("v0")], TRITS)
    inner = helper.make_graph(nodes, "sub", [], [helper.make_empty_tensor_value_info("v0")])
    return build([node("If", ["yes"], ["b"], then_branch=inner, else_branch=inner), *tail("b")],
                 {"yes": np.bool_(True), **TRITS})  # fmt: skip


def clashes(draw: Draw) -> onnx.ModelProto:
    """Names defined twice, empty, or shared by an input, a constant and an output."""
    model = build([node("Relu", ["x"], ["r"]), *tail("r")], TRITS)
    graph = model.graph
    kind = draw.randrange(8)
    if kind == 0:
        graph.node.append(node("Neg", ["x"], ["r"]))
    elif kind == 1:
        graph.node[0].output[0] = "w"
    elif kind == 2:
        graph.output[0].name = "x"
    elif kind == 3:
        graph.input.append(helper.make_tensor_value_info("w", FLOAT, [4, 3]))
    elif kind == 4:
        graph.initializer.append(graph.initializer[0])
    elif kind == 5:
        graph.output.append(graph.output[0])
    elif kind == 6:
        graph.input.append(graph.input[0])
    else:
        graph.node[draw.randrange(3)].output[0] = ""
    return model


def huge_sizes(draw: Draw) -> onnx.ModelProto:
    """Operators that are asked for more than any memory holds."""
    size = draw.choice(HUGE)
    sizes = np.array([size, 4], np.int64)
    one = np.float32(1)
    kind = draw.choice(tuple(_HUGE))
    nodes, constants = _HUGE[kind](size, sizes)
    return build([*nodes, node("ReduceSum", ["big"], ["s"], keepdims=0),
                  node("Add", ["x", "s"], ["t"]), *tail("t")],
                 {"one": one, "sizes": sizes, **constants, **TRITS})  # fmt: skip


_HUGE: dict[str, Callable[[int, Any], tuple[list[onnx.NodeProto], dict[str, Any]]]] = {
    "fill": lambda s, v: ([node("ConstantOfShape", ["sizes"], ["big"])], {}),
    "expand": lambda s, v: ([node("Expand", ["one", "sizes"], ["big"])], {}),
    "expand input": lambda s, v: (
        [node("ReduceSum", ["x"], ["o"], keepdims=0), node("Expand", ["o", "sizes"], ["big"])], {}),
    "tile": lambda s, v: ([node("Tile", ["two", "sizes"], ["big"])], {"two": np.ones((1, 1), "f")}),
    "range": lambda s, v: ([node("Range", ["zero", "n", "step"], ["i"]),
                            node("Cast", ["i"], ["big"], to=FLOAT)],
                           {"zero": np.int64(0), "n": np.int64(s), "step": np.int64(1)}),
    "pad": lambda s, v: ([node("Pad", ["x", "p"], ["big"])], {"p": np.array([0, s, 0, s])}),
    "one hot": lambda s, v: ([node("OneHot", ["i", "n", "v"], ["big"])],
                             {"i": np.array([1]), "n": np.int64(s), "v": np.array([0, 1], "f")}),
    "reshape": lambda s, v: ([node("Reshape", ["x", "sizes"], ["big"])], {}),
    "resize": lambda s, v: ([node("Resize", ["x", "", "k"], ["big"])],
                            {"k": np.array([1, float(s)], "f")}),
    "outer": lambda s, v: ([node("Range", ["zero", "n", "step"], ["i"]),
                            node("Cast", ["i"], ["c"], to=FLOAT),
                            node("Unsqueeze", ["c", "a"], ["d"]), node("Mul", ["c", "d"], ["big"])],
                           {"zero": np.int64(0), "n": np.int64(min(s, 1 << 20)),
                            "step": np.int64(1), "a": np.array([1])}),
}  # fmt: skip


def ports(draw: Draw) -> onnx.ModelProto:
    """Graph inputs of impossible sizes and kinds."""
    kinds = (*range(27), 99)
    size = draw.choice((*HUGE, *INTEGERS, "N", "", None))
    shapes = ((size, 4), ("N", size), (), (size,), ("N", 4, size), tuple(range(1, 12)), (0, 4),
              ("N", 0))  # fmt: skip
    shape: tuple[Any, ...] = draw.choice(shapes)
    model = build(tail("x"), TRITS, shape=shape, kind=FLOAT)
    model.graph.input[0].type.tensor_type.elem_type = draw.choice((FLOAT, draw.choice(kinds)))
    if draw.random() < 0.3:
        model.graph.output[0].type.tensor_type.elem_type = draw.choice(kinds)
    if draw.random() < 0.2:
        model.graph.input[0].type.sequence_type.elem_type.tensor_type.elem_type = 1
    return model


def versions(draw: Draw) -> onnx.ModelProto:
    """Opsets that do not exist, twice, or not at all."""
    version = draw.choice((0, 1, 5, 6, 7, 12, 13, 30, 99, 1 << 31, (1 << 63) - 1, -1))
    domain = draw.choice(("", "ai.onnx", "nowhere", "com.microsoft", "ai.onnx.ml"))
    model = build([node("Relu", ["x"], ["r"]), *tail("r")], TRITS, opsets={domain: version})
    if draw.random() < 0.3:
        model.opset_import.append(helper.make_opsetid("", draw.choice((8, 17, version))))
    if draw.random() < 0.2:
        del model.opset_import[:]
    if draw.random() < 0.3:
        model.ir_version = draw.choice((0, 1, 3, 4, 13, 99, 1 << 40))
    return model


STRUCTURES: tuple[Maker, ...] = (
    nested, loops, functions, long_chain, cycles, clashes, huge_sizes, ports, versions
)  # fmt: skip
