"""Synthetic ternary and binary networks in plain ONNX float form, for tests and benchmarks.

Each function takes sizes and a seed and returns a checked ``ModelProto`` with a free batch axis.
Batch-norm statistics follow the expected spread of the sums, so that every code is common.
"""

from __future__ import annotations

from collections.abc import Sequence

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
        """The activation at the input of a layer: ternary, binary or (unchanged) real."""
        if activations == "ternary":
            return self.ternarise(x)
        return self.binarise(x) if activations == "binary" else x


def _power(activations: str) -> float:
    """Mean square of an activation."""
    return {"ternary": 2 / 3, "binary": 1.0, "real": 0.4}[activations]


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
