"""Synthetic ternary and binary networks in plain ONNX float form, for tests and benchmarks.

Each function takes sizes and a seed and returns a checked ``ModelProto`` with a free batch axis.
Batch-norm statistics follow the expected spread of the sums, so that every code is common.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.generic]

OPSET = 17
DELTA = 0.05  # the ternariser of facts.md: sign(x) where |x| > 0.05, else 0


class Builder:
    """A graph under construction: names, initialisers and nodes."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}
        self.count = 0

    def constant(self, array: npt.ArrayLike, name: str | None = None) -> str:
        name = name or f"c{len(self.initialisers)}"
        self.initialisers[name] = numpy_helper.from_array(np.asarray(array), name)
        return name

    def real(self, value: npt.ArrayLike, name: str | None = None) -> str:
        return self.constant(np.asarray(value, np.float32), name)

    def node(self, op: str, *inputs: str, name: str = "", output: str = "", **attributes) -> str:
        self.count += 1
        output = output or f"{name or op.lower()}_{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [output], name, **attributes))
        return output

    def model(
        self,
        inputs: dict[str, tuple[int, Sequence[int | str]]],
        outputs: dict[str, tuple[int, Sequence[int | str]]],
        opset: int = OPSET,
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info(n, t, s) for n, (t, s) in inputs.items()],
            [helper.make_tensor_value_info(n, t, s) for n, (t, s) in outputs.items()],
            list(self.initialisers.values()),
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", opset)],
            ir_version=8,
            producer_name="tests.networks",
        )
        onnx.checker.check_model(model)
        return model

    # ---- pieces of networks ----

    def weights(
        self,
        shape: Sequence[int],
        kind: str,
        name: str,
        *,
        zeros: float = 1 / 3,
        scales: npt.ArrayLike = 1.0,
        axis: int = 0,
    ) -> str:
        """Random trits (or signs) times one scale per tensor or per output."""
        codes = self.random.choice([-1, 1], tuple(shape)).astype(np.float32)
        if kind == "ternary":
            codes *= self.random.random(tuple(shape)) >= zeros
        scales = np.asarray(scales, np.float32)
        if scales.ndim:
            scales = np.expand_dims(scales, [a for a in range(len(shape)) if a != axis])
        return self.real(codes * scales, name)

    def batch_norm(
        self,
        x: str,
        channels: int,
        spread: float,
        *,
        mean: float = 0.0,
        gain: float = 0.12,
        negative: float = 0.1,
        dead: float = 0.0,
        name: str = "",
    ) -> str:
        """Normalisation of sums of standard deviation ``spread``, with random statistics."""
        draw = self.random
        gamma = draw.uniform(0.6, 1.5, channels) * gain
        gamma *= np.where(draw.random(channels) < negative, -1, 1)
        gamma *= draw.random(channels) >= dead
        beta = draw.normal(0, 0.2 * gain, channels)
        mean = mean + draw.normal(0, 0.2 * spread, channels)
        var = (spread * draw.uniform(0.7, 1.3, channels)) ** 2
        params = [self.real(v) for v in (gamma, beta, mean, var)]
        return self.node("BatchNormalization", x, *params, name=name)

    def hardtanh(self, x: str) -> str:
        return self.node("Clip", x, self.real(-1.0), self.real(1.0))

    def ternarise(self, x: str) -> str:
        sign = self.node("Sign", x)
        large = self.node("Greater", self.node("Abs", x), self.real(DELTA))
        return self.node("Mul", sign, self.node("Cast", large, to=TensorProto.FLOAT))

    def binarise(self, x: str) -> str:
        positive = self.node("GreaterOrEqual", x, self.real(0.0))
        return self.node("Where", positive, self.real(1.0), self.real(-1.0))

    def quantise(self, x: str, activations: str) -> str:
        """The activation at the input of a layer.

        ``ternary``, ``binary``, ``real`` (unchanged), ``uint3`` or ``int3`` (any number of bits;
        scale, clip, round, scale back) or ``qdq`` (QuantizeLinear to uint8, zero point 128).
        """
        if activations == "real":
            return x
        if activations in ("ternary", "binary"):
            return self.ternarise(x) if activations == "ternary" else self.binarise(x)
        if activations == "qdq":
            step = [self.real(1 / 128), self.constant(np.uint8(128))]
            return self.node("DequantizeLinear", self.node("QuantizeLinear", x, *step), *step)
        return self._uniform(x, int(activations[-1]), signed=activations.startswith("int"))

    def _uniform(self, x: str, bits: int, *, signed: bool) -> str:
        high = 2 ** (bits - signed) - 1
        step = self.real(0.3 / high)
        x = self.node("Div", x, step)
        x = self.node("Clip", x, self.real(-high if signed else 0), self.real(high))
        return self.node("Mul", self.node("Round", x), step)


