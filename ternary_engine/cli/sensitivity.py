"""``ternary-engine sensitivity``: where errors hurt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ternary_engine.cli import physics, screen, sensing, studying
from ternary_engine.cli.options import AsJson, NetworkFile, within
from ternary_engine.cli.physics import Plot
from ternary_engine.cli.sensing import Ber, Drop, Per, Rise, SignFlip
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
    from ternary_engine.studies import Sensitivity
    from ternary_engine.sweeps import Interval, Point

__all__ = ["sensitivity"]

_KINDS = ("layer", "type", "part")


def sensitivity(
    network: NetworkFile,
    data: Data,
    sign_flip: SignFlip = None,
    drop: Drop = None,
    rise: Rise = None,
    ber: Ber = None,
    per: Per = None,
    programming_ber: Annotated[
        float | None,
        typer.Option(metavar="P", help="Bit error rate of programming, drawn for each trial."),
    ] = None,
    device: Device = None,
    vdd: Vdd = None,
    sense_time: SenseTime = None,
    temperature: Temperature = None,
    corner: Corner = None,
    age: Age = None,
    stuck_lrs: Annotated[
        float, typer.Option(metavar="P", callback=within(0, 1), help="Of chips: stuck at LRS.")
    ] = 0.0,
    stuck_hrs: Annotated[
        float, typer.Option(metavar="P", callback=within(0, 1), help="Of chips: stuck at HRS.")
    ] = 0.0,
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND,...",
            help="layer, type (of rates), part (programming, reading; of chips sensing, stuck "
            "cells, drift) [dim]\\[default: all there are][/dim].",
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Runs of each point.")
    ] = 20,
    seed: StudySeed = 0,
    out: Out = None,
    plot: Plot = None,
    labels: Labels = None,
    workers: Workers = None,
    backend: Backend = "threads",
    scheduler: Scheduler = None,
    json: AsJson = False,
) -> None:
    """Measure what each layer and each kind of error costs.

    Two numbers for each: the loss with errors there alone, and what is won
    over all errors if there are none there. Trials are paired. Errors are
    rates (--ber, ...) or those of chips (--device, --vdd, --age, ...).

    Examples:
      $ ternary-engine sensitivity net.tern --data data.npz --ber 0.1
      $ ternary-engine sensitivity net.tern --data data.npz --device degraded
        --stuck-hrs 0.01 --age 1e8 --by part --plot parts.png
    """
    physics.check_plot(plot)
    rates = sensing.from_options(sign_flip=sign_flip, drop=drop, rise=rise, ber=ber, per=per)
    chips = studying.chip_points(device, vdd, sense_time, temperature, corner, age)
    kinds = studying.words("--by", by, _KINDS)
    options: dict[str, Any] = {"by": kinds or None, "trials": trials, "seed": seed, "out": out}
    options |= _errors(rates, programming_ber, chips, stuck_lrs, stuck_hrs)
    net, x, wanted = studying.read_task(network, data, labels)
    from ternary_engine.studies.sensitivity import sensitivity as measure

    crew: dict[str, Any] = {"workers": workers, "backend": backend, "scheduler": scheduler}
    with studying.counted("measuring") as progress:
        found = measure(net, x, wanted, **options, progress=progress, **crew)
    _show(found, json)
    studying.save_figure(lambda: _drawn(found), plot)


def _errors(
    rates: Any, programming: float | None, chips: list[Point], stuck_lrs: float, stuck_hrs: float
) -> dict[str, Any]:
    """Errors by rates, or by chips."""
    if (rates is None) == (not chips):
        raise ValueError(
            "sensitivity takes rates of errors (--ber, --drop, ...) or chips (--device, --vdd, "
            "...), one of the two"
        )
    if rates is not None:
        if stuck_lrs or stuck_hrs:
            raise ValueError("--stuck-lrs and --stuck-hrs are of chips: give --device, too")
        return {"errors": rates, "programming": programming}
    if programming is not None:
        raise ValueError("--programming-ber: a chip's errors follow from its device")
    if len(chips) > 1:
        raise ValueError(f"sensitivity takes one condition of chips; got {len(chips)}")
    import dataclasses

    cells = dataclasses.replace(chips[0].device, stuck_lrs=stuck_lrs, stuck_hrs=stuck_hrs)  # type: ignore[type-var]
    return {"device": cells, "sense": chips[0].sense}


def _drawn(found: Sensitivity) -> Any:
    from ternary_engine import plot

    by = "part" if any(one.by == "part" for one in found.entries) else found.entries[0].by
    return plot.sensitivity(found, by=by)


def _show(found: Sensitivity, json: bool) -> None:
    if json:
        screen.emit_json(physics.finite(found.to_dict()))
        return
    from ternary_engine import text

    rows: list[tuple[str, ...]] = [
        (one.by, one.name, _points(one.alone), _points(one.spared)) for one in found.entries
    ]
    if found.nominal is not None:
        rows.append(("", "nominal", f"{100 * found.nominal:.2f}", ""))
    if found.remainder is not None:
        rows.append(("", "remainder", _points(found.remainder), ""))
    rows.append(("", "all", _points(found.total), ""))
    screen.emit(screen.table(("by", "name", "alone", "gain if spared"), rows))
    free = text.percent(found.accuracy_error_free)
    screen.emit(
        f"\npoints of accuracy, of {free} without errors; mean over {found.trials} trials "
        "± 95 % interval"
    )


def _points(interval: Interval) -> str:
    return f"{100 * interval.value:.2f} ± {100 * interval.half_width:.2f}"
