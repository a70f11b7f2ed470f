"""Panel: distributions of the resistances, and what programming costs."""

from __future__ import annotations

from ternary_engine import text
from ternary_engine.device import PRESETS, Device
from ternary_engine.physics import figures
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table
from ternary_engine.sense import SenseAmp

__all__ = ["panel"]


def panel(setting: Setting) -> Panel:
    """The three presets of the device model."""
    del setting
    devices = {name: Device.preset(name) for name in PRESETS}
    talk, weak = devices["talk"], devices["low-energy"]
    threshold = SenseAmp().threshold(talk.resistance("hrs").median)
    ratio = talk.programming_energy / weak.programming_energy
    rows = [
        (
            name,
            _condition(one),
            f"{one.resistance('lrs').median / 1e3:.1f} kΩ",
            f"{one.resistance('hrs').median / 1e3:.0f} kΩ",
            f"{one.programming_energy * 1e9:.2g} nJ",
            f"{one.endurance:.1e}",
        )
        for name, one in devices.items()
    ]
    columns = ("preset", "programming", "LRS", "HRS", "energy", "cycles")
    return Panel(
        "devices",
        "Distributions of the devices",
        (
            "Medians, spreads and how they depend on programming are not public; the model's are "
            "chosen so that the error rates are of the recalled order (docs/physics.md)."
        ),
        (
            Claim(
                "The distributions are those of SET at 200 µA, RESET at 2.5 V, pulses of 100 µs",
                "deck",
                "talk",
                "the default device stands for this condition",
                "set so",
            ),
            Claim(
                "A weak condition takes 30 times less energy to program",
                "quoted",
                "Hirtzlin 2019",
                f"{ratio:.0f} times less in the preset “low-energy”",
                "set so",
            ),
            Claim(
                "Stronger programming: fewer errors, more energy, fewer cycles",
                "quoted",
                "Hirtzlin 2019",
                "so in the table below, by the form of the model",
                "set so",
            ),
        ),
        (
            Picture(
                "devices",
                figures.distributions(devices, threshold),
                "Model, parameters chosen. LRS of “talk” and “degraded” are the same line.",
            ),
        ),
        (Table("devices", columns, rows),),
    )


def _condition(device: Device) -> str:
    current, width = device.compliance * 1e6, text.duration(device.pulse_width)
    return f"{current:g} µA, {device.reset_voltage:g} V, {width}"
