"""Maps of arrays: how full they are, and where the weak cells of a chip lie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.plot.style import COLOURS, prepared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ternary_engine.chips.chip import Chip
    from ternary_engine.layer import Layer
    from ternary_engine.mapping.placement import Mapping

__all__ = ["occupancy", "weak_cells"]

_MOST_LINES = 100  # borders of arrays along an axis; more would hide what lies between


def occupancy(mapping: Mapping, *, ax: Axes | None = None) -> Axes:
    """Draw how full the arrays of each layer are: a square for each array, layer by layer.

    Args:
        mapping: of `te.map`.
        ax: Axes to draw into; defaults to new ones.
    """
    axes = prepared(ax, height=0.9 + 0.42 * len(mapping.layers))
    most = max(layer.arrays for layer in mapping.layers)
    width = 0.4 if most <= 4 * _MOST_LINES else 0.0
    for row, layer in enumerate(mapping.layers):
        shares = layer.occupancy.reshape(1, -1)
        place = (np.arange(layer.arrays + 1), np.array([row - 0.4, row + 0.4]))
        drawn = axes.pcolormesh(
            *place, shares, vmin=0.0, vmax=1.0, cmap="Blues", edgecolors="0.6", linewidth=width
        )
        told = f" {100 * layer.utilisation:.0f} % of {layer.arrays:,}"
        axes.text(layer.arrays, row, told, va="center", fontsize=8)
    axes.set_yticks(range(len(mapping.layers)), [layer.name for layer in mapping.layers])
    axes.set_xlim(0, 1.25 * most)
    axes.set_ylim(len(mapping.layers) - 0.5, -0.5)
    axes.grid(visible=False)
    axes.set_xlabel(f"arrays of {mapping.array[0]} x {mapping.array[1]} pairs, as numbered")
    _bar(axes, drawn, "share of the pairs in use")
    return axes


def weak_cells(
    chip: Chip, layer: str | None = None, *, above: float = 0.0, ax: Axes | None = None
) -> Axes:
    """Draw where the cells of a layer lie that are read wrong, and how often each is.

    The layer's matrix is shown as it lies on the arrays, with their borders. Cells that are always
    read wrong are crosses.

    Args:
        chip: of `Network.program` with a device and a sense amplifier.
        layer: its name; defaults to the layer with the most such cells.
        above: only cells that are read wrong more often than this; defaults to 0.
        ax: Axes to draw into; defaults to new ones.

    Raises:
        ValueError: no such crossbar layer.
    """
    known = [one.name for one in chip.layers if one.placement == "crossbar"]
    if layer is None:
        layer = max(known, key=lambda name: int((chip.misreads(name) > above).sum()))
    if layer not in known:
        raise ValueError(f"layer: got {layer!r}; the crossbar layers are {', '.join(known)}")
    stored = next(one for one in chip.layers if one.name == layer)
    chances = _matrix(chip.misreads(layer), stored)
    if chip.design.outputs == "columns":
        chances = chances.T
    axes = prepared(ax)
    axes.grid(visible=False)
    rows, columns = chances.shape
    _borders(axes, chances.shape, chip.design.array)
    always = chances >= 1.0 - 1e-9
    down, right = np.nonzero((chances > above) & ~always)
    from matplotlib.colors import LogNorm

    norm = LogNorm(max(float(chances[down, right].min(initial=1.0)), 1e-9), 1.0)
    drawn = axes.scatter(
        right, down, c=chances[down, right], s=9, norm=norm, cmap="viridis_r", zorder=3,
        label=f"now and then: {len(down):,}",
    )  # fmt: skip
    down, right = np.nonzero(always)
    axes.scatter(
        right, down, s=9, marker="x", color=COLOURS[1], linewidth=0.8, zorder=2,
        label=f"always: {len(down):,}",
    )  # fmt: skip
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_xlabel(f"column of the matrix of {layer}")
    axes.set_ylabel("row")
    axes.legend(
        title=f"read wrong, of {chances.size:,} cells", frameon=False, fontsize=8, ncols=2,
        title_fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0,
    )  # fmt: skip
    _bar(axes, drawn, "chance of a wrong read")
    return axes


def _matrix(values: npt.NDArray[Any], layer: Layer) -> npt.NDArray[Any]:
    """Values of cells, [planes, *shape], as the lines of a matrix."""
    by_output = np.moveaxis(values, 1 + layer.output_axis, 0)
    return by_output.reshape(layer.outputs * layer.planes, -1)


def _borders(axes: Axes, shape: tuple[int, ...], array: tuple[int, int]) -> None:
    for draw, size, step in (
        (axes.axhline, shape[0], array[0]),
        (axes.axvline, shape[1], array[1]),
    ):
        places = np.arange(step, size, step)
        if len(places) <= _MOST_LINES:
            for place in places:
                draw(float(place) - 0.5, color="0.85", linewidth=0.6, zorder=1)


def _bar(axes: Axes, drawn: Any, label: str) -> None:
    figure = axes.get_figure()
    assert figure is not None
    figure.colorbar(drawn, ax=axes, label=label)
