"""``ternary-engine demo``: everything once, on the networks that ship."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ternary_engine.cli import screen, sensing
from ternary_engine.cli.bench_tables import network_table
from ternary_engine.cli.options import AsJson, within

if TYPE_CHECKING:
    from rich.table import Table

    from ternary_engine.benchmark.cases import Row
    from ternary_engine.network import Network

__all__ = ["demo"]

RATES = (1e-4, 1e-3, 1e-2, 1e-1)
BENCH_SECONDS = 0.5

NEXT_STEPS = """\
[bold]Next, with a network of your own[/]
  ternary-engine convert model.onnx -o net.tern   import it
  ternary-engine inspect net.tern                 see what landed where, why
  ternary-engine run net.tern data.npz            accuracy and speed
  ternary-engine run net.tern data.npz --ber 1e-3 --per read --seed 7
                                                  the same with sense errors
  ternary-engine COMMAND --help                   options, units, examples"""


def demo(
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", callback=within(0), help="Seed of the error draws: same seed, same table."
        ),
    ] = 7,
    threads: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Threads for either engine.")
    ] = 1,
    json: AsJson = False,
) -> None:
    """Convert, inspect and run the networks that ship, in about a minute.

    Shows accuracy and agreement with ONNX Runtime, accuracy under sense errors
    at bit error rates from 1e-4 to 1e-1, and speed beside ONNX Runtime.

    Examples:
      $ ternary-engine demo
      $ ternary-engine demo --json > demo.json
    """
    from ternary_engine import benchmark, zoo

    started = time.perf_counter()
    nets: dict[str, Network] = {}
    results: list[dict[str, Any]] = []
    comparisons: list[Row] = []
    for name in zoo.names():
        screen.narrate(f"[dim]{name}: converting, running, timing[/]")
        nets[name], result = _convert(name)
        comparisons.append(_speed(name, nets[name], threads))
        result |= _check(name, nets[name], threads)
        result["accuracy_by_ber"] = _under_errors(name, nets[name], seed, threads)
        results.append(result | {"speed": comparisons[-1].as_dict()})
    if json:
        screen.emit_json({"machine": benchmark.machine(), "seed": seed, "networks": results})
        return
    _show(nets, results, comparisons, seed)
    _close(time.perf_counter() - started)


def _convert(name: str) -> tuple[Network, dict[str, Any]]:
    from ternary_engine import summary, zoo
    from ternary_engine.converters import convert

    started = time.perf_counter()
    with screen.patience(f"converting {name}"):
        net = convert(zoo.path(name))
    seconds = time.perf_counter() - started
    return net, {"network": name, "convert_seconds": seconds, "totals": summary.totals(net)}


def _check(name: str, net: Network, threads: int) -> dict[str, Any]:
    """Compare with the labels and, sample by sample, with ONNX Runtime on the source."""
    import numpy as np

    from ternary_engine import accuracy, zoo
    from ternary_engine.benchmark.peers import onnxruntime_run

    x, labels = zoo.data(name)
    with screen.patience(f"running {name}"):
        ours = accuracy.first_output(net.run(x, threads=threads))
    theirs = onnxruntime_run(zoo.path(name), threads=threads, optimise=False)(x)
    return {
        "samples": len(x),
        "accuracy": accuracy.correct(ours, labels) / len(x),
        "onnxruntime_accuracy": accuracy.correct(theirs, labels) / len(x),
        "agreement": accuracy.correct(ours, accuracy.classes(theirs)) / len(x),
        "largest_difference": float(np.max(np.abs(ours - theirs))),
    }


def _under_errors(name: str, net: Network, seed: int, threads: int) -> dict[str, float]:
    from ternary_engine import accuracy, zoo

    x, labels = zoo.data(name)
    found = {}
    for ber in RATES:
        errors = sensing.from_options(ber=ber, per="read")
        with screen.patience(f"running {name} at a bit error rate of {ber:g}"):
            outputs = net.run(x, errors=errors, seed=seed, threads=threads)
        found[f"{ber:g}"] = accuracy.correct(accuracy.first_output(outputs), labels) / len(x)
    return found


def _speed(name: str, net: Network, threads: int) -> Row:
    from ternary_engine import zoo
    from ternary_engine.benchmark.cases import measure
    from ternary_engine.benchmark.networks import network_case

    x, _ = zoo.data(name)
    with screen.patience(f"timing {name} (after compiling kernels, where they are new)"):
        case = network_case(net, zoo.path(name), x, name=name, suite="zoo", threads=threads)
        return measure(case, {}, BENCH_SECONDS)


def _show(
    nets: dict[str, Network],
    results: list[dict[str, Any]],
    comparisons: list[Row],
    seed: int,
) -> None:
    from ternary_engine import benchmark, summary

    last = list(nets.values())[-1]
    screen.emit(summary.renderable(last, screen.width()), "")
    screen.emit(_accuracy_table(results), "")
    screen.emit(_error_table(results, seed), "")
    screen.emit(network_table(comparisons, "speed: one process, by turns"), "")
    screen.emit_pairs([("device", benchmark.device())])


def _accuracy_table(results: list[dict[str, Any]]) -> Table:
    from ternary_engine import text

    return screen.table(
        ("network", "crossbar", "pairs", "smaller", "accuracy", "as ORT", "differs"),
        [
            (
                one["network"],
                f"{one['totals']['crossbar_layers']} of {one['totals']['layers']}",
                text.count(one["totals"]["device_pairs"]),
                f"{one['totals']['compression']:.1f}x",
                text.percent(one["accuracy"]),
                text.percent(one["agreement"]),
                f"{one['largest_difference']:.1g}",
            )
            for one in results
        ],
        title="without errors ('as ORT': same class as ONNX Runtime on the source model)",
    )


def _error_table(results: list[dict[str, Any]], seed: int) -> Table:
    from ternary_engine import text

    return screen.table(
        ("network", "no errors", *(f"{rate:g}" for rate in RATES)),
        [
            (
                one["network"],
                text.percent(one["accuracy"]),
                *(text.percent(share) for share in one["accuracy_by_ber"].values()),
            )
            for one in results
        ],
        title=f"accuracy by bit error rate, every read drawn afresh, seed {seed}",
    )


def _close(seconds: float) -> None:
    from ternary_engine import text

    screen.emit("", NEXT_STEPS)
    screen.narrate(f"[dim]done in {text.duration(seconds)}[/]")
