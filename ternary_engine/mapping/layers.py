"""One crossbar layer on arrays: splits, how full they are, reads and popcounts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

__all__ = ["LayerMapping", "Outputs"]

Outputs = Literal["rows", "columns"]


@dataclass(frozen=True, kw_only=True)
class LayerMapping:
    """One crossbar layer on arrays.

    Arrays of a layer are numbered row split by row split, from ``first_array`` on.

    Attributes:
        name: of the layer.
        kind: ``conv`` or ``linear``.
        input: ``ternary``, ``binary``, ``8 bits``... or ``real``.
        array: rows and columns (of device pairs) of an array.
        orientation: ``"rows"`` if an output's weights lie along a row, else ``"columns"``.
        outputs: outputs (channels) of the layer.
        planes: device pairs per weight; each plane of an output has a line of its own.
        inputs: weights of one output.
        groups: channel groups; a line holds the inputs of its own group only.
        first_array: number of the layer's first array.
        positions: places where the layer's window is evaluated, per inference.
        reads: input vectors presented per inference: positions times bits of a bit-serial input.
        input_values: values of the input per inference.
        input_loads: values in all windows together, padding left out.
        input_bits, output_bits: bits of a value in its buffer; 32 for a real one.
        output_steps: thresholds that an output is compared with; 0 for real outputs.
    """

    name: str
    kind: str
    input: str
    array: tuple[int, int]
    orientation: Outputs
    outputs: int
    planes: int
    inputs: int
    groups: int
    first_array: int
    positions: int
    reads: int
    input_values: int
    input_loads: int
    input_bits: int
    output_bits: int
    output_steps: int

    @property
    def lines(self) -> int:
        """Lines of the layer's matrix: outputs times weight planes."""
        return self.outputs * self.planes

    @property
    def matrix(self) -> tuple[int, int]:
        """Rows and columns of the layer's matrix, as it lies on the arrays."""
        shape = (self.lines, self.inputs)
        return shape if self.orientation == "rows" else (shape[1], shape[0])

    @property
    def row_splits(self) -> int:
        """Arrays that the matrix takes downwards."""
        return -(-self.matrix[0] // self.array[0])

    @property
    def column_splits(self) -> int:
        """Arrays that the matrix takes sideways."""
        return -(-self.matrix[1] // self.array[1])

    @property
    def input_splits(self) -> int:
        """Parts that the inputs of an output are split into: partial popcounts of each sum."""
        return self.column_splits if self.orientation == "rows" else self.row_splits

    @property
    def arrays(self) -> int:
        """Number of arrays."""
        return self.row_splits * self.column_splits

    @property
    def cells(self) -> int:
        """Device pairs that hold a weight."""
        return self.lines * self.inputs

    @property
    def device_pairs(self) -> int:
        """Device pairs of all arrays, used or not."""
        return self.arrays * self.array[0] * self.array[1]

    @property
    def devices(self) -> int:
        """Devices of all arrays: two for each pair."""
        return 2 * self.device_pairs

    @property
    def utilisation(self) -> float:
        """Share of the device pairs that hold a weight."""
        return self.cells / self.device_pairs

    @property
    def cycles(self) -> int:
        """Cycles per inference: reads times the rows of its fullest array; arrays work at once."""
        return self.reads * min(self.matrix[0], self.array[0])

    @property
    def row_reads(self) -> int:
        """Rows sensed per inference, all arrays together."""
        return self.reads * self.matrix[0] * self.column_splits

    @property
    def sense_operations(self) -> int:
        """Cells sensed per inference if no input is zero and no window reaches into padding."""
        return self.reads * self.cells

    @property
    def partial_popcounts(self) -> int:
        """Popcounts that leave the arrays per inference."""
        return self.reads * self.lines * self.input_splits

    @property
    def additions(self) -> int:
        """Additions per inference that make sums of popcounts (splits, planes, input bits)."""
        return self.partial_popcounts - self.positions * self.outputs

    @property
    def input_reuse(self) -> float:
        """How often a value of the input is presented: windows that see it, on average."""
        return self.input_loads / self.input_values if self.input_values else 0.0

    @property
    def occupancy(self) -> npt.NDArray[np.float64]:
        """Share of used device pairs of each array; float64 [row splits, column splits]."""
        filled = []
        for size, room, splits in zip(
            self.matrix, self.array, (self.row_splits, self.column_splits), strict=True
        ):
            used = np.full(splits, room, np.float64)
            used[-1] = size - room * (splits - 1)
            filled.append(used / room)
        return np.outer(*filled)

    def row(self) -> dict[str, Any]:
        """Plain values, for JSON and tables."""
        return {
            "name": self.name,
            "kind": self.kind,
            "input": self.input,
            "matrix_rows": self.matrix[0],
            "matrix_columns": self.matrix[1],
            "planes": self.planes,
            "groups": self.groups,
            "row_splits": self.row_splits,
            "column_splits": self.column_splits,
            "first_array": self.first_array,
            "arrays": self.arrays,
            "cells": self.cells,
            "device_pairs": self.device_pairs,
            "devices": self.devices,
            "utilisation": self.utilisation,
            "positions": self.positions,
            "reads": self.reads,
            "input_reuse": self.input_reuse,
            "cycles": self.cycles,
            "row_reads": self.row_reads,
            "sense_operations": self.sense_operations,
            "partial_popcounts": self.partial_popcounts,
            "additions": self.additions,
        }
