"""``ternary-engine bench``: speed beside ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ternary_engine.cli import screen
from ternary_engine.cli.options import AsJson, within

if TYPE_CHECKING:
    from rich.table import Table

    from ternary_engine.benchmark import Comparison

__all__ = ["bench", "comparison_table"]

BUSY = 0.25  # median this much above the best: other programs had a share of the machine


def bench(
    networks: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME", help="Networks of the zoo [dim]\\[default: all][/dim]."),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            callback=within(1),
            help="Samples in a call; may be given more than once "
            "[dim]\\[default: 1 and all of the network's data][/dim].",
        ),
    ] = None,
    threads: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Threads for either.")
    ] = 1,
    seconds: Annotated[
        float,
        typer.Option(
            metavar="S", callback=within(0), help="Time for each measurement, in seconds."
        ),
    ] = 1.0,
    json: AsJson = False,
) -> None:
    """Time the networks of the zoo beside ONNX Runtime's float32.

    Both run in one process by turns, with as many threads, and the best of
    many calls counts; ONNX Runtime has all its optimisations. Compiling or
    loading of kernels (prepare) is timed apart. Trust the ratio.

    Examples:
      $ ternary-engine bench
      $ ternary-engine bench --batch 1 --batch 256 --threads 2 --json
    """
    from ternary_engine import benchmark, zoo

    names = networks or list(zoo.names())
    for name in names:
        zoo.path(name)  # refuses unknown names before anything runs
    results = []
    for name in names:
        net, (x, _) = zoo.load(name), zoo.data(name)
        for size in batch or (1, len(x)):
            screen.narrate(f"[dim]timing {name}, batch {min(size, len(x))}[/]")
            results.append(
                benchmark.against_onnxruntime(
                    net, zoo.path(name), x[:size], name=name, threads=threads, seconds=seconds
                )
            )
    if json:
        rows = [result.as_dict() for result in results]
        screen.emit_json({"machine": benchmark.machine(), "results": rows})
        return
    screen.emit(comparison_table(results), "")
    screen.emit_pairs(_machine_lines(benchmark.machine()))
    _advise(results)


def comparison_table(results: list[Comparison]) -> Table:
    """Lay out comparisons, one to a row."""
    from ternary_engine import text

    return screen.table(
        ("network", "batch", "threads", "ours", "ONNX Runtime", "ratio", "prepare"),
        [
            (
                result.network,
                text.count(result.batch),
                str(result.threads),
                text.rate(result.batch / result.ours.best_seconds),
                text.rate(result.batch / result.onnxruntime.best_seconds),
                f"{result.ratio:.2f}x",
                text.duration(result.prepare_seconds),
            )
            for result in results
        ],
        title="samples per second, one process, by turns",
    )


def _machine_lines(machine: dict[str, object]) -> list[tuple[str, str]]:
    versions = machine["versions"]
    assert isinstance(versions, dict)
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    isa = machine["isa"]
    assert isinstance(isa, list)
    return [
        ("machine", f"{machine['cpu']}, {machine['cores']} cores, {' '.join(isa)}"),
        ("versions", f"Python {machine['python']}, {listed}"),
    ]


def _advise(results: list[Comparison]) -> None:
    worst = max(max(one.ours.spread, one.onnxruntime.spread) for one in results)
    if worst > BUSY:
        screen.warn(
            f"calls took up to {worst:.0%} more than the best: the machine is busy; "
            "a longer --seconds steadies the figures"
        )
