"""Synthetic ternary and binary networks in plain ONNX float form, for tests and benchmarks.

Each function takes sizes and a seed and returns a checked ``ModelProto`` with a free batch axis.
Batch-norm statistics follow the expected spread of the sums, so that every code is common.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import onnx
from onnx import TensorProto

from ternary_engine.benchmark.models import DELTA, OPSET, Builder, mean_square, vgg

__all__ = ["DELTA", "OPSET", "Builder", "conv_stack", "mlp", "residual", "sequence", "vgg"]


def mlp(
    widths: Sequence[int] = (64, 32, 10),
    weights: str = "ternary",
    activations: str = "ternary",
    seed: int = 0,
    *,
    scales: str = "none",
    negative: float = 0.1,
    dead: float = 0.0,
    matmul: bool = False,
) -> onnx.ModelProto:
    """Linear layers with a quantised input ``x`` [N, widths[0]] -> ``y`` [N, widths[-1]].

    Args:
        widths: of the input and of every layer.
        weights: ``ternary`` or ``binary``.
        activations: ``ternary``, ``binary`` or ``real``.
        seed: of the random weights and statistics.
        scales: ``none``, ``tensor`` or ``output``: what scale factors the weights have.
        negative: share of channels with negative gamma.
        dead: share of channels with gamma 0.
        matmul: MatMul and Add instead of Gemm.
    """
    b = Builder(seed)
    density = 2 / 3 if weights == "ternary" else 1.0
    x = "x"
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        x = b.quantise(x, activations)
        sizes = {
            "none": np.ones(1),
            "tensor": b.random.uniform(0.1, 2, 1),
            "output": b.random.uniform(0.1, 2, outputs),
        }[scales]
        scale = sizes if scales == "output" else sizes[0]
        bias = b.real(b.random.normal(0, 0.5, outputs))
        if matmul:
            w = b.weights((inputs, outputs), weights, f"fc{i}.weight", scales=scale, axis=1)
            x = b.node("Add", b.node("MatMul", x, w, name=f"fc{i}"), bias)
        else:
            w = b.weights((outputs, inputs), weights, f"fc{i}.weight", scales=scale)
            x = b.node("Gemm", x, w, bias, name=f"fc{i}", transB=1)
        spread = float(sizes.mean()) * (inputs * density * mean_square(activations)) ** 0.5
        x = b.batch_norm(x, outputs, spread, negative=negative, dead=dead)
        if i < len(widths) - 2:
            x = b.hardtanh(x)
    b.nodes[-1].output[0] = "y"
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", widths[0]])}, {"y": (TensorProto.FLOAT, ["N", widths[-1]])}
    )


def conv_stack(
    channels: Sequence[int] = (3, 16, 8),
    weights: str = "ternary",
    activations: str = "ternary",
    seed: int = 0,
    *,
    size: Sequence[int] = (12, 11),
    kernel: Sequence[int] = (3, 3),
    groups: int = 1,
    pool: str = "",
    scales: bool = False,
    bias: bool = False,
    negative: float = 0.2,
    dead: float = 0.1,
    uint8: bool = False,
    **attributes: Sequence[int] | str,
) -> onnx.ModelProto:
    """Convolutions on a quantised input ``x``, then global average pooling -> ``y``.

    Args:
        channels: of the input and of every layer.
        weights: ``ternary`` or ``binary``.
        activations: ``ternary`` or ``binary``.
        seed: of the random weights and statistics.
        size: rows and columns; one number makes 1-D convolutions.
        kernel: as long as ``size``.
        groups: of every layer after the first; 0 makes them depthwise.
        pool: "" or when to take the largest of 2: ``sums``, ``real`` (after batch norm) or
            ``codes``.
        scales: every output has a scale factor of its own.
        bias: the convolutions have one.
        negative: share of channels with negative gamma.
        dead: share of channels with gamma 0.
        uint8: the input is an 8-bit image, the first layer takes it as integers.
        attributes: of the convolutions: strides, pads, dilations, auto_pad.
    """
    b = Builder(seed)
    density = 2 / 3 if weights == "ternary" else 1.0
    x, power = "x", mean_square(activations)
    for i, (inputs, outputs) in enumerate(pairwise(channels)):
        if i == 0 and uint8:
            x, power = b.node("Cast", x, to=TensorProto.FLOAT), 21000.0
        else:
            x, power = b.quantise(x, activations), mean_square(activations)
            if i and pool == "codes":
                x = _pool(b, x, len(size))
        group = (groups or inputs) if i else 1
        sizes = b.random.uniform(0.2, 3, outputs) if scales else 1.0
        shape = (outputs, inputs // group, *kernel)
        w = b.weights(shape, weights, f"conv{i}.weight", scales=sizes)
        extra = [b.real(b.random.normal(0, 0.5, outputs), f"conv{i}.bias")] if bias else []
        x = b.node(
            "Conv", x, w, *extra, name=f"conv{i}", kernel_shape=kernel, group=group, **attributes
        )
        spread = float(np.mean(sizes)) * (np.prod(shape[1:]) * density * power) ** 0.5
        if pool == "sums":
            x = _pool(b, x, len(size))
        x = b.batch_norm(x, outputs, max(spread, 0.5), negative=negative, dead=dead)
        if pool == "real":
            x = _pool(b, x, len(size))
        x = b.hardtanh(x)
    x = b.node("GlobalAveragePool", b.quantise(x, activations))
    b.node("Flatten", x, output="y")
    kind = TensorProto.UINT8 if uint8 else TensorProto.FLOAT
    return b.model(
        {"x": (kind, ["N", channels[0], *size])}, {"y": (TensorProto.FLOAT, ["N", channels[-1]])}
    )


def _pool(b: Builder, x: str, rank: int) -> str:
    return b.node("MaxPool", x, kernel_shape=[2] * rank, strides=[2] * rank)


def residual(
    channels: int = 16,
    blocks: int = 2,
    weights: str = "ternary",
    activations: str = "ternary",
    seed: int = 0,
    *,
    size: int = 8,
    of_codes: bool = False,
) -> onnx.ModelProto:
    """Residual blocks on ``x`` [N, channels, size, size] -> ``y`` [N, 10].

    Args:
        channels: of every layer.
        blocks: number of residual additions.
        weights: ``ternary`` or ``binary``.
        activations: ``ternary`` or ``binary``.
        seed: of the random weights and statistics.
        size: rows and columns.
        of_codes: what is added around a block is quantised, not real.
    """
    b = Builder(seed)
    density = 2 / 3 if weights == "ternary" else 1.0
    spread = (channels * 9 * density * mean_square(activations)) ** 0.5
    x = "x"
    for i in range(blocks):
        quantised = b.quantise(x, activations)
        w = b.weights((channels, channels, 3, 3), weights, f"block{i}.weight")
        z = b.node("Conv", quantised, w, name=f"block{i}", pads=[1, 1, 1, 1])
        z = b.hardtanh(b.batch_norm(z, channels, spread))
        x = b.node("Add", z, quantised if of_codes else x, name=f"add{i}")
    x = b.quantise(b.node("Flatten", x), activations)
    w = b.weights((10, channels * size * size), weights, "head.weight", scales=0.25)
    b.node("Gemm", x, w, name="head", transB=1, output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", channels, size, size])},
        {"y": (TensorProto.FLOAT, ["N", 10])},
    )


def sequence(
    width: int = 24, outputs: int = 12, weights: str = "ternary", seed: int = 0
) -> onnx.ModelProto:
    """Matrix products over a sequence: ``x`` [N, T, width] -> ``y`` [N, T, 5]."""
    b = Builder(seed)
    w = b.weights((width, outputs), weights, "first.weight", axis=1, scales=0.5)
    x = b.node("MatMul", b.ternarise("x"), w, name="first")
    x = b.node("Mul", x, b.real(b.random.normal(0, 0.05, outputs)))
    x = b.ternarise(b.hardtanh(b.node("Add", x, b.real(b.random.normal(0, 0.05, outputs)))))
    w = b.weights((outputs, 5), weights, "second.weight", axis=1)
    b.node("MatMul", x, w, name="second", output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", "T", width])}, {"y": (TensorProto.FLOAT, ["N", "T", 5])}
    )
