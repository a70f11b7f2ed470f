"""Draw the figures of docs/physics.md: ``python docs/figures/physics.py`` (half a minute).

Needs matplotlib (the extra ``plot``) and ngspice.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ternary_engine as te
from ternary_engine import spice
from ternary_engine.physics import figures
from ternary_engine.physics.studies import conditions, read_map, separation
from ternary_engine.plot import save
from ternary_engine.plot.style import COLOURS, prepared

HERE = Path(__file__).parent
DEVICE, SENSE = te.Device(), te.SenseAmp()


def distributions() -> None:
    """Resistances of the presets."""
    devices = {name: te.Device.preset(name) for name in ("talk", "degraded", "low-energy")}
    threshold = SENSE.threshold(DEVICE.resistance("hrs").median)
    save(figures.distributions(devices, threshold), HERE / "physics_distributions.png")


def transients() -> None:
    """The same reads at two supplies."""
    figure = Figure(figsize=(9.0, 3.6), dpi=160, layout="constrained")
    for axes, vdd in zip(figure.subplots(1, 2), (5.0, 1.2), strict=True):
        figures.transient(te.SenseAmp(vdd=vdd), DEVICE, duration=100e-9, ax=axes)
    save(figure.axes[0], HERE / "physics_transient.png")


def regions() -> None:
    """The read value over both resistances."""
    title = "thick-oxide, 1.2 V, 50 ns"
    save(figures.read_regions(read_map(SENSE, points=193), title), HERE / "physics_map.png")


def rates() -> None:
    """Error rates over the supply."""
    supplies = np.round(np.concatenate([np.arange(0.85, 1.5, 0.05), np.geomspace(1.5, 5, 10)]), 3)
    found = conditions(DEVICE, SENSE, vdd=supplies.tolist())
    save(figures.error_rates_over("vdd", found, recalled=True), HERE / "physics_rates.png")


def resolve_times() -> None:
    """How long a +1 and a 0 take to resolve, model and SPICE."""
    axes = prepared(None)
    supplies = np.geomspace(0.9, 5.0, 30)
    times = np.array([separation(te.SenseAmp(vdd=v), DEVICE) for v in supplies]) * 1e9
    for number, label in enumerate(("+1 resolves", "0 resolves")):
        axes.plot(supplies, times[:, number], color=COLOURS[number], label=f"{label}, model")
    axes.plot(supplies, times[:, 1] - times[:, 0], "k:", label="separation, model")
    for vdd in (0.9, 1.2, 1.8, 2.5, 3.3, 5.0):
        for number, time in enumerate(_spice(te.SenseAmp(vdd=vdd))):
            label = "ngspice, the same circuit" if (vdd, number) == (0.9, 0) else None
            axes.plot([vdd], [time * 1e9], "o", color="black", markersize=3.5, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1, 1.2, 1.5, 2, 3, 4, 5], ["1", "1.2", "1.5", "2", "3", "4", "5"])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("supply (V)")
    axes.set_ylabel("time (ns)")
    axes.legend(fontsize=7, frameon=False)
    figures.state_origin(axes, f"{figures.MODEL}; dots: ngspice")
    save(axes, HERE / "physics_separation.png")


def _spice(sense: te.SenseAmp) -> list[float]:
    low, high = DEVICE.resistance("lrs").median, DEVICE.resistance("hrs").median
    found = []
    for r, expected in zip((low, 0.9 * high), separation(sense, DEVICE), strict=True):
        waves = spice.simulate(sense.netlist(r, high, duration=1.3 * expected))
        gap = np.abs(waves.bl - waves.blb)
        end = int(np.argmax(gap >= 0.5 * sense.supply)) + 1
        found.append(float(np.interp(0.5 * sense.supply, gap[:end], waves.time[:end])))
    return found


if __name__ == "__main__":
    warnings.simplefilter("ignore", te.PhysicsWarning)
    for draw in (distributions, transients, regions, rates, resolve_times):
        draw()
