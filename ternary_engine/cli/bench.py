"""``ternary-engine bench``: speed beside other engines and the limits of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ternary_engine.cli import screen
from ternary_engine.cli.options import AsJson, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from ternary_engine.benchmark.cases import Case, Row
    from ternary_engine.benchmark.startup import Fact

__all__ = ["bench"]

BUSY_SPREAD = 0.25  # median this much above the best: other programs had a share of the machine
BUSY_LOAD = 1.25  # programs that want each core, this one included
SHARE = 0.25  # change that is told where --fail-slower says nothing
LAYERS = {"product": "matrix products", "convolution": "convolutions of one image"}
NETWORKS = {"vgg": "the VGG of the ternary papers", "zoo": "networks that ship"}


def bench(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Suites (product, convolution, vgg, zoo, start) or networks of the zoo "
            "[dim]\\[default: all suites, about two minutes][/dim].",
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            callback=within(1),
            help="Samples in a call of a network of the zoo; may be given more than once "
            "[dim]\\[default: 1 and all of the network's data][/dim].",
        ),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(metavar="N", callback=within(1), help="Threads for networks of the zoo."),
    ] = 1,
    seconds: Annotated[
        float,
        typer.Option(
            metavar="S", callback=within(0), help="Time for each engine of a case, in seconds."
        ),
    ] = 0.3,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="OLD", help="Compare ratios with an earlier result of --json; tell changes."
        ),
    ] = None,
    fail_slower: Annotated[
        str | None,
        typer.Option(
            metavar="P%",
            help="With --compare: exit status 1 if a ratio fell by more than this, e.g. 25%. What "
            "seems slower is measured once more before it counts.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Time the engine beside others, and beside what this machine can do.

    Kernels and whole networks run by turns with ONNX Runtime in float32 and
    int8, and with NumPy, PyTorch and NumKong where they are installed, in one
    process, on as many threads. The roof is what one core issues, measured
    first. Compiling or loading of kernels (prepare) is timed apart. Trust
    ratios more than times. A figure that missed its goal has a mark (!).

    Examples:
      $ ternary-engine bench
      $ ternary-engine bench product vgg --json > before.json
      $ ternary-engine bench --compare before.json --fail-slower 25%
      $ ternary-engine bench mlp_ternary --batch 1 --batch 256 --threads 2
    """
    share = _share(fail_slower, compare)
    suites, networks = _sorted_names(names or [])
    old = _read_old(compare, strict=fail_slower is not None)

    from ternary_engine.benchmark import machine, roofline, startup
    from ternary_engine.benchmark.regression import VERSION
    from ternary_engine.benchmark.suites import setups

    screen.narrate("[dim]measuring the limits of this machine[/]")
    with screen.patience("measuring limits (after compiling kernels, where they are new)"):
        roofs = roofline.measure()
    work = list(setups(suites, networks, batch or (1, None), threads))
    rows: list[Row] = []
    for number, (name, setup) in enumerate(work, 1):
        screen.narrate(f"[dim]timing {name} ({number} of {len(work)})[/]")
        with screen.patience(f"timing {name}"):
            rows.append(_timed(setup, roofs, seconds, old, share))
    facts: list[Fact] = []
    if "start" in suites:
        facts += startup.measure_facts(lambda what: screen.narrate(f"[dim]{what}[/]"))
    told: dict[str, Any] = {
        "format": "ternary-engine bench",
        "version": VERSION,
        "machine": machine(),
        "roofline": roofs,
        "results": [row.as_dict() for row in rows],
        "facts": [fact.as_dict() for fact in facts],
    }
    if json:
        screen.emit_json(told)
    else:
        _show(rows, facts, roofs, told["machine"])
    _advise(rows)
    if old is not None and _report_changes(old, told, share, failing=fail_slower is not None):
        raise typer.Exit(1)


