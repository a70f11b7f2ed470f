"""What all figures share: colours, a fresh pair of Axes, and how they become files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.files import atomic_write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "LABELS", "MARKERS", "check_suffix", "prepared", "save"]

# Okabe and Ito: told apart by the colour-blind, and in print.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP*"
SUFFIXES = (".png", ".svg", ".pdf")
LABELS = {
    "ber": "bit error rate",
    "sign_flip": "sign flip rate",
    "drop": "drop rate (±1 read as 0)",
    "rise": "rise rate (0 read as ±1)",
    "accuracy": "accuracy",
    "accuracy_drop": "loss of accuracy",
    "layers": "layers with errors",
    "per": "one draw lasts for a",
    "vdd_V": "supply (V)",
    "sense_time_s": "sense time (s)",
    "temperature_C": "temperature (°C)",
    "age_s": "time since programming (s)",
}


def _figure(width: float = 5.4, height: float = 3.7) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TernaryEngineError(
            "plots need matplotlib: pip install 'ternary-engine[plot]'"
        ) from error
    return Figure(figsize=(width, height), dpi=200, layout="constrained")


def prepared(ax: Axes | None, height: float = 3.7) -> Axes:
    """Give Axes in the house style: the user's own, or new ones."""
    axes: Axes = _figure(height=height).add_subplot() if ax is None else ax
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    return axes


def check_suffix(path: str | os.PathLike[str]) -> None:
    """Raise ValueError unless figures can be written under this name."""
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise ValueError(f"{target}: figures are {', '.join(SUFFIXES)}; got {target.suffix!r}")


def save(axes: Axes, path: str | os.PathLike[str]) -> None:
    """Write the figure of some Axes; the suffix says how: .png, .svg or .pdf.

    Raises:
        ValueError: another suffix. OSError: it cannot be written.
    """
    target = Path(path)
    check_suffix(target)
    figure = axes.get_figure(root=True)
    assert figure is not None
    with atomic_write(target) as temporary:
        figure.savefig(temporary, format=target.suffix[1:])
