"""Figures of the resilience study, drawn from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ternary_engine.plot import curves
from ternary_engine.reproduction.study import DURATIONS, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["by_duration", "by_type"]


def by_duration(rows: Sequence[Row], note: str) -> Axes:
    """Accuracy over the bit error rate, side by side by what a draw lasts for.

    Args:
        rows: of `study.durations`, with a column ``network``.
        note: where the figures come from, below.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.5, 3.6), dpi=160, layout="constrained")
    for axes, per in zip(figure.subplots(1, len(DURATIONS), sharey=True), DURATIONS, strict=True):
        here = [row for row in rows if row["per"] == per]
        curves(here, x="rate", group="network", ax=axes)
        axes.set_title(f"a fresh draw per {per}", fontsize=9)
        axes.set_xlabel("bit error rate")
        axes.set_ylim(0, 1)
    for axes in figure.axes[1:]:
        axes.set_ylabel("")
        axes.legend().remove()
    _note(figure.axes[0], note)
    return figure.axes[0]


def by_type(rows: Sequence[Row], note: str) -> Axes:
    """Loss of accuracy over the rate of one type of error at a time.

    Args:
        rows: of `study.types`.
        note: where the figures come from, below.
    """
    axes = curves(rows, x="rate", y="accuracy_drop", group="type")
    axes.set_xlabel("error rate of the cells concerned, per read")
    _note(axes, note)
    return axes


def _note(axes: Axes, text: str) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.supxlabel(text, fontsize=7, color="0.4", ha="right", x=0.99)
