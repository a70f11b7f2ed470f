"""Panel: error rates over supply, and over process, voltage and temperature."""

from __future__ import annotations

import numpy as np

from ternary_engine.device import Device
from ternary_engine.physics import figures
from ternary_engine.physics.studies import Condition
from ternary_engine.physics.studies import conditions as rates_under
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table
from ternary_engine.sense import SenseAmp

__all__ = ["panel"]

CORNERS = ("tt", "ff", "ss", "fs", "sf")
SUPPLIES = (1.08, 1.2, 1.32)  # V, 10 % to either side
TEMPERATURES = (-40.0, 27.0, 85.0)


def panel(setting: Setting) -> Panel:
    """The study over process, voltage and temperature (PVT)."""
    device, sense = Device(), SenseAmp()
    few = [0.9, 1.0, 1.1, 1.2, 1.35, 1.6, 2.5, 5.0]
    many = np.round([*np.arange(0.85, 1.5, 0.05), *np.geomspace(1.5, 5, 10)], 3).tolist()
    over = rates_under(device, sense, vdd=few if setting.quick else many)
    found = rates_under(
        device,
        sense,
        vdd=SUPPLIES,
        temperature=TEMPERATURES[::2] if setting.quick else TEMPERATURES,
        corner=CORNERS[:3] if setting.quick else CORNERS,
    )
    rises, drops = [one.rise for one in found], [one.drop for one in found]
    worst = max(found, key=lambda one: one.rise)
    safe = max(one.sign_flip for one in found)
    return Panel(
        "conditions",
        "Supply, process, voltage and temperature",
        (
            "Error rates per read of the default device, by quadrature; parameters chosen. No "
            "figure of the talk on this could be read again, so the table of claims has one line "
            "only."
        ),
        (
            Claim(
                "The ternary read works over process, voltage and temperature",
                "deck",
                "talk, no figures",
                f"at ±10 % of 1.2 V, {TEMPERATURES[0]:g} to {TEMPERATURES[-1]:g} °C and "
                f"{'three' if setting.quick else 'five'} corners: type 3 {min(rises):.1%} to "
                f"{max(rises):.1%} (worst: {worst.corner}, {worst.vdd:g} V, "
                f"{worst.temperature:g} °C), type 2 at most {max(drops):.0e}, type 1 at most "
                f"{safe:.0e}",
                "not tested",
            ),
        ),
        (
            Picture(
                "supply",
                figures.error_rates_over("vdd", over, recalled=True),
                "Lines: model, parameters chosen. Star: recalled figure of the paper, which the "
                "spread of HRS was fitted to.",
            ),
            Picture("corners", figures.rates_by_corner(found), "Model, parameters chosen."),
        ),
        (_table("supply", over), _table("conditions", found)),
    )


def _table(name: str, found: list[Condition]) -> Table:
    columns = ("vdd", "sense_time", "temperature", "corner", "sign_flip", "drop", "rise")
    rows = [[getattr(one, column) for column in columns] for one in found]
    return Table(name, columns, rows, shown=False)
