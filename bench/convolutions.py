"""Ternary 3 x 3 convolutions of ResNet shapes, thresholds fused, beside float32 and int8 ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, TensorProto, helper, numpy_helper

from bench.peers import Case, aligned, session
from ternary_engine.kernels import epilogue, pack
from ternary_engine.kernels.convolution import convolve_gated
from ternary_engine.kernels.layout import PANEL, pack_weights, panels_for
from ternary_engine.runtime.layout import (
    ImageLayout,
    merge_runs,
    position_starts,
    tap_offsets,
    window_starts,
)
from ternary_engine.steps import Geometry

Array = npt.NDArray[Any]

SHAPES = ((56, 64), (28, 128), (14, 256), (7, 512))  # rows and columns, channels in and out
GEOMETRY = Geometry((3, 3), pads=(1, 1, 1, 1))
BORDER = (1, 1, 1, 1)


def _fused(x: Array, w: Array, low: Array, high: Array) -> tuple[Callable[[], Array], ImageLayout]:
    """Packed codes in, packed codes out."""
    channels, size = x.shape[1], x.shape[2]
    layout = ImageLayout(channels, size, size, 2, BORDER)
    codes = aligned(np.zeros(layout.image_pitch, np.uint64))
    places = position_starts(layout, 1)
    ends = np.full(channels, -0.5, np.float32), np.full(channels, 0.5, np.float32)
    keep = np.zeros(channels, np.bool_)
    pack.encode_images(
        x.astype(np.float32).reshape(-1), channels, size * size, *ends, keep, 2, places, codes
    )
    weights = aligned(pack_weights(w.reshape(channels, channels, 9).transpose(0, 2, 1).copy()))
    offsets, words = merge_runs(tap_offsets(layout, GEOMETRY), layout.words, 2)
    panels = panels_for(channels)
    thresholds = np.stack([low, high], 1).astype(np.int64).reshape(panels, PANEL, 2)
    result = np.zeros_like(codes)
    arguments = (
        codes, weights, window_starts(layout, GEOMETRY, 1), offsets, words,
        np.zeros(panels, np.int64), epilogue.TERNARY, 1,
        np.ascontiguousarray(thresholds.transpose(0, 2, 1)).reshape(-1).view(np.uint64),
        np.zeros(panels, np.uint16), places * 4, result.view(np.uint16), np.zeros(0, np.int32),
    )  # fmt: skip

    def call() -> Array:
        convolve_gated(*arguments)
        return result

    return call, layout


def _decoded(codes: Array, layout: ImageLayout) -> Array:
    values = np.zeros((1, layout.channels, layout.height, layout.width), np.float32)
    pack.decode(
        codes, layout.channels, pack.TERNARY_PLANES, 2, False, -1,
        np.array([-1, 0, 1], np.float32), position_starts(layout, 1), layout.positions,
        layout.channels * layout.positions, layout.positions, 1, values.reshape(-1),
    )  # fmt: skip
    return values


def _model(nodes: list[Any], dtype: int, constants: dict[str, Array]) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("x", dtype, None)],
        [helper.make_tensor_value_info("y", dtype, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def case(size: int, channels: int, seed: int = 0) -> Case:
    """One layer by all engines; int8 gives u8 from u8 and s8, its fast path."""
    random = np.random.default_rng(seed)
    x = random.integers(-1, 2, (1, channels, size, size)).astype(np.float32)
    w = random.integers(-1, 2, (channels, channels, 3, 3), np.int8)
    spread = (9 * channels * 4 / 9) ** 0.5
    low, high = (np.rint(random.normal(side, 5, channels)) for side in (-spread / 2, spread / 2))
    ours, layout = _fused(x, w, low, high)

    wf, xu = w.astype(np.float32), (x + 1).astype(np.uint8)
    pads = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3]}
    conv = helper.make_node("Conv", ["x", "w"], ["y"], **pads)
    floats = session(_model([conv], TensorProto.FLOAT, {"w": wf}))
    names = ["x", "xs", "xz", "w", "ws", "wz", "ys", "yz"]
    qconv = helper.make_node("QLinearConv", names, ["y"], **pads)
    one, middle = np.float32(1), np.uint8(1)
    constants = {
        "xs": one, "xz": middle, "w": w, "ws": one, "wz": np.int8(0), "ys": np.float32(4),
        "yz": np.uint8(128),
    }  # fmt: skip
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    integers = session(_model([qconv], TensorProto.UINT8, arrays))

    sums = floats.run(None, {"x": x})[0]
    spread_out = (1, -1, 1, 1)
    right = np.where(sums >= high.reshape(spread_out), 1, 0)
    right = np.where(sums < low.reshape(spread_out), -1, right)
    if not np.array_equal(_decoded(ours(), layout), right):
        raise AssertionError(f"{size} x {size} x {channels}: wrong codes")
    return Case(
        name=f"3x3 ternary convolution {size}x{size}x{channels}",
        work=size * size * channels * channels * 9,
        unit="MAC",
        calls={
            "ours": ours,
            "onnxruntime float32": lambda: floats.run(None, {"x": x})[0],
            "onnxruntime u8 x s8": lambda: integers.run(None, {"x": xu})[0],
        },
        roof="gated",
    )
