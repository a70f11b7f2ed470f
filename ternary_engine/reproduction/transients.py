"""Panel: the sense amplifier at nominal and at low supply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ternary_engine.device import Device
from ternary_engine.physics import figures
from ternary_engine.physics.distributions import FloatArray
from ternary_engine.physics.studies import separation
from ternary_engine.plot.style import COLOURS, prepared
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table
from ternary_engine.sense import SenseAmp

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["panel"]

NOMINAL, LOW = 5.0, 1.2  # V; deck: thick oxide at its nominal 5 V, run near threshold
_RECALLED = ((5e3, 350e3), (320e3, 350e3))  # ohms: SPICE example of a +1 and of a 0
_NANO = 1e9


def panel(setting: Setting) -> Panel:
    """Transients of a +1 and a 0, and how far apart they resolve."""
    device = Device()
    supplies = np.geomspace(0.9, NOMINAL, 9 if setting.quick else 25)
    times = np.array([separation(SenseAmp(vdd=float(vdd)), device) for vdd in supplies])
    columns = ("supply (V)", "+1 resolves (ns)", "0 resolves (ns)", "separation (ns)")
    gaps = times[:, 1] - times[:, 0]
    rows = [
        (round(float(v), 3), *np.round(_NANO * t, 2), round(float(_NANO * gap), 2))
        for v, t, gap in zip(supplies, times, gaps, strict=True)
    ]
    return Panel(
        "transients",
        "Transients at nominal and low supply",
        (
            "A +1 discharges one branch through a device in LRS; a 0 discharges both through "
            "devices in HRS, and near threshold the pair chokes itself. The circuit is a compact "
            "model with chosen parameters; ngspice on the same equations agrees within 0.1 % "
            "(docs/physics.md)."
        ),
        _claims(device, gaps),
        (
            Picture(
                "transients",
                _waves(device),
                "Model, parameters chosen. Outputs while a +1 and a 0 are read; "
                "the dotted line is the sense time.",
                wide=True,
            ),
            Picture(
                "separation",
                _apart(supplies, times),
                "Model, parameters chosen. Time to resolve, without offset.",
            ),
        ),
        (Table("separation", columns, rows, shown=False),),
    )


def _claims(device: Device, gaps: FloatArray) -> tuple[Claim, ...]:
    nominal, low = SenseAmp(vdd=NOMINAL), SenseAmp(vdd=LOW)
    apart = [np.subtract(*separation(one, device)[::-1]) * _NANO for one in (nominal, low)]
    zero = 0.9 * device.resistance("hrs").median, device.resistance("hrs").median
    read = [int(one.read(*zero).value) for one in (nominal, low)]
    energy = [float(one.read(*zero).energy) * 1e12 for one in (nominal, low)]
    example = [int(low.read(*pair).value) for pair in _RECALLED]
    slower = bool((np.diff(gaps) < 0).all())
    return (
        Claim(
            "The sense converges slowly at low supply voltage; the third value lives in that "
            "slowness",
            "deck",
            "talk",
            f"after 50 ns a 0 is read as {read[0]:+d} at {NOMINAL:g} V, as {read[1]:d} at "
            f"{LOW:g} V",
            "holds" if read[0] != 0 and read[1] == 0 else "does not hold",
        ),
        Claim(
            "The effect is magnified near threshold",
            "deck",
            "talk",
            f"between +1 and 0 lie {apart[0]:.0f} ns at {NOMINAL:g} V and {apart[1]:.0f} ns at "
            f"{LOW:g} V" + ("; it grows with every step down" if slower else ""),
            "holds" if slower else "holds in part",
        ),
        Claim(
            "Working near threshold also saves energy",
            "deck",
            "talk",
            f"a read of 0 takes {energy[0]:.2g} pJ at {NOMINAL:g} V, {energy[1]:.2g} pJ at "
            f"{LOW:g} V: {energy[0] / energy[1]:.0f} times less",
            "holds" if energy[1] < energy[0] else "does not hold",
        ),
        Claim(
            "SPICE example: 5 kΩ/350 kΩ is read as ±1, 320 kΩ/350 kΩ as 0",
            "recalled",
            "Laborieux 2020",
            f"read as {example[0]:+d} and {example[1]:d} at {LOW:g} V after 50 ns",
            "holds" if example == [1, 0] else "does not hold",
        ),
    )


def _waves(device: Device) -> Axes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 3.6), dpi=160, layout="constrained")
    for axes, vdd in zip(figure.subplots(1, 2), (NOMINAL, LOW), strict=True):
        figures.transient(SenseAmp(vdd=vdd), device, duration=100e-9, ax=axes)
    return figure.axes[0]


def _apart(supplies: FloatArray, times: FloatArray) -> Axes:
    axes = prepared(None)
    for number, label in enumerate(("+1 resolves", "0 resolves")):
        axes.plot(supplies, _NANO * times[:, number], "o-", color=COLOURS[number], label=label)
    axes.plot(supplies, _NANO * (times[:, 1] - times[:, 0]), "k:", label="separation")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks([1, 1.2, 1.5, 2, 3, 4, 5], ["1", "1.2", "1.5", "2", "3", "4", "5"])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("supply (V)")
    axes.set_ylabel("time (ns)")
    axes.legend(fontsize=8, frameon=False)
    figures.state_origin(axes)
    return axes
