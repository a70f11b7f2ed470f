"""``ternary-engine sense``: the sense amplifier, its error rates, its read map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from ternary_engine.cli import physics, screen
from ternary_engine.cli.options import AsJson, Seed, within
from ternary_engine.cli.physics import Plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ternary_engine.device import Device
    from ternary_engine.physics.studies import Condition, ReadMap
    from ternary_engine.sense import SenseAmp

__all__ = ["sense"]

_WHAT = "What to show (default: rates under one condition)"
_SIGNS = {1: "+", 0: ".", -1: "-"}
_TEXT_MAP, _MAP = 33, 193
Axis = Literal["vdd", "time", "temperature", "corner"]
_NAMES = {"vdd": "vdd", "time": "sense_time", "temperature": "temperature", "corner": "corner"}


def sense(
    flavour: Annotated[
        Literal["thick-oxide", "thin-oxide", "nominal"],
        typer.Option(help="Transistors: 1.2 V, 0.6 V or the thick oxide at its 5 V."),
    ] = "thick-oxide",
    vdd: Annotated[
        float | None, typer.Option(metavar="V", help="Supply [dim]\\[default: by flavour][/dim].")
    ] = None,
    time: Annotated[float, typer.Option(metavar="S", help="Sense time.")] = 50e-9,
    temperature: Annotated[float, typer.Option(metavar="C", help="Degrees Celsius.")] = 27.0,
    corner: Annotated[
        Literal["tt", "ff", "ss", "fs", "sf"], typer.Option(help="Process: NMOS, then PMOS.")
    ] = "tt",
    mismatch: Annotated[
        float | None,
        typer.Option(metavar="V", help="Spread of the offset [dim]\\[default: by flavour][/dim]."),
    ] = None,
    device: Annotated[
        str, typer.Option(metavar="DEVICE", help="talk, degraded, low-energy or samples.csv.")
    ] = "talk",
    samples: Annotated[
        int,
        typer.Option(metavar="N", callback=within(0), help="Reads to count; 0 for none."),
    ] = 200_000,
    seed: Seed = None,
    map: Annotated[
        bool, typer.Option("--map", rich_help_panel=_WHAT, help="Read value over both resistances.")
    ] = False,
    pvt: Annotated[
        bool,
        typer.Option(
            "--pvt",
            rich_help_panel=_WHAT,
            help="Rates over corner, -40, 27 and 85 degrees, and supply of -10, 0 and +10 %.",
        ),
    ] = False,
    over: Annotated[
        Axis | None, typer.Option(rich_help_panel=_WHAT, help="Rates over one condition.")
    ] = None,
    spice: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.cir", help="Also write a read of +1 at the medians for ngspice."
        ),
    ] = None,
    plot: Plot = None,
    json: AsJson = False,
) -> None:
    """Show how often reads of a device pair go wrong, and under what conditions.

    Rates of the three error types by quadrature, and counted with limits at
    95 %; the resistance that just resolves, times and energies. --plot draws
    what is shown: the transient, the read map, or rates over a condition.
    Parameters that are not public are chosen, and labelled so.

    Examples:
      $ ternary-engine sense
      $ ternary-engine sense --vdd 0.9 --device degraded --plot transient.png
      $ ternary-engine sense --over vdd --plot rates.png
      $ ternary-engine sense --map --plot map.png
      $ ternary-engine sense --pvt --json
    """
    if map + pvt + (over is not None) > 1:
        raise ValueError("--map, --pvt and --over each show something else; give one")
    physics.check_plot(plot)
    from ternary_engine.sense import SenseAmp

    made = physics.find_device(device)
    amplifier = SenseAmp(flavour, vdd, time, temperature, corner, mismatch)
    if spice is not None:
        _write_netlist(amplifier, made, spice)
    with physics.told_warnings():
        if map:
            axes = _map(amplifier, json, plot is not None)
        elif pvt or over is not None:
            axes = _conditions(amplifier, made, over, json, plot is not None)
        else:
            axes = _rates(amplifier, made, samples, seed, json, plot is not None)
    if plot is not None and axes is not None:
        physics.draw(axes, plot)


def _write_netlist(amplifier: SenseAmp, made: Device, path: Path) -> None:
    from ternary_engine.files import atomic_write

    low, high = (made.resistance(state).median for state in ("lrs", "hrs"))
    with atomic_write(path) as temporary:
        temporary.write_text(amplifier.netlist(low, high), encoding="ascii")


def _describe(amplifier: SenseAmp) -> str:
    return (
        f"{amplifier.flavour}, {amplifier.supply:g} V, {amplifier.sense_time * 1e9:g} ns, "
        f"{amplifier.temperature:g} °C, {amplifier.corner}"
    )


def _rates(
    amplifier: SenseAmp, made: Device, samples: int, seed: int | None, json: bool, drawn: bool
) -> Axes | None:
    from ternary_engine.cli.sensing import fresh_seed
    from ternary_engine.physics.rates import error_rates

    seed = fresh_seed() if seed is None else seed
    with screen.patience("integrating and counting reads"):
        exact = error_rates(made, amplifier)
        counted = None
        if samples:
            counted = error_rates(made, amplifier, method="monte-carlo", samples=samples, seed=seed)
    figures = _figures(amplifier, made)
    if json:
        rates = {"quadrature": exact.to_dict(), "monte_carlo": counted and counted.to_dict()}
        found = {"amplifier": _describe(amplifier), "trust": physics.CHOSEN, "seed": seed}
        screen.emit_json(physics.finite(found | rates | figures))
    else:
        columns = ("error", "rate", "counted", "95 % limits")[: 4 if counted else 2]
        rows = physics.rate_rows(exact, counted)
        screen.emit(screen.table(columns, rows, title=_describe(amplifier)), "")
        if counted:
            screen.emit_pairs([("counted", f"{samples:,} reads of +1 and of 0, seed {seed}")])
        screen.emit_pairs(_lines(figures))
    if not drawn:
        return None
    from ternary_engine.physics.figures import transient

    return transient(amplifier, made)


def _figures(amplifier: SenseAmp, made: Device) -> dict[str, Any]:
    from ternary_engine.physics.studies import separation

    low, high = (made.resistance(state).median for state in ("lrs", "hrs"))
    one, zero = separation(amplifier, made)
    energy = amplifier.read([low, 0.9 * high], high).energy.tolist()
    return {
        "threshold": amplifier.threshold(high),
        "resolve_time": {"one": one, "zero": zero},
        "energy": {"one": energy[0], "zero": energy[1]},
        "mismatch_sigma": amplifier.offset_sigma,
    }


def _lines(figures: dict[str, Any]) -> list[tuple[str, str]]:
    from ternary_engine.text import duration

    one, zero = (duration(t) if t < 1.0 else "never" for t in figures["resolve_time"].values())
    energy = figures["energy"]
    return [
        ("threshold", f"{physics.ohms(figures['threshold'])} just resolves in time"),
        ("resolves", f"+1 in {one}, 0 in {zero} (medians; of the 0, one device 10 % lower)"),
        (
            "energy",
            f"+1 {physics.joules(energy['one'])}, 0 {physics.joules(energy['zero'])} a read",
        ),
        ("offset", f"spread of {figures['mismatch_sigma'] * 1e3:g} mV between amplifiers"),
        ("trust", physics.CHOSEN),
    ]


def _map(amplifier: SenseAmp, json: bool, drawn: bool) -> Axes | None:
    from ternary_engine.physics.studies import read_map

    found = read_map(amplifier, points=_TEXT_MAP)
    if json:
        values = {"r_bl": found.r_bl.tolist(), "r_blb": found.r_blb.tolist()}
        values |= {"value": found.value.tolist(), "time": found.time.tolist()}
        head = {"amplifier": _describe(amplifier), "trust": physics.CHOSEN}
        screen.emit_json(physics.finite(head | values))
    else:
        screen.emit(*_text_map(found, _describe(amplifier)))
        screen.emit("", f"trust  {physics.CHOSEN}")
    if not drawn:
        return None
    from ternary_engine.physics.figures import read_regions

    return read_regions(read_map(amplifier, points=_MAP), _describe(amplifier))


def _text_map(found: ReadMap, title: str) -> list[str]:
    lines = [f"{title}: + and - as read, . for 0; up: BL, to the right: BLb", ""]
    for row in range(len(found.r_bl) - 1, -1, -1):
        label = physics.ohms(found.r_bl[row]) if row % 4 == 0 else ""
        cells = " ".join(_SIGNS[int(value)] for value in found.value[row])
        lines.append(f"{label:>8}  {cells}")
    ends = physics.ohms(found.r_blb[0]), physics.ohms(found.r_blb[-1])
    room = 2 * len(found.r_blb) - 1 - len(ends[0])
    return [*lines, f"{'':10}{ends[0]}{ends[1]:>{room}}"]


def _axis(amplifier: SenseAmp, over: Axis | None) -> dict[str, Sequence[Any]]:
    supply, time = amplifier.supply, amplifier.sense_time
    spans: dict[str, Sequence[Any]] = {
        "vdd": [round(supply * share, 4) for share in (0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)],
        "time": [time * share for share in (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3)],
        "temperature": [-40.0, -20.0, 0.0, 27.0, 55.0, 85.0, 105.0, 125.0],
        "corner": ["ss", "sf", "tt", "fs", "ff"],
    }
    if over is not None:
        return {_NAMES[over]: spans[over]}
    supplies = [round(supply * share, 4) for share in (0.9, 1.0, 1.1)]
    return {"corner": spans["corner"], "temperature": [-40.0, 27.0, 85.0], "vdd": supplies}


def _conditions(
    amplifier: SenseAmp, made: Device, over: Axis | None, json: bool, drawn: bool
) -> Axes | None:
    from ternary_engine.physics.studies import conditions

    with screen.patience("integrating error rates over conditions"):
        found = conditions(made, amplifier, **cast(dict[str, Any], _axis(amplifier, over)))
    if json:
        rows = [one.to_dict() for one in found]
        screen.emit_json({"trust": physics.CHOSEN, "conditions": physics.finite(rows)})
    else:
        screen.emit(_condition_table(found, _describe(amplifier)), "")
        screen.emit_pairs([("trust", physics.CHOSEN)])
    if not drawn:
        return None
    from ternary_engine.physics.figures import error_rates_over, rates_by_corner

    return error_rates_over(_NAMES[over], found) if over else rates_by_corner(found)


def _condition_table(found: list[Condition], title: str) -> Any:
    rows = [
        (
            one.corner,
            f"{one.temperature:g} °C",
            f"{one.vdd:g} V",
            f"{one.sense_time * 1e9:g} ns",
            f"{one.sign_flip:.2g}",
            f"{one.drop:.2g}",
            f"{one.rise:.3g}",
            physics.ohms(one.threshold) if one.threshold else "none",
            physics.joules(one.energy_one),
        )
        for one in found
    ]
    columns = (
        "corner",
        "at",
        "supply",
        "time",
        "type 1",
        "type 2",
        "type 3",
        "threshold",
        "energy",
    )
    return screen.table(columns, rows, title=f"error rates around {title}")
