"""``ternary-engine population``: of many virtual chips, how many are good enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ternary_engine.cli import physics, screen, studying
from ternary_engine.cli.options import AsJson, NetworkFile, within
from ternary_engine.cli.physics import Plot
from ternary_engine.cli.studying import (
    Age,
    Backend,
    Corner,
    Data,
    Device,
    Labels,
    Out,
    Scheduler,
    SenseTime,
    StudySeed,
    Temperature,
    Vdd,
    Workers,
)

if TYPE_CHECKING:
    from ternary_engine.studies import Population

__all__ = ["population"]


def population(
    network: NetworkFile,
    data: Data,
    ber: Annotated[
        list[str] | None,
        typer.Option(metavar="P,P,...", help="Bit error rates of programming; each is a setting."),
    ] = None,
    reading_ber: Annotated[
        float | None, typer.Option(metavar="P", help="Bit error rate of every read, on top.")
    ] = None,
    device: Device = None,
    vdd: Vdd = None,
    sense_time: SenseTime = None,
    temperature: Temperature = None,
    corner: Corner = None,
    age: Age = None,
    accuracy: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            callback=within(0, 1),
            help="That a chip must reach [dim]\\[default: the error-free one less "
            "--max-drop][/dim].",
        ),
    ] = None,
    max_drop: Annotated[float, typer.Option(metavar="P", help="Allowed loss of a chip.")] = 0.01,
    chips: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Chips of each setting at most.")
    ] = 1000,
    precision: Annotated[
        float,
        typer.Option(metavar="P", help="Half the width of the yield's interval to stop at."),
    ] = 0.05,
    seed: StudySeed = 0,
    out: Out = None,
    plot: Plot = None,
    labels: Labels = None,
    workers: Workers = None,
    backend: Backend = "threads",
    scheduler: Scheduler = None,
    json: AsJson = False,
) -> None:
    """Program many virtual chips and count those that are good enough.

    Chips are made until the share of good ones is known to --precision. They
    come from rates of programming errors (--ber) or from a device and a sense
    amplifier (--device, --vdd, ...); several settings share their chips, so
    that differences are known more finely.

    Examples:
      $ ternary-engine population net.tern --data data.npz --ber 0.05,0.1
      $ ternary-engine population net.tern --data data.npz --vdd 1.0,1.2
        --device degraded --out chips.csv --plot yield.png
    """
    physics.check_plot(plot)
    rates = studying.numbers("--ber", ber)
    conditions = studying.chip_points(device, vdd, sense_time, temperature, corner, age)
    if bool(rates) == bool(conditions):
        raise ValueError(
            "population takes rates of programming errors (--ber) or chips (--device, --vdd, "
            "...), one of the two"
        )
    net, x, wanted = studying.read_task(network, data, labels)
    from ternary_engine.errors import SenseErrors
    from ternary_engine.studies.population import population as make

    options: dict[str, Any] = {
        "reading": None if reading_ber is None else SenseErrors.from_ber(reading_ber),
        "accuracy": accuracy,
        "max_drop": max_drop,
        "chips": chips,
        "precision": precision,
        "seed": seed,
        "out": out,
    }
    crew: dict[str, Any] = {"workers": workers, "backend": backend, "scheduler": scheduler}
    settings = [SenseErrors.from_ber(rate) for rate in rates] or conditions
    with studying.counted("making chips") as progress:
        found = make(net, x, wanted, settings, **options, progress=progress, **crew)
    _show(found, json)
    studying.save_figure(lambda: _drawn(found), plot)


def _drawn(found: Population) -> Any:
    from ternary_engine import plot

    return plot.yields(found)


def _show(found: Population, json: bool) -> None:
    if json:
        screen.emit_json(found.to_dict())
        return
    from ternary_engine import text

    rows = []
    for name, share in found.yields.items():
        limits = f"{100 * share.low:.1f} to {100 * share.high:.1f} %"
        mean = text.percent(float(found.settings[name].accuracies.mean()))
        rows.append((name, f"{100 * share.value:.1f} %", limits, mean))
    screen.emit(screen.table(("setting", "yield", "95 % interval", "mean accuracy"), rows))
    told = "" if found.converged else "; not as finely as --precision asks: more --chips"
    screen.emit(
        f"\n{text.count(found.chips)} chips of each setting; good ones reach "
        f"{text.percent(found.accuracy)} (without errors {text.percent(found.accuracy_error_free)})"
        f"{told}"
    )
