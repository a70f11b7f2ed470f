"""Where every weight of a network lies: array, row and column of each device pair."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.encoding import HRS_HRS, HRS_LRS, LRS_HRS
from ternary_engine.exceptions import FormatError
from ternary_engine.layer import Layer
from ternary_engine.mapping.layers import LayerMapping
from ternary_engine.mapping.placement import Mapping
from ternary_engine.network import Network

__all__ = ["Cells", "from_cells", "to_cells"]

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

_TRIT_TO_STATE = np.array([HRS_LRS, HRS_HRS, LRS_HRS], np.uint8)
_STATE_TO_TRIT = np.array([0, 1, -1], np.int8)
LRS_LRS = 0b11


@dataclass(frozen=True, eq=False)
class Cells:
    """The states of device pairs, one entry for each pair in use.

    Attributes:
        array, row, column: int32, where it lies, all from 0 on.
        state: uint8, bit 0 set where BL is in the low-resistance state (LRS), bit 1 where BLb is.
    """

    array: Int32Array
    row: Int32Array
    column: Int32Array
    state: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.state)


def _matrix(layer: Layer, placed: LayerMapping) -> Int8Array:
    """The trits of a layer as they lie on its arrays: int8 [matrix rows, matrix columns].

    Lines are ordered by output, then by weight plane; inputs as in the source graph.
    """
    by_output = np.moveaxis(layer.trits, 1 + layer.output_axis, 0)  # output, plane, the rest
    lines: Int8Array = by_output.reshape(placed.lines, placed.inputs)
    return lines if placed.orientation == "rows" else lines.T


def _trits(matrix: Int8Array, layer: Layer, placed: LayerMapping) -> Int8Array:
    """The inverse of `_matrix`."""
    lines = matrix if placed.orientation == "rows" else matrix.T
    rest = [size for axis, size in enumerate(layer.shape) if axis != layer.output_axis]
    by_output = lines.reshape(layer.outputs, layer.planes, *rest)
    return np.moveaxis(by_output, 0, 1 + layer.output_axis)


def to_cells(mapping: Mapping) -> Cells:
    """List every device pair in use, array by array, row by row."""
    layers = {layer.name: layer for layer in mapping.network.layers}
    parts = [_layer_cells(layers[placed.name], placed) for placed in mapping.layers]
    names = (field.name for field in dataclasses.fields(Cells))
    return Cells(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def _layer_cells(layer: Layer, placed: LayerMapping) -> Cells:
    rows, columns = placed.array
    down = np.arange(placed.matrix[0], dtype=np.int32)[:, None]
    across = np.arange(placed.matrix[1], dtype=np.int32)[None]
    array = placed.first_array + down // rows * placed.column_splits + across // columns
    # A stable sort by array keeps the order of rows, and of columns in them.
    order = np.argsort(array.reshape(-1), kind="stable")
    state = _TRIT_TO_STATE[_matrix(layer, placed) + 1]
    spread = (np.broadcast_to(part, placed.matrix) for part in (down % rows, across % columns))
    row, column = (part.reshape(-1)[order] for part in spread)
    return Cells(array.reshape(-1)[order].astype(np.int32), row, column, state.reshape(-1)[order])


def from_cells(mapping: Mapping, cells: Cells) -> Network:
    """Make the network that holds these states instead of its own; cells come in any order.

    Raises:
        FormatError: a state that stores no weight, a cell that the mapping does not use, one that
            is missing or there twice, a binary layer's cell without a sign.
    """
    bad = np.flatnonzero(cells.state >= LRS_LRS)
    if bad.size:
        raise FormatError(f"{_where(cells, bad[0])} is LRS/LRS, which stores no weight")
    places = {layer.name: layer for layer in mapping.network.layers}
    ends = np.array([placed.first_array + placed.arrays for placed in mapping.layers])
    strays = np.flatnonzero((cells.array < 0) | (cells.array >= ends[-1]))
    if strays.size:
        raise FormatError(
            f"{_where(cells, strays[0])} is not part of this network, which has "
            f"{ends[-1]} arrays (numbers from 0 on)"
        )
    owner = np.searchsorted(ends, cells.array, side="right")
    changed = {}
    for number, placed in enumerate(mapping.layers):
        mine = np.flatnonzero(owner == number)
        changed[placed.name] = _programmed(places[placed.name], placed, cells, mine)
    layers = tuple(changed.get(layer.name, layer) for layer in mapping.network.layers)
    return dataclasses.replace(mapping.network, layers=layers)


def _programmed(layer: Layer, placed: LayerMapping, cells: Cells, mine: Int64Array) -> Layer:
    """A layer with the states of some of the cells."""
    place = _flat_places(placed, cells, mine)
    times = np.bincount(place, minlength=placed.cells)
    if (times > 1).any():
        twice = np.flatnonzero(times > 1)[0]
        raise FormatError(f"{_where(cells, mine[place == twice][-1])} is there twice")
    if (times == 0).any():
        lost = np.flatnonzero(times == 0)
        more = f", and {lost.size - 1:,} more are missing" if lost.size > 1 else ""
        raise FormatError(f"{_unflatten(placed, int(lost[0]))} of layer {layer.name!r} is missing"
                          f"{more}")  # fmt: skip
    states = np.empty(placed.cells, np.uint8)
    states[place] = cells.state[mine]
    if layer.binary and (states == HRS_HRS).any():
        odd = mine[cells.state[mine] == HRS_HRS][0]
        raise FormatError(f"{_where(cells, odd)} is HRS/HRS; layer {layer.name!r} is binary and "
                          "has no zero")  # fmt: skip
    trits = _trits(_STATE_TO_TRIT[states].reshape(placed.matrix), layer, placed)
    return layer.with_trits(trits)


def _flat_places(placed: LayerMapping, cells: Cells, mine: Int64Array) -> Int64Array:
    """Where cells lie in the flat matrix of their layer."""
    rows, columns = placed.array
    row, column = cells.row[mine], cells.column[mine]
    number = (cells.array[mine] - placed.first_array).astype(np.int64)
    down = number // placed.column_splits * rows + row
    across = number % placed.column_splits * columns + column
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    inside &= (down < placed.matrix[0]) & (across < placed.matrix[1])
    if not inside.all():
        stray = mine[np.flatnonzero(~inside)[0]]
        raise FormatError(f"{_where(cells, stray)} holds no weight of layer {placed.name!r}")
    flat: Int64Array = down * placed.matrix[1] + across
    return flat


def _where(cells: Cells, index: int | np.int64) -> str:
    array, row, column = (int(part[index]) for part in (cells.array, cells.row, cells.column))
    return f"array {array}, row {row}, column {column}"


def _unflatten(placed: LayerMapping, flat: int) -> str:
    down, across = divmod(flat, placed.matrix[1])
    (up, row), (left, column) = divmod(down, placed.array[0]), divmod(across, placed.array[1])
    array = placed.first_array + up * placed.column_splits + left
    return f"array {array}, row {row}, column {column}"