def _share(fail_slower: str | None, compare: Path | None) -> float:
    """Read ``25%`` or ``0.25``."""
    if fail_slower is None:
        return SHARE
    if compare is None:
        raise typer.BadParameter("--fail-slower needs --compare OLD to compare with")
    number = fail_slower.strip()
    try:
        share = float(number.removesuffix("%")) / (100 if number.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise typer.BadParameter(
            f"--fail-slower got {fail_slower!r}; it takes a share between 0% and 100%, e.g. 25%"
        )
    return share


def _sorted_names(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tell suites from networks of the zoo; unknown names are refused before anything runs."""
    from ternary_engine.benchmark.suites import DEFAULT, SUITES

    suites = [name for name in names if name in SUITES]
    networks = [name for name in names if name not in SUITES]
    known = _zoo_names() if networks else ()
    for name in networks:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, [*SUITES, *known], 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ValueError(
                f"no suite and no network of the zoo is called {name!r}; {hint}"
                f"suites: {', '.join(SUITES)}; zoo: {', '.join(known)}"
            )
    if networks and "zoo" not in suites:
        suites.append("zoo")
    return suites or list(DEFAULT), networks


def _zoo_names() -> tuple[str, ...]:
    from ternary_engine import zoo

    return zoo.names()


def _read_old(path: Path | None, *, strict: bool) -> dict[str, Any] | None:
    """Read an earlier result; with ``strict`` it must come from this kind of machine."""
    if path is None:
        return None
    from ternary_engine.benchmark import machine, regression
    from ternary_engine.exceptions import FormatError

    old = regression.read(path)
    differs = regression.other_machine(old, {"machine": machine()})
    if differs and strict:
        raise FormatError(f"{path}: measured on another machine ({differs}); measure again here")
    if differs:
        screen.warn(f"{path} was measured on another machine ({differs}): ratios may differ")
    return old


def _timed(
    setup: Callable[[], Case],
    roofs: dict[str, float],
    seconds: float,
    old: dict[str, Any] | None,
    share: float,
) -> Row:
    """Time a case; what seems slower than before gets a second chance."""
    from ternary_engine.benchmark.cases import measure
    from ternary_engine.benchmark.regression import has_slowed

    case = setup()
    row = measure(case, roofs, seconds)
    if old is not None and has_slowed(old, row.as_dict(), share):
        row = row.merged(measure(case, roofs, 2 * seconds))
    return row


def _show(
    rows: Sequence[Row], facts: Sequence[Fact], roofs: dict[str, float], machine: dict[str, Any]
) -> None:
    from ternary_engine.cli import bench_tables as tables

    screen.emit(tables.roof_table(roofs), "")
    for kinds, table in ((LAYERS, tables.layer_table), (NETWORKS, tables.network_table)):
        for suite, title in kinds.items():
            chosen = [row for row in rows if row.case.suite == suite]
            if chosen:
                screen.emit(table(chosen, title), "")
    if facts:
        screen.emit(tables.fact_table(facts), "")
    screen.emit_pairs([*tables.verdict(rows, facts), *tables.machine_lines(machine)])


def _advise(rows: Sequence[Row]) -> None:
    """Say when the machine had other things to do."""
    from ternary_engine.benchmark.processor import load

    spreads = [timing.spread for row in rows for timing in row.timings.values()]
    worst, busy = max(spreads, default=0.0), load()
    if worst > BUSY_SPREAD or busy > BUSY_LOAD:
        screen.warn(
            f"the machine is busy: the middle call took up to {worst:.0%} more than the best, load "
            f"average {busy:.1f} a core; close other programs, or steady the figures with --seconds"
        )


def _report_changes(
    old: dict[str, Any], told: dict[str, Any], share: float, *, failing: bool
) -> bool:
    """Tell what changed; on stderr, where stdout is for JSON. Gives whether to fail."""
    from ternary_engine.benchmark import regression
    from ternary_engine.cli.bench_tables import change_lines

    comparison = regression.compare(old, told)
    for line in change_lines(comparison, share):
        screen.narrate(line)
    return failing and any(change.is_slower(share) for change in comparison.changes)
