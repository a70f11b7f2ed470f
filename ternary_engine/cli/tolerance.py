"""``ternary-engine tolerance``: how large errors may be, or how low a supply."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ternary_engine.cli import screen, studying
from ternary_engine.cli.options import AsJson, NetworkFile, within
from ternary_engine.cli.studying import (
    Backend,
    Data,
    Labels,
    Out,
    Scheduler,
    StudySeed,
    Workers,
)

if TYPE_CHECKING:
    from ternary_engine.studies import Tolerance
    from ternary_engine.sweeps import Point

__all__ = ["tolerance"]

Axis = Literal["ber", "sign-flip", "drop", "rise", "vdd", "sense-time", "age"]
_ENDS = {  # low, high, the end that costs accuracy, and unit
    "vdd": (0.6, 1.5, "low", "V"),
    "sense-time": (1e-9, 1e-6, "low", "s"),
    "age": (1.0, 1e10, "high", "s"),
}
_RATES = (1e-5, 0.5, "high", "")


def tolerance(
    network: NetworkFile,
    data: Data,
    vary: Annotated[
        Axis, typer.Option(help="What varies: a rate of errors, or a condition of chips.")
    ] = "ber",
    max_drop: Annotated[
        float, typer.Option(metavar="P", help="Allowed mean loss of accuracy.")
    ] = 0.01,
    low: Annotated[
        float | None,
        typer.Option(
            metavar="X",
            help="Lower end of the search [dim]\\[default: 1e-5; 0.6 V, 1e-9 s, 1 s][/dim].",
        ),
    ] = None,
    high: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="Upper end [dim]\\[default: 0.5; 1.5 V, 1e-6 s, 1e10 s][/dim]."
        ),
    ] = None,
    per: Annotated[
        Literal["read", "sample", "batch", "program"],
        typer.Option(help="What one draw of rates lasts for."),
    ] = "read",
    device: Annotated[
        str,
        typer.Option(metavar="DEVICE", help="Of chips: talk, degraded, low-energy, samples.csv."),
    ] = "talk",
    precision: Annotated[
        float, typer.Option(metavar="P", help="Relative width of the interval to stop at.")
    ] = 0.1,
    budget: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Trials at most.")
    ] = 2000,
    seed: StudySeed = 0,
    out: Out = None,
    labels: Labels = None,
    workers: Workers = None,
    backend: Backend = "threads",
    scheduler: Scheduler = None,
    json: AsJson = False,
) -> None:
    """Find the largest error rate, or the lowest supply, that keeps the accuracy.

    Bisection on noisy trials: the limit lies in the interval with 95 %
    confidence. With --vary vdd, sense-time or age every trial is a chip with
    resistances of its own.

    Examples:
      $ ternary-engine tolerance net.tern --data data.npz --max-drop 0.01
      $ ternary-engine tolerance net.tern --data data.npz --vary vdd
        --device degraded --out trials.csv
    """
    ends = _ENDS.get(vary, _RATES)
    net, x, wanted = studying.read_task(network, data, labels)
    from ternary_engine.studies.tolerance import tolerance as find

    varied = _chips(vary, device) if vary in _ENDS else vary.replace("-", "_")
    options: dict[str, Any] = {
        "max_drop": max_drop,
        "vary": varied,
        "low": ends[0] if low is None else low,
        "high": ends[1] if high is None else high,
        "harmful": ends[2],
        "log": vary != "vdd",
        "per": per,
        "precision": precision,
        "budget": budget,
    }
    crew: dict[str, Any] = {"workers": workers, "backend": backend, "scheduler": scheduler}
    with studying.counted("searching") as progress:
        found = find(net, x, wanted, **options, seed=seed, out=out, progress=progress, **crew)
    _show(found, vary, ends[3], json)


def _chips(vary: str, device: str) -> Callable[[float], Point]:
    """Chips under one condition."""
    from ternary_engine.cli.physics import find_device
    from ternary_engine.sweeps import Point

    name, cells = vary.replace("-", "_"), find_device(device)

    def make(value: float) -> Point:
        (point,) = Point.conditions(cells, **{name: [value]})  # type: ignore[arg-type]
        return point

    return make


def _show(found: Tolerance, vary: str, unit: str, json: bool) -> None:
    from ternary_engine import text

    if json:
        screen.emit_json({"vary": vary, **found.to_dict()})
        return
    rows = [
        (f"{one.value:.4g}", text.count(one.trials), f"{100 * one.drop:.2f} pt", one.verdict)
        for one in found.probes
    ]
    screen.emit(screen.table((vary, "trials", "mean drop", "accuracy"), rows))
    after = f" {unit}" if unit else ""
    limits = f"{found.low:.3g} to {found.high:.3g}{after}, {100 * found.confidence:g} % sure"
    value = "not within the range" if found.value != found.value else f"{found.value:.3g}{after}"
    told = f"; {found.remark}" if found.remark else ""
    screen.emit(f"\nlimit for a loss of {100 * found.max_drop:g} points: {value} ({limits}{told})")