def _power(activations: str) -> float:
    """Mean square of an activation."""
    known = {"ternary": 2 / 3, "binary": 1.0, "real": 0.4}
    return known.get(activations, 0.02)


def vgg(
    filters: int = 128,
    weights: str = "ternary",
    activations: str = "ternary",
    seed: int = 0,
    *,
    negative: float = 0.1,
    dead: float = 0.0,
    size: int = 32,
    classes: int = 10,
) -> onnx.ModelProto:
    """The VGG of facts.md: RGB real input ``x`` [N, 3, 32, 32] -> logits ``y`` [N, 10].

    Args:
        filters: f; layers have f, f, 2f, 2f, 4f, 4f filters.
        weights: ``ternary`` or ``binary``.
        activations: ``ternary``, ``binary`` or ``real``.
        seed: of the random weights and statistics.
        negative: share of channels with negative gamma.
        dead: share of channels with gamma 0.
        size: rows and columns of the input image, a multiple of 8.
        classes: number of outputs.
    """
    b = Builder(seed)
    gain = 1.0 if activations == "real" else 0.12
    density = 2 / 3 if weights == "ternary" else 1.0
    widths = [filters, filters, 2 * filters, 2 * filters, 4 * filters, 4 * filters]
    x, inputs = "x", 3
    for i, outputs in enumerate(widths):
        if i:
            x = b.quantise(x, activations)
        w = b.weights((outputs, inputs, 3, 3), weights, f"conv{i}.weight")
        x = b.node("Conv", x, w, name=f"conv{i}", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        spread = (inputs * 9 * density * (_power(activations) if i else 1.0)) ** 0.5
        mean = 0.0
        if i % 2:
            x = b.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
            mean, spread = 1.03 * spread, 0.70 * spread  # largest of four normal numbers
        x = b.batch_norm(x, outputs, spread, mean=mean, gain=gain, negative=negative, dead=dead)
        x = b.hardtanh(x)
        inputs = outputs
    x = b.node("Flatten", x)
    inputs *= (size // 8) ** 2
    for i, outputs in enumerate((512, classes)):
        x = b.quantise(x, activations)
        w = b.weights((outputs, inputs), weights, f"fc{i}.weight")
        x = b.node("Gemm", x, w, name=f"fc{i}", transB=1)
        spread = (inputs * density * _power(activations)) ** 0.5
        last = i == 1
        x = b.batch_norm(x, outputs, spread, gain=1.0 if last else gain, negative=negative)
        if not last:
            x = b.hardtanh(x)
        inputs = outputs
    b.nodes[-1].output[0] = "y"
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, size, size])},
        {"y": (TensorProto.FLOAT, ["N", classes])},
    )


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
        spread = float(sizes.mean()) * (inputs * density * _power(activations)) ** 0.5
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
    x, power = "x", _power(activations)
    for i, (inputs, outputs) in enumerate(pairwise(channels)):
        if i == 0 and uint8:
            x, power = b.node("Cast", x, to=TensorProto.FLOAT), 21000.0
        else:
            x, power = b.quantise(x, activations), _power(activations)
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
    spread = (channels * 9 * density * _power(activations)) ** 0.5
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
