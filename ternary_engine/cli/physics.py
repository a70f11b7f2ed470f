"""What the commands about devices and sense amplifiers share."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ternary_engine.cli import screen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ternary_engine.device import Device
    from ternary_engine.physics.rates import Rates

__all__ = ["CHOSEN", "Plot", "check_plot", "draw", "find_device", "finite", "ohms", "rate_rows"]

CHOSEN = "model: parameters that are not public are chosen, none is measured (docs/physics.md)"
_TYPES = (
    ("sign_flip", "type 1: +1 and -1 swapped"),
    ("drop", "type 2: +1 or -1 read as 0"),
    ("rise", "type 3: 0 read as +1 or -1"),
)

Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FIGURE", help="Figure to draw: .png, .svg or .pdf."),
]


def find_device(name: str, **options: Any) -> Device:
    """A preset by name, or a fit to the samples in a .csv."""
    from ternary_engine.cli import data
    from ternary_engine.device import PRESETS, Device

    if name in PRESETS:
        return Device(**{**PRESETS[name], **options})
    if name.endswith(".csv"):
        data.check_file(Path(name))
        return Device.fit(name, **options)
    raise ValueError(f"device: got {name!r}; it takes a .csv or one of {', '.join(PRESETS)}")


def check_plot(plot: Path | None) -> None:
    """Raise, before the work, where a figure could not be written."""
    if plot is None:
        return
    from ternary_engine.cli import data
    from ternary_engine.plot import style

    style.check_suffix(plot)
    data.check_folder(plot)
    style.prepared(None)  # says so where matplotlib is missing


def draw(axes: Axes, plot: Path) -> None:
    """Write a figure and say where."""
    from rich.markup import escape

    from ternary_engine.plot import save

    save(axes, plot)
    screen.narrate(f"drawn in {escape(str(plot))}")


@contextlib.contextmanager
def told_warnings() -> Iterator[None]:
    """Tell warnings about the physics as lines of our own, each once."""
    from ternary_engine.physics.checks import PhysicsWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PhysicsWarning)
        try:
            yield
        finally:
            for line in dict.fromkeys(str(one.message) for one in caught):
                screen.warn(line)


def ohms(r: float) -> str:
    """Write a resistance: ``335 kΩ``."""
    if not math.isfinite(r):
        return "none"
    for factor, unit in ((1e9, "GΩ"), (1e6, "MΩ"), (1e3, "kΩ")):
        if r >= 0.9995 * factor:
            return f"{r / factor:.3g} {unit}"
    return f"{r:.3g} Ω"


def joules(energy: float) -> str:
    """Write an energy: ``211 fJ``."""
    for factor, unit in ((1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"), (1e-12, "pJ")):
        if energy >= 0.9995 * factor:
            return f"{energy / factor:.3g} {unit}"
    return f"{energy / 1e-15:.3g} fJ"


def finite(value: Any) -> Any:
    """The same with None for what JSON lacks: infinity and NaN."""
    if isinstance(value, dict):
        return {key: finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def rate_rows(exact: Rates, counted: Rates | None) -> list[tuple[str, ...]]:
    """One row for each type of error: by quadrature, and as counted with limits."""
    rows = []
    for place, (kind, label) in enumerate(_TYPES):
        row: tuple[str, ...] = (label, f"{getattr(exact, kind):.3g}")
        if counted is not None:
            limits = f"{counted.low[place]:.3g} .. {counted.high[place]:.3g}"
            row += (f"{getattr(counted, kind):.3g}", limits)
        rows.append(row)
    return rows
