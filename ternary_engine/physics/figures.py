"""Figures of devices and sense amplifiers; each says on its face what is model and what quoted.

They need the extra ``plot``: ``pip install 'ternary-engine[plot]'``; `ternary_engine.plot.save`
writes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ternary_engine.device import Device
from ternary_engine.physics.studies import Condition, ReadMap
from ternary_engine.plot.style import COLOURS, MARKERS, prepared
from ternary_engine.sense import SenseAmp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "distributions",
    "error_rates_over",
    "rates_by_corner",
    "read_regions",
    "state_origin",
    "transient",
]

MODEL = "model; parameters chosen, none measured (docs/physics.md)"
_FROM, _TO = -4.9, 4.9  # deviations of the probability axis
_TICKS = (1e-6, 1e-4, 1e-2, 0.1, 0.5, 0.9, 0.99, 0.9999, 0.999999)
_NANO = 1e9
_LEAST = 1e-11  # rates below are not drawn
LABELS = {
    "vdd": "supply (V)",
    "sense_time": "sense time (ns)",
    "temperature": "temperature (°C)",
    "corner": "process corner",
}
_KINDS = (
    ("sign_flip", "type 1: sign flip"),
    ("drop", "type 2: ±1 read as 0"),
    ("rise", "type 3: 0 read as ±1"),
)


def state_origin(axes: Axes, text: str = MODEL) -> None:
    """Write on a figure where its lines come from: model, or quoted."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.supxlabel(text, fontsize=7, color="0.4", ha="right", x=0.99)


def distributions(
    devices: Mapping[str, Device], threshold: float | None = None, ax: Axes | None = None
) -> Axes:
    """Cumulative distributions of LRS and HRS on a normal scale.

    Args:
        devices: by the name to show.
        threshold: ohms, a line where reads change.
        ax: to draw into; default, new Axes.
    """
    from scipy.special import ndtr, ndtri

    axes = prepared(ax)
    z = np.linspace(_FROM, _TO, 401)
    for number, (name, device) in enumerate(devices.items()):
        for state, style in (("lrs", "--"), ("hrs", "-")):
            r = device.ppf(state, ndtr(z))  # type: ignore[arg-type]
            label = f"{state.upper()}, {name}" if len(devices) > 1 else state.upper()
            axes.plot(r, z, style, color=COLOURS[number % len(COLOURS)], label=label)
    axes.set_xscale("log")
    axes.set_yticks(ndtri(_TICKS), [f"{tick:g}" for tick in _TICKS])
    axes.set_ylim(_FROM, _TO)
    axes.set_xlabel("resistance (Ω)")
    axes.set_ylabel("share of the devices below")
    if threshold:
        axes.axvline(threshold, color="0.4", linewidth=1, linestyle=":")
        axes.annotate(
            "just resolves in time",
            (threshold, -3.2),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=7,
            rotation=90,
            va="center",
        )
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    state_origin(axes)
    return axes


def transient(
    sense: SenseAmp, device: Device, duration: float | None = None, ax: Axes | None = None
) -> Axes:
    """The outputs while a +1 and a 0 are read, at the medians of a device.

    Args:
        sense: the amplifier.
        device: its medians are read; the 0 has one device a tenth below the other.
        duration: s; default, twice the sense time.
        ax: to draw into; default, new Axes.
    """
    axes = prepared(ax)
    low, high = device.resistance("lrs").median, device.resistance("hrs").median
    end = 2.0 * sense.sense_time if duration is None else duration
    for number, (name, r) in enumerate((("+1", low), ("0", 0.9 * high))):
        waves = sense.waveforms(r, high, duration=end)
        look: dict[str, Any] = {"color": COLOURS[number], "linewidth": 1.6}
        pair = f"{r / 1e3:.3g} kΩ / {high / 1e3:.3g} kΩ"
        axes.plot(waves.time * _NANO, waves.bl, label=f"{name}: BL, {pair}", **look)
        axes.plot(waves.time * _NANO, waves.blb, linestyle="--", label=f"{name}: BLb", **look)
    axes.axvline(sense.sense_time * _NANO, color="0.4", linewidth=1, linestyle=":")
    axes.set_xlabel("time (ns)")
    axes.set_ylabel("output (V)")
    axes.set_xlim(0, end * _NANO)
    axes.set_ylim(-0.03 * sense.supply, 1.04 * sense.supply)
    axes.set_title(f"{sense.flavour}, {sense.supply:g} V, sensed at the dotted line", fontsize=9)
    axes.legend(fontsize=7, frameon=False)
    state_origin(axes)
    return axes


