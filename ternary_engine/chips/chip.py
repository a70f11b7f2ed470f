"""A programmed chip: a network of which every cell has its own resistances."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from dataclasses import dataclass

from ternary_engine.chips.cells import LayerCells
from ternary_engine.chips.parameters import ChipParameters
from ternary_engine.chips.weak import WeakCells, read_errors
from ternary_engine.errors import LayerErrors
from ternary_engine.network import Network

__all__ = ["Chip", "make_chip"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Chip(Network):
    """A network on a chip, from `Network.program` with ``device`` and ``sense``.

    Its layers hold what every cell is usually read as. `run` draws the reads of the weak cells,
    those that are not always read alike; it takes a ``seed``, and no ``errors``.

    Attributes:
        stored: the network that was programmed.
        parameters: what the chip is made of.
        weak: by layer, the cells that are not always read alike; layers without any are absent.
    """

    stored: Network
    parameters: ChipParameters
    weak: Mapping[str, WeakCells]

    @functools.cached_property
    def read_errors(self) -> Mapping[str, LayerErrors]:
        """Errors of every read, by layer; see `Network.read_errors`."""
        return {
            layer.name: read_errors(layer, self.weak[layer.name])
            for layer in self.layers
            if layer.name in self.weak
        }


def make_chip(network: Network, parameters: ChipParameters) -> Chip:
    """Program a network onto a chip."""
    layers, weak = [], {}
    for layer in network.layers:
        if layer.pairs is None or not layer.cells:
            layers.append(layer)
            continue
        sensed, cells = LayerCells(layer, parameters).sensed()
        layers.append(sensed)
        if len(cells):
            weak[layer.name] = cells
    fields = {f.name: getattr(network, f.name) for f in dataclasses.fields(Network)}
    fields["layers"] = tuple(layers)
    return Chip(**fields, stored=network, parameters=parameters, weak=weak)
