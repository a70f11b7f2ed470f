"""Weights of a crossbar layer, spread out for the kernels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.layout import (
    PANEL,
    WORD_BITS,
    aligned,
    pack_weights,
    panels_for,
    per_output,
)
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import GroupWindow, group_window, tap_classes
from ternary_engine.runtime.windows import is_gathered
from ternary_engine.steps import Geometry

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]


def as_windows(trits: Int8Array, layer: Layer, geometry: Geometry) -> Int8Array:
    """Order one plane of trits as [outputs, taps, channels of a group].

    Args:
        trits: int8 in the layer's ONNX shape. A linear layer that reads a flattened image has its
            inputs in (channel, row, column) order.
    """
    taps = geometry.kernel[0] * geometry.kernel[1]
    outputs_first = np.moveaxis(trits, layer.output_axis, 0)
    by_channel = outputs_first.reshape(layer.outputs, -1, taps)
    return np.ascontiguousarray(by_channel.transpose(0, 2, 1))


def place_in_window(trits: Int8Array, window: GroupWindow, groups: int) -> Int8Array:
    """Place each output's channels where they lie in the words its panel reads.

    Args:
        trits: int8 [outputs, taps, channels of a group]. window: of the layer's groups.

    Returns:
        int8 [outputs, taps, channels of the window].
    """
    if groups == 1:
        return trits
    outputs, taps, per_group = trits.shape
    placed = np.zeros((outputs, taps, window.words * window.unit), np.int8)
    for output in range(outputs):
        channel = output // (outputs // groups) * per_group
        first = channel - window.first[output // PANEL] * window.unit
        placed[output, :, first : first + per_group] = trits[output]
    return placed


@dataclass(frozen=True, eq=False)
class PackedPlane:
    """One trit plane of a layer, ready for the kernels.

    Attributes:
        panels: uint64, layout of `kernels.layout`.
        nonzero: int64 [outputs, taps], cells that do not store 0.
        negative: int64 [outputs, taps], cells that store -1.
        inputs: cells of one output.
        span: uint64 of a panel.
        tap_bits: bits from one tap to the next in an output's row.
    """

    panels: npt.NDArray[np.uint64]
    nonzero: Int64Array
    negative: Int64Array
    inputs: int
    span: int
    tap_bits: int

    def copy(self) -> PackedPlane:
        """A copy to write errors into."""
        return replace(
            self,
            panels=aligned(self.panels),
            nonzero=self.nonzero.copy(),
            negative=self.negative.copy(),
        )


def pack_plane(
    trits: Int8Array, layer: Layer, geometry: Geometry, channels: int, *, negative_only: bool
) -> PackedPlane:
    """Pack one plane of trits (ONNX shape) for windows over images of ``channels`` channels."""
    windows = as_windows(trits, layer, geometry)
    outputs, taps, per_group = windows.shape
    if is_gathered(geometry, channels):
        placed, tap_bits = windows.reshape(outputs, 1, -1), per_group
    else:
        window = group_window(channels, outputs, geometry.groups)
        placed = place_in_window(windows, window, geometry.groups)
        tap_bits = window.words * WORD_BITS
    panels = pack_weights(placed, negative_only=negative_only)
    return PackedPlane(
        panels=panels,
        span=panels.size // panels_for(outputs) if outputs else 0,
        tap_bits=tap_bits,
        nonzero=np.count_nonzero(windows, axis=2).astype(np.int64),
        negative=np.count_nonzero(windows < 0, axis=2).astype(np.int64),
        inputs=taps * per_group,
    )


def binary_base(
    plane: PackedPlane, valid_rows: npt.NDArray[np.bool_], valid_columns: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint64]]:
    """What the popcount of -1/+1 codes is subtracted from (twice), by position.

    A tap in the padding reads 0-bits, which stand for +1: it must count neither as a product nor
    in the popcount, where its negative weights showed up.

    Returns:
        int32 [positions of an image], the class of each; uint64 (int64 bits) flat
        [class][panel][16].
    """
    classes, taps = tap_classes(valid_rows, valid_columns)
    base = taps @ plane.nonzero.T + 2 * (~taps @ plane.negative.T)
    spread = per_output(base.T, 0)  # [panel, class, 16]
    return (
        classes,
        np.ascontiguousarray(spread.transpose(1, 0, 2)).reshape(-1).view(np.uint64),
    )


def bit_serial_base(plane: PackedPlane, coefficients: Int64Array) -> npt.NDArray[np.uint64]:
    """What the popcounts of bit planes are added to; uint64 (int64 bits) flat [panel][16]."""
    negative = plane.negative.sum(axis=1)
    return per_output(-negative * coefficients.sum(), 0).reshape(-1).view(np.uint64)


def plane_coefficients(bits: int, signed: bool) -> Int64Array:
    """2**j for every bit plane, the last negative in two's complement."""
    coefficients = 1 << np.arange(bits, dtype=np.int64)
    if signed:
        coefficients[-1] *= -1
    return coefficients
