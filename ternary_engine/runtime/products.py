"""What changes of inputs, or of single cells, make of a crossbar layer's sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.encoding import from_trit_planes
from ternary_engine.kernels import changes as kernels
from ternary_engine.layer import Layer
from ternary_engine.runtime.weights import as_windows
from ternary_engine.steps import Crossbar, Geometry

__all__ = ["CellChange", "CodeChanges", "LayerProducts", "SumChanges", "Window"]

Array = npt.NDArray[Any]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CellChange:
    """A cell that is read as something else.

    Attributes:
        cell: index in the flattened array `Layer.weights`. plane: trit plane of the weight.
        read: the trit it is read as.
    """

    cell: int
    plane: int
    read: int


@dataclass(frozen=True, eq=False)
class CodeChanges:
    """Codes that differ from those without errors.

    Attributes:
        place: int64, position, counted over all images. channel: int64. delta: int64.
    """

    place: Int64Array
    channel: Int64Array
    delta: Int64Array


@dataclass(frozen=True, eq=False)
class SumChanges:
    """Sums that may differ.

    Attributes:
        touched: int64 [rows], positions, counted over all images.
        channels: int64 [columns].
        fresh: int32 [rows, columns], their sums.
    """

    touched: Int64Array
    channels: Int64Array
    fresh: Int32Array


@dataclass(frozen=True, eq=False)
class Window:
    """A window over images, told by the tables of `kernels.changes`.

    Attributes:
        where: row and column of each position of the input.
        down, right: the output row and column that see an input row and column through a tap.
        rows, columns: the input row and column that an output row and column see through a tap.
        size: rows and columns of the output.
    """

    where: Int32Array
    down: Int32Array
    right: Int32Array
    rows: Int32Array
    columns: Int32Array
    size: tuple[int, int]

    @staticmethod
    def of(geometry: Geometry, source: Array, target: Array) -> Window:
        """The window between two values, [images, rows, columns, channels] each."""
        sizes, results = source.shape[1:3], target.shape[1:3]
        down, rows = _taps(geometry, 0, sizes, results)
        right, columns = _taps(geometry, 1, sizes, results)
        where = np.ascontiguousarray(np.indices(sizes, np.int32).reshape(2, -1).T)
        return Window(where, down, right, rows, columns, (results[0], results[1]))

    @property
    def arrays(self) -> tuple[Int32Array, Int32Array, Int32Array, tuple[int, int]]:
        """What `kernels.changes.mark_windows` takes of it."""
        return self.where, self.down, self.right, self.size

    @property
    def taps(self) -> int:
        """Taps in all."""
        return int(self.down.shape[1] * self.right.shape[1])


def _taps(
    geometry: Geometry, axis: int, sizes: tuple[int, ...], results: tuple[int, ...]
) -> tuple[Int32Array, Int32Array]:
    """Along an axis: what sees an input through a tap, and what an output sees; -1 for none."""
    taps = np.arange(geometry.kernel[axis])
    outputs = np.arange(results[axis])[:, None]
    at = outputs * geometry.strides[axis] - geometry.pads[axis] + taps * geometry.dilations[axis]
    inside = (at >= 0) & (at < sizes[axis])
    seen = np.full((sizes[axis], len(taps)), -1, np.int32)
    seen[at[inside], np.broadcast_to(taps, at.shape)[inside]] = np.broadcast_to(outputs, at.shape)[
        inside
    ]
    return seen, np.where(inside, at, -1).astype(np.int32)


class LayerProducts:
    """A crossbar layer's weights, laid out by input.

    Args:
        layer: the layer. step: that uses it. window: of the step.
    """

    def __init__(self, layer: Layer, step: Crossbar, window: Window) -> None:
        self.layer = layer
        self.apart = step.apart
        self.groups = step.geometry.groups
        self.window = window
        self.kernel = step.geometry.kernel
        planes = [as_windows(trits, layer, step.geometry) for trits in layer.trits]
        self.weights = self._by_input(from_trit_planes(np.stack(planes)).astype(np.int32))

    def _by_input(self, weights: Int32Array) -> Int32Array:
        """From [outputs, taps, channels of a group] to [taps, channels, outputs of a group]."""
        if self.apart:  # two sums for each output: of +1, of -1
            sides = np.stack([weights > 0, weights < 0], axis=1)
            weights = sides.reshape(-1, *weights.shape[1:]).astype(np.int32)
        outputs, taps, per_group = weights.shape
        each = outputs // self.groups
        grouped = weights.reshape(self.groups, each, taps, per_group)
        by_input = grouped.transpose(2, 0, 3, 1).reshape(taps, self.groups * per_group, each)
        return np.ascontiguousarray(by_input)

    def changed(
        self,
        codes: Array,
        sums: Array,
        inputs: CodeChanges | None,
        cells: Sequence[CellChange],
    ) -> SumChanges:
        """Sums with changes.

        Args:
            codes: int16 [images, rows, columns, channels], the inputs with their changes.
            sums: int32 [images, rows, columns, channels], without changes.
            inputs: changes of the inputs, if any.
            cells: that are read as something else.
        """
        positions = sums.shape[0] * sums.shape[1] * sums.shape[2]
        slot, touched = np.full(positions, -1, np.int64), np.empty(positions, np.int64)
        window = self.window.arrays
        count = 0
        if inputs is not None:
            count = kernels.mark_windows(inputs.place, *window, slot, touched)
        found = [self._place(cell) for cell in cells]
        for tap, source, _ in found:
            count = kernels.mark_cell(codes, source, tap, *window[1:], slot, touched, count)
        touched = touched[:count]
        if inputs is not None:  # which every output may see
            channels = np.arange(sums.shape[-1])
        else:
            channels = np.unique(np.array([at for *_, added in found for at, _ in added], np.int64))
        fresh = _pick(sums.reshape(positions, -1), touched, channels)
        if inputs is not None:
            changed = (inputs.place, inputs.channel, inputs.delta)
            kernels.add_windows(*changed, self.weights, self.groups, *window, slot, fresh)
        for tap, source, added in found:
            for at, change in added:
                column = int(np.searchsorted(channels, at))
                kernels.add_cell(codes, source, tap, column, change, *window[1:], slot, fresh)
        return SumChanges(touched, channels, fresh)

    def _place(self, cell: CellChange) -> tuple[tuple[int, int], int, list[tuple[int, int]]]:
        """Tap and channel of a cell's input, and what it changes: outputs and their weights."""
        layer, kernel = self.layer, self.kernel
        stored = int(layer.trits[cell.plane].reshape(-1)[cell.cell])
        inputs = layer.cells // layer.planes // layer.outputs
        if layer.output_axis == 0:
            output, rest = divmod(cell.cell, inputs)
        else:
            rest, output = divmod(cell.cell, layer.outputs)
        source, tap = divmod(rest, kernel[0] * kernel[1])
        group = output // (layer.outputs // self.groups)
        source += group * (inputs // (kernel[0] * kernel[1]))
        if self.apart:
            plus = int(cell.read > 0) - int(stored > 0)
            minus = int(cell.read < 0) - int(stored < 0)
            sides = [(2 * output, plus), (2 * output + 1, minus)]
        else:
            sides = [(output, 3**cell.plane * (cell.read - stored))]
        added = [(at, change) for at, change in sides if change]
        return divmod(tap, kernel[1]), source, added


def _pick(sums: Array, rows: Int64Array, columns: Int64Array) -> Int32Array:
    """A copy of some rows and columns."""
    if len(columns) == sums.shape[1]:
        return sums.take(rows, axis=0)
    return np.asarray(sums[rows[:, None], columns], np.int32)
