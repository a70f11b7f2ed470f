"""Synthetic ternary and binary networks in plain ONNX float form, for benches and tests.

Weights are random; batch-norm statistics follow the expected spread of the sums, so that every
code is common. `tests.networks` has more of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

__all__ = ["DELTA", "OPSET", "Builder", "convolution", "linear", "mean_square", "step_of", "vgg"]

OPSET = 17
DELTA = 0.05  # the ternariser of the published training code: sign(x) where |x| > 0.05, else 0
_REACH = 0.3  # largest value of a uniform quantiser


class Builder:
    """A graph under construction: names, initialisers and nodes."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}
        self.count = 0

    def constant(self, array: npt.ArrayLike, name: str | None = None) -> str:
        """Add an initialiser and give its name."""
        name = name or f"c{len(self.initialisers)}"
        self.initialisers[name] = numpy_helper.from_array(np.asarray(array), name)
        return name

    def real(self, value: npt.ArrayLike, name: str | None = None) -> str:
        """Add a float32 initialiser."""
        return self.constant(np.asarray(value, np.float32), name)

    def node(
        self, op: str, *inputs: str, name: str = "", output: str = "", **attributes: Any
    ) -> str:
        """Add a node with one output and give the name of that."""
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
        """Close the graph: a checked model."""
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
            producer_name="ternary_engine.benchmark",
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
        """Add random trits (or signs) times one scale per tensor or per output."""
        codes = self.random.choice([-1, 1], tuple(shape)).astype(np.float32)
        if kind == "ternary":
            codes *= self.random.random(tuple(shape)) >= zeros
        factors = np.asarray(scales, np.float32)
        if factors.ndim:
            factors = np.expand_dims(factors, [a for a in range(len(shape)) if a != axis])
        return self.real(codes * factors, name)

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
        """Normalise sums of standard deviation ``spread``, with random statistics."""
        draw = self.random
        gamma = draw.uniform(0.6, 1.5, channels) * gain
        gamma *= np.where(draw.random(channels) < negative, -1, 1)
        gamma *= draw.random(channels) >= dead
        beta = draw.normal(0, 0.2 * gain, channels)
        means = mean + draw.normal(0, 0.2 * spread, channels)
        var = (spread * draw.uniform(0.7, 1.3, channels)) ** 2
        params = [self.real(v) for v in (gamma, beta, means, var)]
        return self.node("BatchNormalization", x, *params, name=name)

    def hardtanh(self, x: str) -> str:
        """Clip to -1 to 1."""
        return self.node("Clip", x, self.real(-1.0), self.real(1.0))

    def ternarise(self, x: str) -> str:
        """Sign(x) where |x| > `DELTA`, else 0."""
        sign = self.node("Sign", x)
        large = self.node("Greater", self.node("Abs", x), self.real(DELTA))
        return self.node("Mul", sign, self.node("Cast", large, to=TensorProto.FLOAT))

    def binarise(self, x: str) -> str:
        """+1 from 0 on, else -1."""
        positive = self.node("GreaterOrEqual", x, self.real(0.0))
        return self.node("Where", positive, self.real(1.0), self.real(-1.0))

    def quantise(self, x: str, activations: str) -> str:
        """Quantise the activation at the input of a layer.

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
        step = self.real(_REACH / high)
        x = self.node("Div", x, step)
        x = self.node("Clip", x, self.real(-high if signed else 0), self.real(high))
        return self.node("Mul", self.node("Round", x), step)


def mean_square(activations: str) -> float:
    """Give the mean square of an activation."""
    known = {"ternary": 2 / 3, "binary": 1.0, "real": 0.4}
    return known.get(activations, 0.02)


def step_of(activations: str) -> float:
    """Give the distance of two codes of `Builder.quantise`."""
    if not activations.startswith("uint"):
        return 1.0
    return _REACH / float(2 ** int(activations.removeprefix("uint")) - 1)


def linear(
    inputs: int, outputs: int, weights: str = "ternary", activations: str = "ternary"
) -> onnx.ModelProto:
    """Make one linear layer behind a quantiser: ``x`` [N, inputs] -> sums ``y`` [N, outputs]."""
    b = Builder(0)
    w = b.weights((outputs, inputs), weights, "layer.weight")
    b.node("Gemm", b.quantise("x", activations), w, name="layer", transB=1, output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", inputs])}, {"y": (TensorProto.FLOAT, ["N", outputs])}
    )


def convolution(
    channels: int,
    outputs: int,
    size: int,
    *,
    kernel: int = 3,
    groups: int = 1,
    weights: str = "ternary",
    activations: str = "ternary",
) -> onnx.ModelProto:
    """Make one convolution between quantisers: ``x`` [N, channels, size, size] -> codes ``y``.

    A second layer, 1 x 1 with the unit matrix as weights, asks for the codes and passes them on.

    Args:
        channels: of the input.
        outputs: channels of the result.
        size: rows and columns, which the padding keeps.
        kernel: rows and columns of the kernel, odd.
        groups: of the convolution, which is called ``layer``.
        weights: ``ternary`` or ``binary``.
        activations: as `Builder.quantise` takes them.
    """
    b, half = Builder(0), kernel // 2
    shape = (outputs, channels // groups, kernel, kernel)
    w = b.weights(shape, weights, "layer.weight")
    x = b.quantise("x", activations)
    x = b.node("Conv", x, w, name="layer", group=groups, pads=[half] * 4)
    density = 2 / 3 if weights == "ternary" else 1.0
    spread = (channels // groups * kernel**2 * density * mean_square(activations)) ** 0.5
    x = b.quantise(b.hardtanh(b.batch_norm(x, outputs, spread)), activations)
    unit = b.real(np.eye(outputs)[:, :, None, None], "pass.weight")
    b.node("Conv", x, unit, name="pass", output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", channels, size, size])},
        {"y": (TensorProto.FLOAT, ["N", outputs, size, size])},
    )


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
    """Make the VGG of the ternary papers: real RGB ``x`` [N, 3, 32, 32] -> logits ``y`` [N, 10].

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
        spread = (inputs * 9 * density * (mean_square(activations) if i else 1.0)) ** 0.5
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
        spread = (inputs * density * mean_square(activations)) ** 0.5
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
