"""``ternary-engine device``: distributions of resistance, energy, endurance, error rates."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ternary_engine.cli import physics, screen
from ternary_engine.cli.options import AsJson, within
from ternary_engine.cli.physics import Plot

if TYPE_CHECKING:
    from ternary_engine.device import Device
    from ternary_engine.physics.rates import Rates

__all__ = ["device"]

_CONDITIONS = "Programming conditions (default: the preset's)"
_QUANTILES = (0.001, 0.5, 0.999)


def device(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE",
            help="talk, degraded or low-energy, or measured samples: a .csv with the columns "
            "state (LRS, HRS) and resistance (ohms).",
        ),
    ] = "talk",
    compliance: Annotated[
        float | None,
        typer.Option(metavar="A", rich_help_panel=_CONDITIONS, help="SET compliance current."),
    ] = None,
    reset_voltage: Annotated[
        float | None, typer.Option(metavar="V", rich_help_panel=_CONDITIONS, help="RESET voltage.")
    ] = None,
    pulse_width: Annotated[
        float | None, typer.Option(metavar="S", rich_help_panel=_CONDITIONS, help="Of both pulses.")
    ] = None,
    stuck_lrs: Annotated[
        float, typer.Option(metavar="P", callback=within(0, 1), help="Share stuck at LRS.")
    ] = 0.0,
    stuck_hrs: Annotated[
        float, typer.Option(metavar="P", callback=within(0, 1), help="Share stuck at HRS.")
    ] = 0.0,
    age: Annotated[
        float, typer.Option(metavar="S", callback=within(0), help="Time since programming.")
    ] = 0.0,
    temperature: Annotated[
        float, typer.Option(metavar="C", help="At which the devices were kept, degrees Celsius.")
    ] = 27.0,
    codes: Annotated[
        bool,
        typer.Option(
            "--codes",
            rich_help_panel="What to show (default: the device)",
            help="Wrong bits with one device a bit, two (2T2R), and Hamming codes.",
        ),
    ] = False,
    plot: Plot = None,
    json: AsJson = False,
) -> None:
    """Show what resistances a device has, and what errors that makes.

    Distributions of the low and the high resistance state, programming energy,
    endurance, the error rates under the default sense amplifier, and the
    presets side by side. A .csv of measured samples is fitted. Parameters of
    the talk's devices that are not public are chosen, and labelled so. With
    --codes, --plot draws errors over the energy of programming.

    Examples:
      $ ternary-engine device
      $ ternary-engine device low-energy --plot distributions.png
      $ ternary-engine device samples.csv --stuck-hrs 0.001 --json
      $ ternary-engine device --codes --plot trade_off.png
    """
    physics.check_plot(plot)
    given = {
        "compliance": compliance,
        "reset_voltage": reset_voltage,
        "pulse_width": pulse_width,
        "stuck_lrs": stuck_lrs,
        "stuck_hrs": stuck_hrs,
    }
    made = physics.find_device(name, **{k: v for k, v in given.items() if v is not None})
    made = made.aged(age, temperature)
    if codes:
        from ternary_engine.cli.codes import show_codes

        show_codes(name, made, plot, json)
        return
    from ternary_engine.device import Device
    from ternary_engine.physics.rates import error_rates
    from ternary_engine.sense import SenseAmp

    sense = SenseAmp()
    with screen.patience("integrating error rates"), physics.told_warnings():
        rates = error_rates(made, sense)
    if json:
        screen.emit_json(_as_dict(name, made, rates))
    else:
        _show(name, made, rates)
    if plot is not None:
        from ternary_engine.physics import figures

        devices = {"talk": Device(), name: made} if made != Device() else {name: made}
        axes = figures.distributions(devices, sense.threshold(made.resistance("hrs").median))
        physics.draw(axes, plot)


def _states(made: Device) -> list[dict[str, Any]]:
    return [
        {
            "state": state,
            "median": made.resistance(state).median,
            "sigma": made.resistance(state).sigma,
            "quantiles": dict(
                zip(map(str, _QUANTILES), made.ppf(state, _QUANTILES).tolist(), strict=True)
            ),
        }
        for state in ("lrs", "hrs")
    ]


def _raw(made: Device) -> float:
    """Error rate of one device read against the best reference."""
    from ternary_engine.physics.binary_reads import read_alone

    return read_alone(made).mean


def _as_dict(name: str, made: Device, rates: Rates) -> dict[str, Any]:
    found = {
        "device": name,
        "trust": physics.CHOSEN,
        "compliance": made.compliance,
        "reset_voltage": made.reset_voltage,
        "pulse_width": made.pulse_width,
        "age": made.age,
        "stuck_lrs": made.stuck_lrs,
        "stuck_hrs": made.stuck_hrs,
        "states": _states(made),
        "programming_energy": made.programming_energy,
        "endurance": made.endurance,
        "raw_error_rate": _raw(made),
        "rates": rates.to_dict(),
        "fitted": [dataclasses.asdict(fit) for fit in made.fitted],
    }
    checked: dict[str, Any] = physics.finite(found)
    return checked


def _show(name: str, made: Device, rates: Rates) -> None:
    from ternary_engine.device import PRESETS, Device

    conditions = f"{made.compliance * 1e6:g} µA, {made.reset_voltage:g} V, "
    conditions += f"{made.pulse_width * 1e6:g} µs"
    if made.fitted:
        conditions = "as measured"
    columns = ("state", "median", "sigma of ln R", *(f"{q:.1%} below" for q in _QUANTILES[::2]))
    rows = [
        (
            one["state"].upper(),
            physics.ohms(one["median"]),
            f"{one['sigma']:.3f}",
            *(physics.ohms(one["quantiles"][str(q)]) for q in _QUANTILES[::2]),
        )
        for one in _states(made)
    ]
    screen.emit(screen.table(columns, rows, title=f"{name}: {conditions}"), "")
    if made.fitted:
        screen.emit(_fit_table(made), "")
    else:
        pairs = [
            ("energy", f"{physics.joules(made.programming_energy)} for one SET and one RESET"),
            ("endurance", f"{made.endurance:.2g} cycles"),
        ]
        screen.emit_pairs(pairs)
    screen.emit_pairs([("one device alone", f"wrong in {_raw(made):.2g} of reads")])
    title = "error rates, default sense amplifier"
    screen.emit("", screen.table(("error", "rate"), physics.rate_rows(rates, None), title), "")
    presets = [(key, Device.preset(key)) for key in PRESETS]
    screen.emit(_preset_table(presets), "")
    screen.emit_pairs([("trust", physics.CHOSEN)])


def _fit_table(made: Device) -> Any:
    rows = [
        (
            fit.state.upper(),
            f"{fit.samples:,}",
            f"{physics.ohms(fit.median)} ± {physics.ohms(fit.median_error)}",
            f"{fit.sigma:.3f} ± {fit.sigma_error:.3f}",
            f"{fit.distance:.3f}",
        )
        for fit in made.fitted
    ]
    columns = ("fit", "samples", "median", "sigma of ln R", "distance")
    return screen.table(columns, rows, title="fit to the samples (standard errors, KS distance)")


def _preset_table(presets: list[tuple[str, Device]]) -> Any:
    rows = [
        (
            key,
            f"{one.compliance * 1e6:g} µA",
            f"{one.reset_voltage:g} V",
            f"{one.pulse_width * 1e6:g} µs",
            physics.ohms(one.resistance("lrs").median),
            physics.ohms(one.resistance("hrs").median),
            physics.joules(one.programming_energy),
            f"{_raw(one):.2g}",
        )
        for key, one in presets
    ]
    columns = ("preset", "SET", "RESET", "pulses", "LRS", "HRS", "energy", "alone wrong")
    return screen.table(columns, rows, title="presets")
