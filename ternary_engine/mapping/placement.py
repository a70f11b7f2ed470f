"""Crossbar layers on arrays of a given size: how they are split, how full the arrays are, reads.

A layer is a matrix of device pairs: one line for each output and weight plane, one entry in it for
each input of that output. In each cycle an array senses one row, and the inputs are broadcast to
the sense amplifiers, one at the foot of each column (Hirtzlin et al., 2020, as recalled in the
project's facts). So by default a line lies along a row (``outputs="rows"``): a cycle gives the
products of one output with all inputs of the array, and the popcount beside the array counts them
at once. With ``outputs="columns"`` the matrix is turned: a row holds one input's weights for many
outputs, and counters under the columns add up over the cycles.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from rich.console import RenderableType

from ternary_engine.layer import Layer
from ternary_engine.mapping.layers import LayerMapping, Outputs
from ternary_engine.mapping.uses import Use, find_uses
from ternary_engine.network import Network

__all__ = [
    "Mapping",
    "check_array",
    "check_mappable",
    "map_network",
    "place",
]

Array = npt.NDArray[Any]

LARGEST = 65_536  # rows or columns; real arrays have some thousand at most


_ADDED = (
    "arrays", "cells", "device_pairs", "devices", "cycles", "row_reads", "sense_operations",
    "partial_popcounts", "additions",
)  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class Mapping:
    """A network's crossbar layers on arrays.

    Attributes:
        network: the network.
        array: rows and columns (of device pairs) of an array.
        outputs: ``"rows"`` or ``"columns"``: where the weights of an output lie along.
        layers: one record for each crossbar layer, in graph order.
        digital: names of the layers that lie on no array.
    """

    network: Network = field(repr=False)
    array: tuple[int, int]
    outputs: Outputs
    layers: tuple[LayerMapping, ...]
    digital: tuple[str, ...] = ()

    @functools.cached_property
    def totals(self) -> dict[str, Any]:
        """Sums over the layers; ``cycles`` if one layer works after the other.

        Also ``utilisation`` of all arrays and ``slowest_cycles``, the cycles of the slowest layer:
        one inference leaves every so many cycles where layers work on different samples at once.
        """
        total: dict[str, Any] = {
            name: sum(getattr(layer, name) for layer in self.layers) for name in _ADDED
        }
        total["utilisation"] = total["cells"] / total["device_pairs"]
        total["slowest_cycles"] = max(layer.cycles for layer in self.layers)
        return total

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each layer, ready for ``pandas.DataFrame``."""
        return [layer.row() for layer in self.layers]

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain values that JSON can hold."""
        return {
            "array": {"rows": self.array[0], "columns": self.array[1]},
            "outputs": self.outputs,
            "layers": self.rows(),
            "digital": list(self.digital),
            "totals": self.totals,
        }

    def table(self, width: int = 120) -> RenderableType:
        """Lay the mapping out for a rich console of ``width`` columns."""
        from ternary_engine.mapping.tables import mapping_table

        return mapping_table(self, width)

    def __str__(self) -> str:
        from ternary_engine.mapping.tables import plain

        return plain(self.table())


def check_array(array: Any) -> tuple[int, int]:
    """Rows and columns of an array.

    Raises:
        TypeError, ValueError: not two whole numbers from 1 to 65,536.
    """
    takes = f"rows and columns, whole numbers from 1 to {LARGEST:,}, as in (32, 32)"
    if not isinstance(array, tuple | list) or len(array) != 2:
        raise TypeError(f"array: got {array!r}; it takes {takes}")
    for size in array:
        if isinstance(size, bool) or not isinstance(size, int | np.integer):
            raise TypeError(f"array: got {array!r}; it takes {takes}")
        if not 1 <= size <= LARGEST:
            raise ValueError(f"array: got {array[0]} x {array[1]}; it takes {takes}")
    return int(array[0]), int(array[1])


def map_network(
    net: Network,
    array: tuple[int, int] = (32, 32),
    *,
    outputs: Outputs = "rows",
    x: Array | MappingABC[str, Array] | None = None,
) -> Mapping:
    """Put every crossbar layer of a network onto arrays of device pairs.

    Args:
        net: a converted network.
        array: rows and columns of an array; defaults to 32 x 32, the kilobit array.
        outputs: ``"rows"`` lays the weights of an output along a row, so that a cycle senses
            products of one output; ``"columns"`` lays them along a column. Defaults to rows.
        x: a batch that shows the sizes, where the network leaves some free.

    Raises:
        TypeError, ValueError: a bad array or orientation, no crossbar layer, a free size.

    Examples:
        >>> import ternary_engine as te
        >>> mapping = te.map(te.load(te.zoo.path("mlp_ternary")), array=(32, 32))
        >>> mapping.totals["arrays"]
        88
    """
    size = check_array(array)
    check_mappable(net, outputs)
    return place(net, size, outputs, find_uses(net, _sizes(net, x)))


def check_mappable(net: Network, outputs: Outputs = "rows") -> None:
    """Raise unless ``net`` has layers to map, and that is an orientation.

    Raises:
        TypeError, ValueError: see `map_network`.
    """
    if not isinstance(net, Network):
        raise TypeError(f"net: got {type(net).__name__}; it takes a Network (te.load, te.convert)")
    if outputs not in get_args(Outputs):
        raise ValueError(f"outputs: got {outputs!r}; it takes 'rows' or 'columns'")
    if not any(layer.placement == "crossbar" for layer in net.layers):
        raise ValueError("no layer is on the crossbar: there is nothing to map onto arrays")


def place(
    net: Network, array: tuple[int, int], outputs: Outputs, found: Iterable[Use] = ()
) -> Mapping:
    """Put layers onto arrays, given what is known of their uses; all arguments are checked.

    Args:
        net: with a crossbar layer.
        array: rows and columns.
        outputs: orientation.
        found: uses of the layers; where they are unknown, a mapping has no reads.
    """
    crossbar = [layer for layer in net.layers if layer.placement == "crossbar"]
    uses: dict[str, list[Use]] = {layer.name: [] for layer in crossbar}
    for use in found:
        uses[use.layer].append(use)
    mapped: list[LayerMapping] = []
    for layer in crossbar:
        first = mapped[-1].first_array + mapped[-1].arrays if mapped else 0
        mapped.append(_map_layer(layer, uses[layer.name], array, outputs, first))
    digital = tuple(layer.name for layer in net.layers if layer.placement == "digital")
    return Mapping(network=net, array=array, outputs=outputs, layers=tuple(mapped), digital=digital)


def _sizes(
    net: Network, x: Array | MappingABC[str, Array] | None
) -> dict[str, tuple[int, ...]] | None:
    if x is None:
        return None
    from ternary_engine.runtime.inputs import check_inputs

    return {name: value.shape[1:] for name, value in check_inputs(net, x).items()}


def _map_layer(
    layer: Layer, uses: list[Use], array: tuple[int, int], outputs: Outputs, first: int
) -> LayerMapping:
    return LayerMapping(
        name=layer.name,
        kind=layer.kind,
        input=layer.input,
        array=array,
        orientation=outputs,
        outputs=layer.outputs,
        planes=layer.planes,
        inputs=layer.cells // layer.planes // layer.outputs,
        groups=uses[0].geometry.groups if uses else 1,
        first_array=first,
        positions=sum(use.positions for use in uses),
        reads=sum(use.positions * use.presentations for use in uses),
        input_values=sum(use.input_values for use in uses),
        input_loads=sum(use.input_loads for use in uses),
        input_bits=max((use.input_bits for use in uses), default=0),
        output_bits=max((use.output_bits for use in uses), default=0),
        output_steps=max((use.output_steps for use in uses), default=0),
    )
