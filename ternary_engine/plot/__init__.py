"""Pictures of results: accuracy over error rates, sensitivity of layers, yield, maps of arrays.

Every function draws into your own matplotlib Axes, or makes one; `save` writes PNG, SVG or PDF.
Nothing needs a display. matplotlib is imported on use: ``pip install 'ternary-engine[plot]'``.

Examples:
    >>> import ternary_engine as te
    >>> net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
    >>> results = te.sweep(net, x, labels, points=[0, 1e-2, 1e-1], trials=3)
    >>> axes = te.plot.curves(results)
    >>> axes.get_xlabel()
    'bit error rate'
"""

from __future__ import annotations

from ternary_engine.plot.array_maps import occupancy, weak_cells
from ternary_engine.plot.study_figures import sensitivity, yields
from ternary_engine.plot.style import save
from ternary_engine.plot.sweep_curves import curves

__all__ = ["curves", "occupancy", "save", "sensitivity", "weak_cells", "yields"]
