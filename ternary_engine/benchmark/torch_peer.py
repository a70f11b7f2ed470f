"""PyTorch's eager mode as a peer: one product, one convolution, or a whole synthetic network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.benchmark.cases import AbsentPeerError
from ternary_engine.benchmark.peers import import_peer

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["convolution", "network", "product"]

Array = npt.NDArray[Any]


def _torch(threads: int) -> Any:
    """PyTorch, set to so many threads from now on."""
    torch = import_peer("torch")
    torch.set_num_threads(threads)
    return torch


def product(x: Array, w: Array, threads: int = 1) -> Callable[[], Array]:
    """Prepare ``x @ w.T`` in float32; x is [rows, inputs], w [outputs, inputs]."""
    torch = _torch(threads)
    a, b = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(w.astype(np.float32))

    def call() -> Array:
        with torch.inference_mode():
            return np.asarray(torch.nn.functional.linear(a, b).numpy())

    return call


def convolution(x: Array, w: Array, padding: int, groups: int = 1) -> Callable[[], Array]:
    """Prepare a 2-D convolution in float32 on one thread; x and w in ONNX's order."""
    torch = _torch(1)
    a, b = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(w.astype(np.float32))

    def call() -> Array:
        with torch.inference_mode():
            result = torch.nn.functional.conv2d(a, b, padding=padding, groups=groups)
            return np.asarray(result.numpy())

    return call


def network(model: ModelProto, threads: int = 1) -> Callable[..., Array]:
    """Prepare a network of few kinds of nodes, each run by PyTorch's own operator.

    Args:
        model: with one input and one output, of the nodes that `models.vgg` is made of.
        threads: threads of PyTorch from now on; defaults to 1.

    Returns:
        Function from the input, and tensors to take instead of constants by name, to the output.

    Raises:
        AbsentPeerError: PyTorch is not installed, or the model has other nodes.
    """
    from onnx import helper, numpy_helper

    torch = _torch(threads)
    operators = _operators(torch)
    unknown = sorted({node.op_type for node in model.graph.node} - set(operators))
    if unknown:
        raise AbsentPeerError(f"the PyTorch form knows no {', '.join(unknown)}")
    constants = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
    }
    nodes = [
        (
            operators[node.op_type],
            list(node.input),
            node.output[0],
            {one.name: helper.get_attribute_value(one) for one in node.attribute},
        )
        for node in model.graph.node
    ]
    source, target = model.graph.input[0].name, model.graph.output[0].name

    def call(x: Array, instead: Mapping[str, Any] | None = None) -> Array:
        values = {**constants, **(instead or {}), source: torch.from_numpy(x)}
        with torch.inference_mode():
            for operator, inputs, output, attributes in nodes:
                values[output] = operator([values[name] for name in inputs], attributes)
        return np.asarray(values[target].numpy())

    return call


def _operators(torch: Any) -> dict[str, Callable[[list[Any], dict[str, Any]], Any]]:
    functional = torch.nn.functional

    def convolve(i: list[Any], a: dict[str, Any]) -> Any:
        return functional.conv2d(*i, padding=a["pads"][0], groups=a.get("group", 1))

    def normalise(i: list[Any], a: dict[str, Any]) -> Any:
        x, gamma, beta, mean, variance = i
        return functional.batch_norm(x, mean, variance, gamma, beta, eps=a.get("epsilon", 1e-5))

    return {
        "Abs": lambda i, a: i[0].abs(),
        "BatchNormalization": normalise,
        "Cast": lambda i, a: i[0].float(),
        "Clip": lambda i, a: i[0].clamp(i[1].item(), i[2].item()),
        "Conv": convolve,
        "Flatten": lambda i, a: i[0].flatten(1),
        "Gemm": lambda i, a: functional.linear(*i),
        "Greater": lambda i, a: i[0] > i[1],
        "MaxPool": lambda i, a: functional.max_pool2d(i[0], a["kernel_shape"], a["strides"]),
        "Mul": lambda i, a: i[0] * i[1],
        "Sign": lambda i, a: i[0].sign(),
    }