def read_regions(found: ReadMap, title: str = "", ax: Axes | None = None) -> Axes:
    """The read value over both resistances, see `studies.read_map`."""
    from matplotlib.colors import ListedColormap

    axes = prepared(ax, height=4.4)
    colours = ListedColormap([COLOURS[1], "0.93", COLOURS[0]])
    axes.grid(visible=False)
    axes.pcolormesh(
        found.r_blb, found.r_bl, found.value, cmap=colours, vmin=-1, vmax=1, rasterized=True
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for value, colour in ((1, "white"), (0, "black"), (-1, "white")):
        at = np.argwhere(found.value == value)
        if len(at):
            row, column = at.mean(axis=0).astype(int)
            name = {1: "+1", 0: "0", -1: "\N{MINUS SIGN}1"}[value]
            axes.text(found.r_blb[column], found.r_bl[row], name, color=colour, fontsize=14)
    axes.set_xlabel("resistance on BLb (Ω)")
    axes.set_ylabel("resistance on BL (Ω)")
    axes.set_title(title, fontsize=9)
    state_origin(axes)
    return axes


def error_rates_over(
    axis: str, found: Sequence[Condition], ax: Axes | None = None, *, recalled: bool = False
) -> Axes:
    """Error rates of types 1 to 3 over one condition.

    Args:
        axis: ``"vdd"``, ``"sense_time"``, ``"temperature"`` or ``"corner"``.
        found: from `studies.conditions`.
        ax: to draw into; default, new Axes.
        recalled: mark the talk's recalled rate of type 3.
    """
    axes = prepared(ax)
    x = [getattr(one, axis) * (_NANO if axis == "sense_time" else 1) for one in found]
    for number, (kind, label) in enumerate(_KINDS):
        y = np.array([getattr(one, kind) for one in found])
        y[y < _LEAST] = np.nan
        look: dict[str, Any] = {
            "color": COLOURS[number],
            "marker": MARKERS[number],
            "markersize": 4,
        }
        axes.plot(x, y, label=label, **look)
    text = MODEL
    if recalled:
        axes.plot([1.2], [0.065], "*", color="black", markersize=9, label="type 3, recalled")
        text = f"lines: {MODEL}; star: recalled figure of the paper"
    axes.set_yscale("log")
    axes.set_ylim(_LEAST, 2.0)
    axes.set_xlabel(LABELS[axis])
    axes.set_ylabel("error rate per read")
    axes.legend(fontsize=7, frameon=False)
    state_origin(axes, text)
    return axes


def rates_by_corner(found: Sequence[Condition], ax: Axes | None = None) -> Axes:
    """Rates of types 2 and 3 over corner, supply and temperature (the PVT study).

    Every point is one condition; a corner's points lie side by side by supply, and their colour
    is the temperature.
    """
    axes = prepared(ax)
    corners = list(dict.fromkeys(one.corner for one in found))
    supplies = sorted({one.vdd for one in found})
    temperatures = sorted({one.temperature for one in found})
    for number, temperature in enumerate(temperatures):
        here = [one for one in found if one.temperature == temperature]
        x = [corners.index(one.corner) + 0.22 * (supplies.index(one.vdd) - 1) for one in here]
        look: dict[str, Any] = {"color": COLOURS[number], "markersize": 5, "linestyle": "none"}
        label = f"{temperature:g} °C"
        axes.plot(x, [one.rise for one in here], marker="o", label=f"type 3, {label}", **look)
        drops = [one.drop if one.drop > _LEAST else np.nan for one in here]
        axes.plot(x, drops, marker="v", fillstyle="none", label=f"type 2, {label}", **look)
    axes.set_xticks(range(len(corners)), corners)
    listed = ", ".join(f"{supply:g}" for supply in supplies)
    axes.set_xlabel(f"process corner; in each, from left to right, {listed} V")
    axes.set_ylabel("error rate per read")
    axes.set_yscale("log")
    axes.legend(fontsize=6, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    state_origin(axes)
    return axes
