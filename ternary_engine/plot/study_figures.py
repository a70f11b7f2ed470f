"""Figures of studies: sensitivity as bars, yield as a curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ternary_engine.plot.style import COLOURS, prepared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ternary_engine.studies.population import Population
    from ternary_engine.studies.sensitivity import Sensitivity

__all__ = ["sensitivity", "yields"]


def sensitivity(
    result: Sensitivity, *, by: Literal["layer", "type", "part"] = "layer", ax: Axes | None = None
) -> Axes:
    """Draw bars of the accuracy that each layer, error type or part costs, with intervals.

    Args:
        result: of `te.sensitivity`.
        by: what the bars stand for; defaults to layers.
        ax: Axes to draw into; defaults to new ones.

    Raises:
        ValueError: the study has none of these.
    """
    entries = [one for one in result.entries if one.by == by]
    if not entries:
        known = sorted({one.by for one in result.entries})
        raise ValueError(f"by: got {by!r}; this study has {', '.join(known)}")
    axes = prepared(ax, height=1.4 + 0.45 * len(entries))
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="0.9", linewidth=0.8)
    place = np.arange(len(entries), dtype=np.float64)
    kinds = (("errors here alone", "alone", -0.2), ("gain if this is spared", "spared", 0.2))
    for colour, (label, name, shift) in zip(COLOURS, kinds, strict=False):
        intervals = [getattr(one, name) for one in entries]
        mean = np.array([one.value for one in intervals])
        reach = np.array([[one.value - one.low, one.high - one.value] for one in intervals]).T
        axes.barh(place + shift, mean, 0.38, color=colour, label=label)
        axes.errorbar(
            mean, place + shift, xerr=np.nan_to_num(reach, posinf=0.0), fmt="none", ecolor="0.25"
        )
    from matplotlib.ticker import PercentFormatter

    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_yticks(place, [one.name for one in entries])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("loss of accuracy (mean over trials, 95 % interval)")
    axes.legend(
        frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderpad=0
    )
    return axes


def yields(result: Population, *, ax: Axes | None = None) -> Axes:
    """Draw the share of chips that reach an accuracy, with Wilson's band.

    Args:
        result: of `te.population`.
        ax: Axes to draw into; defaults to new ones.
    """
    from matplotlib.ticker import PercentFormatter

    axes = prepared(ax)
    for number, (name, one) in enumerate(result.settings.items()):
        levels = np.unique(one.accuracies)
        step = max(1e-3, float(np.ptp(levels)) * 0.02)
        levels = np.array([levels[0] - step, *levels, levels[-1] + step])
        shares = [one.share_above(level, result.confidence) for level in levels]
        colour = COLOURS[number % len(COLOURS)]
        axes.step(levels, [s.value for s in shares], where="pre", color=colour, label=name)
        low, high = [s.low for s in shares], [s.high for s in shares]
        axes.fill_between(levels, low, high, step="pre", color=colour, alpha=0.18, linewidth=0)
    axes.axvline(result.accuracy, color="0.35", linestyle="--", linewidth=1, label="wanted")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("accuracy")
    axes.set_ylabel("share of chips that reach it")
    axes.legend(frameon=False, fontsize=8)
    return axes
