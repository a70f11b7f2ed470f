"""``ternary-engine sweep``: accuracy over error rates, many trials each."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from ternary_engine.cli import screen, studying
from ternary_engine.cli.options import AsJson, NetworkFile, within
from ternary_engine.cli.studying import (
    Age,
    Backend,
    Corner,
    Data,
    Device,
    Labels,
    MeanRates,
    Out,
    Scheduler,
    SenseTime,
    StudySeed,
    Temperature,
    Vdd,
    Workers,
)

if TYPE_CHECKING:
    from ternary_engine.sweeps import Point, Progress, Results

__all__ = ["sweep", "told_warnings"]

DEFAULT_RATES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 2e-1)
_DURATIONS = ("read", "sample", "batch", "program")
_PANEL = "Sense errors: lists of probabilities per cell; every combination is a point"


def _rates(help_text: str) -> Any:
    return typer.Option(metavar="P,P,...", rich_help_panel=_PANEL, help=help_text)


def sweep(
    network: NetworkFile,
    data: Data,
    ber: Annotated[
        list[str] | None,
        _rates(
            "Bit error rates [dim]\\[default, if no rates are given: 7 from 1e-4 to 0.2][/dim]."
        ),
    ] = None,
    sign_flip: Annotated[list[str] | None, _rates("+1 read as -1, or -1 as +1.")] = None,
    drop: Annotated[list[str] | None, _rates("+1 or -1 read as 0.")] = None,
    rise: Annotated[list[str] | None, _rates("0 read as +1 or -1, half each.")] = None,
    per: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PER,PER,...",
            rich_help_panel=_PANEL,
            help="What one draw lasts for: read, sample, batch or program "
            "[dim]\\[default: read][/dim].",
        ),
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,NAME,...",
            rich_help_panel=_PANEL,
            help="Layers that have errors [dim]\\[default: all on the crossbar][/dim].",
        ),
    ] = None,
    device: Device = None,
    vdd: Vdd = None,
    sense_time: SenseTime = None,
    temperature: Temperature = None,
    corner: Corner = None,
    age: Age = None,
    mean_rates: MeanRates = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            callback=within(1),
            rich_help_panel=_PANEL,
            help="Samples that share one draw with --per batch.",
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Runs of each point.")
    ] = 20,
    seed: StudySeed = 0,
    out: Out = None,
    labels: Labels = None,
    workers: Workers = None,
    backend: Backend = "threads",
    scheduler: Scheduler = None,
    json: AsJson = False,
) -> None:
    """Measure accuracy over error rates, many trials each.

    Every trial is a row of the CSV file as soon as it is done. The same
    command again does no work; an interrupted one goes on where it was.
    With --device, --vdd and kin every trial is a chip of its own.

    Examples:
      $ ternary-engine sweep net.tern --data data.npz --out results.csv
      $ ternary-engine sweep net.tern --data data.npz --ber 1e-4,1e-3,1e-2
        --per read,program --trials 20 --seed 7 --out results.csv --workers 2
      $ ternary-engine plot results.csv -o figure.png
      $ ternary-engine sweep net.tern --data data.npz --vdd 0.9,1.0,1.2
        --temperature 27,85 --device degraded --out conditions.csv
    """
    rates = {
        name: studying.numbers(f"--{name.replace('_', '-')}", texts, example="1e-4,1e-3,1e-2")
        for name, texts in (("ber", ber), ("sign_flip", sign_flip), ("drop", drop), ("rise", rise))
    }
    durations = studying.words("--per", per, _DURATIONS) or ["read"]
    names = studying.words("--layers", layers)
    conditions = (device, vdd, sense_time, temperature, corner, age)
    chips = studying.chip_points(*conditions, mean_rates=mean_rates, layers=names or None)
    if chips and (any(rates.values()) or per):
        raise ValueError("chips err as their device and amplifier do; rates and --per do not go")
    from ternary_engine.cli import data as files

    if out is not None:
        files.check_folder(out)
    net, x, wanted = studying.read_task(network, data, labels)
    options: dict[str, Any] = {
        "points": chips or _points(rates, durations, names),
        "trials": trials,
        "seed": seed,
        "out": out,
        "workers": workers,
        "backend": backend,
        "scheduler": scheduler,
        "batch_size": batch_size,
    }
    with told_warnings():
        results = _run(net, x, wanted, options, network.name)
    if out is None:
        screen.warn("no --out: the rows of the trials are not kept")
    _show(results, out, json)


def _points(rates: dict[str, list[float]], per: list[Any], layers: list[str]) -> list[Point]:
    from ternary_engine.sweeps import Point

    if not any(rates.values()):
        rates = {"ber": list(DEFAULT_RATES)}
    elif rates["ber"] and any(rates[name] for name in rates if name != "ber"):
        raise ValueError("--ber stands for all three error types; it does not go with their rates")
    return Point.grid(**rates, per=list(dict.fromkeys(per)), layers=layers or None)


def _run(net: Any, x: Any, labels: Any, options: dict[str, Any], name: str) -> Results:
    """Run the sweep before the eyes of the user."""
    from ternary_engine.cli.progress import SweepScreen
    from ternary_engine.sweeps import iter_sweep

    out, points, trials = options["out"], options["points"], options["trials"]
    records: list[Any] = []
    state: Progress | None = None
    states = iter_sweep(net, x, labels, **options)
    plural = "" if len(points) == 1 else "s"
    title = f"{name}  {len(points)} point{plural} x {trials} trials  seed {options['seed']}"
    where = f"rows in {out} (Ctrl-C is safe)" if out else "rows are not kept: no --out"
    try:
        with SweepScreen(title, where) as shown:
            for state in states:
                records.extend(state.records)
                shown.show(state)
    except KeyboardInterrupt:
        _tell_interrupted(out, state)
        raise
    assert state is not None
    if state.resumed:
        screen.narrate(f"{state.resumed:,} of {state.total:,} trials were in {escape(str(out))}")
    return state.results(records)


def _tell_interrupted(out: Path | None, state: Progress | None) -> None:
    done = "" if state is None else f"{state.done:,} of {state.total:,} trials are "
    if out is not None and done:
        screen.narrate(f"{done}in {escape(str(out))}; the same command goes on from there")


@contextlib.contextmanager
def told_warnings() -> Iterator[None]:
    """Tell warnings of sweeps and their files as lines of our own."""
    from ternary_engine.sweeps import SweepWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", SweepWarning)
        usual = warnings.showwarning

        def tell(message: Any, category: Any, *place: Any, **more: Any) -> None:
            if issubclass(category, SweepWarning):
                screen.warn(str(message))
            else:
                usual(message, category, *place, **more)

        warnings.showwarning = tell
        yield


def _show(results: Results, out: Path | None, json: bool) -> None:
    summary = results.summary()
    if json:
        screen.emit_json({"out": out and str(out), "points": [one.to_dict() for one in summary]})
        return
    from ternary_engine import text
    from ternary_engine.sweeps.conditions import COLUMNS

    varied = [
        name
        for name in dict.fromkeys(name for one in summary for name in one.cells)
        if len({one.cells.get(name) for one in summary}) > 1 or name in ("ber", "per")
    ]
    if set(COLUMNS.values()) & set(varied):  # which say it in fewer words
        varied = [name for name in varied if name != "programmed"]
    rows = []
    for one in summary:
        cells = [_cell(one.cells.get(name, "")) for name in varied]
        reach = f"{100 * one.drop.half_width:.2f}" if one.trials > 1 else "?"
        figures = (text.count(one.trials), text.percent(one.accuracy.value))
        rows.append((*cells, *figures, f"{100 * one.drop.value:.2f} ± {reach} pt"))
    titles = [name.replace("_", "-") for name in varied]
    error_free = text.percent(summary[0].accuracy_error_free)
    screen.emit(screen.table((*titles, "trials", "accuracy", "drop"), rows))
    screen.emit(f"\nerror-free accuracy {error_free}; drop: mean over trials ± 95 % interval")


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
