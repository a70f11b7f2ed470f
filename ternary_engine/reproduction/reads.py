"""Panel: what is read over both resistances, and how often that is wrong."""

from __future__ import annotations

import numpy as np

from ternary_engine.device import Device
from ternary_engine.physics import figures
from ternary_engine.physics.rates import error_rates
from ternary_engine.physics.studies import read_map
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table
from ternary_engine.sense import SenseAmp

__all__ = ["panel"]

_ABOUT = 0.25  # "around 100 kilohms", recalled and weak


def panel(setting: Setting) -> Panel:
    """The read map, and the error rates of the talk's condition and of a degraded one."""
    sense, device = SenseAmp(), Device()
    found = read_map(sense, points=65 if setting.quick else 193)
    threshold = sense.threshold(device.resistance("hrs").median)
    ideal = threshold < np.minimum(found.r_bl[:, None], found.r_blb[None, :])
    side = np.where(found.r_bl[:, None] < found.r_blb[None, :], 1, -1)
    agree = float((np.where(ideal, 0, side) == found.value).mean())
    rates = {name: error_rates(Device.preset(name), sense) for name in ("talk", "degraded")}
    rows = [
        (name, f"{one.sign_flip:.1e}", f"{one.drop:.1e}", f"{one.rise:.2%}")
        for name, one in rates.items()
    ]
    columns = ("condition", "type 1: ±1 as ∓1", "type 2: ±1 as 0", "type 3: 0 as ±1")
    talk, degraded = rates["talk"], rates["degraded"]
    q = float(device.cdf("hrs", threshold))
    ordered = talk.sign_flip < talk.drop < talk.rise
    return Panel(
        "reads",
        "Read map and error rates",
        (
            "Thick oxide, 1.2 V, 50 ns. The map is without offset; the rates are integrated over "
            "resistances, mismatch and noise. Parameters chosen."
        ),
        (
            Claim(
                "A weight is read as 0 where the smaller resistance lies above a threshold, else "
                "as the side of the smaller one",
                "derived",
                "",
                f"so in {agree:.1%} of the map; along the diagonal equal branches stay level and "
                "are read as 0 whatever they are",
                "holds in part",
            ),
            Claim(
                "The threshold lies around 100 kΩ",
                "recalled",
                "weak",
                f"{threshold / 1e3:.0f} kΩ against the median of HRS, by choice of the capacitance",
                "set so" if abs(threshold / 100e3 - 1) < _ABOUT else "does not hold",
            ),
            Claim(
                "The new kind of error is a 0 read as ±1; sign flips hardly occur",
                "deck",
                "talk",
                f"type 3 {talk.rise:.1%}, type 2 {talk.drop:.0e}, type 1 {talk.sign_flip:.0e}",
                "holds" if ordered else "does not hold",
            ),
            Claim(
                "Measured: type 1 under 1e-6, type 2 under 1 %, type 3 6.5 %, degraded 18.5 %",
                "recalled",
                "Laborieux 2020",
                f"{talk.sign_flip:.0e}, {talk.drop:.0e}, {talk.rise:.1%}, {degraded.rise:.1%}",
                "set so",
            ),
            Claim(
                "Type 3 is 1 − (1 − q)² with q = P(HRS below the threshold)",
                "derived",
                "",
                f"{1 - (1 - q) ** 2:.1%} by the formula, {talk.rise:.1%} in the circuit, where "
                "the other branch matters a little",
                "holds in part",
            ),
        ),
        (
            Picture(
                "reads",
                figures.read_regions(found, "thick-oxide, 1.2 V, 50 ns"),
                "Model, parameters chosen. Read value over both resistances.",
            ),
        ),
        (Table("rates", columns, rows),),
    )
