"""What mutants are made of: small models of every kind, and packed files of them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from ternary_engine import storage, zoo
from ternary_engine.converters import convert
from tests import networks, test_storage
from tests.conftest import SHARED
from tests.converters import spellings

SMALL = 32 << 10  # bytes; larger files are mutated too, but seldom
LARGEST = 512 << 10
Model = Callable[[], bytes]


def _serialised(make: Callable[[], onnx.ModelProto]) -> Model:
    return lambda: make().SerializeToString(deterministic=True)


def branches() -> onnx.ModelProto:
    """If around a layer, Loop around a sum, and a local function."""
    b = networks.Builder(3)
    w = b.real(networks.np.ones((4, 4)), "w")
    then = _body("then", [helper.make_node("MatMul", ["t", w], ["a"])], [], ["a"])
    other = _body("else", [helper.make_node("Identity", ["t"], ["b"])], [], ["b"])
    t = b.node("Sign", "x", output="t")
    total = b.node("ReduceSum", t, keepdims=0)
    positive = b.node("Greater", total, b.real(0.0))
    chosen = b.node("If", positive, then_branch=then, else_branch=other)
    loop = _body(
        "loop", [helper.make_node("Add", ["state", "state"], ["twice"]),
                 helper.make_node("Identity", ["going"], ["go"])],
        [("i", TensorProto.INT64, []), ("going", TensorProto.BOOL, []),
         ("state", TensorProto.FLOAT, None)], ["go", "twice"],
    )  # fmt: skip
    count = b.constant(networks.np.int64(2))
    b.node("Loop", count, "", chosen, body=loop, output="looped")
    model = b.model({"x": (TensorProto.FLOAT, ["N", 4])}, {"looped": (TensorProto.FLOAT, ["N", 4])})
    model.graph.node.append(helper.make_node("Halve", ["looped"], ["y"], domain="local"))
    model.graph.output[0].name = "y"
    half = helper.make_node("Constant", [], ["half"], value_float=0.5)
    nodes = [half, helper.make_node("Mul", ["v", "half"], ["h"])]
    opsets = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("local", "Halve", ["v"], ["h"], nodes, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    return model


def _body(
    name: str, nodes: list[onnx.NodeProto], inputs: list[tuple[str, int, object]],
    outputs: list[str],
) -> onnx.GraphProto:  # fmt: skip
    return helper.make_graph(
        nodes, name, [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_empty_tensor_value_info(o) for o in outputs],
    )  # fmt: skip


def _made() -> dict[str, Model]:
    """Models that the tests make."""
    made: dict[str, Callable[[], onnx.ModelProto]] = {
        f"spelling {number}": one.model for number, one in enumerate(spellings.SPELLINGS)
    }
    made |= {
        "mlp ternary": lambda: networks.mlp((8, 6, 3), dead=0.2),
        "mlp binary": lambda: networks.mlp((9, 5, 3), "binary", "binary", matmul=True),
        "mlp 3 bits": lambda: networks.mlp((8, 6, 3), activations="int3", scales="output"),
        "mlp qdq": lambda: networks.mlp((8, 6, 3), activations="qdq", scales="tensor"),
        "mlp real": lambda: networks.mlp((8, 6, 3), activations="real"),
        "conv": lambda: networks.conv_stack((3, 6, 4), size=(6, 5), pool="codes", pads=[1] * 4),
        "conv 1-D": lambda: networks.conv_stack((2, 5, 3), size=(9,), kernel=(3,), pool="real"),
        "conv grouped": lambda: networks.conv_stack((4, 8, 6), size=(6, 6), groups=2, scales=True),
        "conv uint8": lambda: networks.conv_stack((1, 4, 3), size=(7, 7), uint8=True, bias=True),
        "conv binary": lambda: networks.conv_stack(
            (3, 5, 4), "binary", "binary", size=(7, 7), strides=[2, 2], auto_pad="SAME_UPPER"
        ),
        "residual": lambda: networks.residual(4, 1, size=4),
        "residual of codes": lambda: networks.residual(4, 1, size=4, of_codes=True),
        "sequence": lambda: networks.sequence(6, 5),
        "branches": branches,
    }
    return {name: _serialised(make) for name, make in made.items()}


@functools.cache
def models() -> dict[str, Model]:
    """Every ONNX model at hand, by name, in a fixed order."""
    files = [zoo.path(name) for name in sorted(zoo.names())]
    files += sorted((SHARED / "models").glob("**/*.onnx"))
    kept = [path for path in files if path.stat().st_size <= LARGEST]
    return _made() | {f"file {path.stem}": path.read_bytes for path in kept}


@functools.cache
def model(name: str) -> bytes:
    """A model of the corpus."""
    return models()[name]()


@functools.cache
def names() -> tuple[list[str], list[float]]:
    """Names of the corpus, and how often each is to be taken."""
    every = list(models())
    return every, [1.0 if len(model(name)) <= SMALL else 0.04 for name in every]


PACKED = (
    "mlp ternary", "mlp binary", "mlp 3 bits", "mlp real", "conv", "conv 1-D", "conv grouped",
    "conv uint8", "conv binary", "residual", "sequence", "spelling 3", "spelling 17", "spelling 19",
)  # fmt: skip
EVERY_STEP = "every step"


@functools.cache
def packed(name: str) -> bytes:
    """A packed file of one of `PACKED`, or of a network with every step."""
    network = test_storage.full()[0] if name == EVERY_STEP else convert(model(name))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.tern"
        storage.save(network, path)
        return path.read_bytes()
