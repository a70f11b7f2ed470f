"""Residual networks with depthwise convolutions, quantised by onnxruntime.quantization."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from tests import networks

Array = npt.NDArray[Any]
SIZE = 12


class _Random(CalibrationDataReader):
    def __init__(self) -> None:
        self.data: Iterator[dict[str, Array]] = iter([{"x": images(8, seed)} for seed in range(3)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self.data, None)


def images(count: int, seed: int) -> Array:
    return np.random.default_rng(seed).normal(size=(count, 3, SIZE, SIZE)).astype(np.float32)


@functools.cache
def residual() -> onnx.ModelProto:
    """stem, depthwise and pointwise around an addition, stride 2, pooling, linear; in float."""
    b = networks.Builder(1)

    def conv(x: str, shape: tuple[int, ...], name: str, **attributes: Any) -> str:
        spread = (2 / np.prod(shape[1:])) ** 0.5
        w = b.real(b.random.normal(0, spread, shape), f"{name}.weight")
        bias = b.real(b.random.normal(0, 0.1, shape[0]), f"{name}.bias")
        pads = [shape[-1] // 2] * 4
        return b.node("Conv", x, w, bias, name=name, pads=pads, **attributes)

    x = b.node("Relu", conv("x", (16, 3, 3, 3), "stem", strides=[2, 2]))
    z = b.node("Relu", conv(x, (16, 1, 3, 3), "depthwise", group=16))
    x = b.node("Relu", b.node("Add", x, conv(z, (16, 16, 1, 1), "pointwise")))
    x = b.node("Relu", conv(x, (16, 1, 3, 3), "strided", group=16, strides=[2, 2]))
    x = b.node("Flatten", b.node("GlobalAveragePool", conv(x, (24, 16, 1, 1), "last")))
    w = b.real(b.random.normal(0, 0.2, (24, 10)), "head.weight")
    b.node("Gemm", x, w, b.real(b.random.normal(0, 0.1, 10)), name="head", output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, SIZE, SIZE])}, {"y": (TensorProto.FLOAT, ["N", 10])}
    )


@functools.cache
def mobilenet() -> onnx.ModelProto:
    """Inverted residuals as in MobileNetV2, relu6, six stages, 24 layers; in float."""
    b = networks.Builder(7)

    def conv(x: str, shape: tuple[int, ...], name: str, **attributes: Any) -> str:
        w = b.real(b.random.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape), f"{name}.weight")
        bias = b.real(b.random.normal(0, 0.1, shape[0]), f"{name}.bias")
        pads = [shape[-1] // 2] * 4
        return b.node("Conv", x, w, bias, name=name, pads=pads, **attributes)

    def relu6(x: str) -> str:
        return b.node("Clip", x, b.real(0.0), b.real(6.0))

    x, channels = relu6(conv("x", (16, 3, 3, 3), "stem")), 16
    for number, (outputs, stride) in enumerate(
        [(16, 1), (24, 2), (24, 1), (24, 1), (32, 2), (32, 1), (32, 1)]
    ):
        wide, name = 3 * channels, f"block{number}"
        y = relu6(conv(x, (wide, channels, 1, 1), f"{name}.expand"))
        y = conv(y, (wide, 1, 3, 3), f"{name}.depthwise", group=wide, strides=[stride] * 2)
        y = conv(relu6(y), (outputs, wide, 1, 1), f"{name}.project")
        x = b.node("Add", x, y) if stride == 1 and outputs == channels else y
        channels = outputs
    x = b.node("GlobalAveragePool", relu6(conv(x, (64, channels, 1, 1), "last")))
    w = b.real(b.random.normal(0, 0.2, (64, 10)), "head.weight")
    x = b.node("Flatten", x)
    b.node("Gemm", x, w, b.real(b.random.normal(0, 0.1, 10)), name="head", output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 3, SIZE, SIZE])}, {"y": (TensorProto.FLOAT, ["N", 10])}
    )


def static(
    folder: Path,
    form: str,
    *,
    per_channel: bool,
    signed: bool = False,
    weights: str = "QInt8",
    network: Callable[[], onnx.ModelProto] = residual,
) -> onnx.ModelProto:
    """Eight-bit weights and activations, ranges from random images."""
    return _quantise(
        quantize_static, folder, network, _Random(), quant_format=QuantFormat[form],
        per_channel=per_channel, activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
        weight_type=QuantType[weights],
    )  # fmt: skip


def dynamic(folder: Path, weights: str) -> onnx.ModelProto:
    """Eight-bit weights, activations quantised at run time."""
    return _quantise(quantize_dynamic, folder, residual, weight_type=QuantType[weights])


def _quantise(
    function: Any,
    folder: Path,
    network: Callable[[], onnx.ModelProto],
    *arguments: Any,
    **options: Any,
) -> onnx.ModelProto:
    source, target = folder / "float.onnx", folder / "int8.onnx"
    onnx.save(network(), source)
    logging.disable(logging.WARNING)
    try:
        function(str(source), str(target), *arguments, **options)
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load(target)
