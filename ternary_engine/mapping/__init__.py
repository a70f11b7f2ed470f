"""Networks on arrays: how layers are split, what they cost, and the image that programs them."""

from __future__ import annotations

from ternary_engine.mapping.cells import Cells, to_cells
from ternary_engine.mapping.costs import Baseline, Cost, LayerCost, cost
from ternary_engine.mapping.image import read_image, write_image
from ternary_engine.mapping.layers import LayerMapping, Outputs
from ternary_engine.mapping.parameters import FLOAT32, INT8, CostParameters, DigitalParameters
from ternary_engine.mapping.placement import Mapping, map_network

__all__ = [
    "FLOAT32",
    "INT8",
    "Baseline",
    "Cells",
    "Cost",
    "CostParameters",
    "DigitalParameters",
    "LayerCost",
    "LayerMapping",
    "Mapping",
    "Outputs",
    "cost",
    "map",
    "map_network",
    "read_image",
    "to_cells",
    "write_image",
]

map = map_network  # te.map
