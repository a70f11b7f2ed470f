"""Curves of sweeps: a mean with its band over trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ternary_engine.plot.places import Places
from ternary_engine.plot.series import Series, choose_columns, series_of
from ternary_engine.plot.style import COLOURS, LABELS, MARKERS, prepared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ternary_engine.sweeps import Results

__all__ = ["curves"]


def curves(
    results: Results | Sequence[Mapping[str, Any]],
    *,
    x: str | None = None,
    y: str = "accuracy",
    group: str | Sequence[str] | None = None,
    band: Literal["trials", "interval"] = "trials",
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean over trials as a curve with a band, and a line without errors.

    Args:
        results: of a sweep, or its rows.
        x: column along the axis; defaults to the rate, or own column, that varies most.
        y: ``"accuracy"`` or ``"accuracy_drop"``, or another column of numbers; defaults to the
            accuracy.
        group: column or columns that tell curves apart; defaults to all others that vary.
        band: ``"trials"``, which 90 % of the trials lie in (from 5 % to 95 %), or ``"interval"``,
            which the mean lies in with 95 % confidence; defaults to the trials.
        log: logarithmic ``x``, where the numbers are not negative; 0 gets a place of its own at
            the left. Defaults to True.
        ax: Axes to draw into; defaults to new ones.

    Returns:
        The Axes; ``save(axes, path)`` writes their figure.

    Raises:
        ValueError: no such column, or nothing to draw.
    """
    rows = [dict(row) for row in results]
    along, groups = choose_columns(rows, x, y, group)
    drawn = series_of(rows, along, y, groups, band)
    axes = prepared(ax)
    places = Places([value for one in drawn for value in one.x], log)
    for number, one in enumerate(drawn):
        _draw_series(axes, one, places, number)
    places.label(axes)
    _draw_error_free(axes, rows, y)
    _percent(axes, y)
    axes.set_xlabel(LABELS.get(along, along.replace("_", " ")))
    axes.set_ylabel(LABELS.get(y, y.replace("_", " ")))
    _legend(axes, drawn, groups, band)
    return axes


def _draw_series(axes: Axes, one: Series, places: Places, number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    marker = MARKERS[number % len(MARKERS)]
    x = places(one.x)
    joined = np.array([not places.zero or value != 0 for value in one.x])
    look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4}
    line = "none" if places.words else "-"
    axes.plot(
        x[joined],
        one.mean[joined],
        linestyle=line,
        linewidth=1.6,
        label=one.label or "mean",
        **look,
    )
    axes.plot(x[~joined], one.mean[~joined], linestyle="none", **look)
    if not one.spread:
        return
    if places.words:
        reach = np.stack([one.mean - one.low, one.high - one.mean])
        axes.errorbar(x, one.mean, np.abs(reach), fmt="none", ecolor=colour, capsize=3)
        return
    axes.fill_between(
        x[joined], one.low[joined], one.high[joined], color=colour, alpha=0.18, linewidth=0
    )
    axes.vlines(x[~joined], one.low[~joined], one.high[~joined], color=colour, alpha=0.35, lw=4)


def _draw_error_free(axes: Axes, rows: Sequence[Mapping[str, Any]], y: str) -> None:
    levels: set[float] = {0.0}
    if y == "accuracy":
        levels = {row["accuracy_error_free"] for row in rows}
    elif y != "accuracy_drop":
        return
    for number, level in enumerate(sorted(levels)):
        label = "no errors" if number == 0 else None
        axes.axhline(level, color="0.35", linestyle="--", linewidth=1, label=label, zorder=1)


def _percent(axes: Axes, y: str) -> None:
    from matplotlib.ticker import PercentFormatter

    if y.startswith("accuracy"):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _legend(axes: Axes, drawn: Sequence[Series], groups: Sequence[str], band: str) -> None:
    from matplotlib.patches import Patch

    handles, labels = axes.get_legend_handles_labels()
    if any(one.spread for one in drawn):
        handles.append(Patch(color="0.6", alpha=0.4, linewidth=0))
        labels.append("90 % of trials" if band == "trials" else "95 % interval of the mean")
    title = ", ".join(LABELS.get(name, name.replace("_", " ")) for name in groups) or None
    axes.legend(handles, labels, title=title, frameon=False, fontsize=8, title_fontsize=8)
