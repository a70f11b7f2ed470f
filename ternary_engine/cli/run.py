"""``ternary-engine run``: feed data to a network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from ternary_engine.cli import screen, sensing, storing
from ternary_engine.cli.options import AsJson, NetworkFile, Seed, Threads

if TYPE_CHECKING:
    from ternary_engine.network import Network

__all__ = ["run"]

PREPARED = 32  # samples run ahead: many take other kernels than one, which are compiled, too


def run(
    network: NetworkFile,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Inputs: .npz with x (and labels y), or .npy.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="Y", help="Write the outputs to this .npz (y) or .npy."
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|KEY",
            help="Labels for the accuracy: an .npz or .npy file, or an array of DATA "
            "[dim]\\[default: y of DATA, if there][/dim].",
        ),
    ] = None,
    sign_flip: sensing.SignFlip = None,
    drop: sensing.Drop = None,
    rise: sensing.Rise = None,
    ber: sensing.Ber = None,
    per: sensing.Per = None,
    batch_size: sensing.BatchSize = None,
    code: storing.Code = None,
    raw_ber: storing.RawBer = None,
    seed: Seed = None,
    threads: Threads = None,
    json: AsJson = False,
    verbose: Annotated[
        int,
        typer.Option(
            "-v",
            "--verbose",
            count=True,
            metavar="",
            show_default=False,
            help="List the steps on stderr before running.",
        ),
    ] = 0,
) -> None:
    """Run a network on data, with or without sense errors.

    Gives the accuracy where there are labels: the largest score wins; an
    integer output [N] or [N, 1] is the class itself. Also samples per second.

    Examples:
      $ ternary-engine run net.tern data.npz
      $ ternary-engine run net.tern x.npy -o y.npy --threads 1
      $ ternary-engine run net.tern data.npz --ber 1e-3 --per read --seed 7
      $ ternary-engine run net.tern data.npz --code 'secded(72,64)' --raw-ber 1e-3
    """
    from ternary_engine.cli import data as files

    errors = sensing.from_options(sign_flip=sign_flip, drop=drop, rise=rise, ber=ber, per=per)
    net = files.load_network(network)
    if output is not None:
        files.check_output(output, len(net.outputs))
    arrays = files.read_arrays(data)
    x = files.pick_inputs(arrays, net, data)
    wanted = files.pick_labels(labels, arrays, data)
    if seed is None and (errors is not None or code is not None or net.read_errors):
        seed = sensing.fresh_seed()
    stored = storing.from_options(net, code, raw_ber, seed)
    net = net if stored is None else stored.network
    if verbose:
        _tell_steps(net)
    draws = errors is not None or bool(net.read_errors)
    options: dict[str, Any] = {"threads": threads, "batch_size": batch_size}
    if draws:
        options |= {"errors": errors, "seed": seed}
    outputs, report = _timed(net, x, options)
    if draws:
        asked = {"of": "the chip's own cells"} if errors is None else sensing.as_dict(errors)
        report |= {"errors": asked, "seed": seed}
    if stored is not None:
        report |= {"stored": stored.to_dict(), "seed": seed}
    if wanted is not None:
        report |= _accuracy(outputs, wanted, insist=labels is not None)
    if output is not None:
        files.write_arrays(output, _named(outputs))
        report["output"] = str(output)
    if json:
        screen.emit_json(report)
    else:
        _show(report, "" if stored is None else f"{stored}, seed {seed}")


def _timed(net: Network, x: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Run, and report how long it took; compiling or loading kernels is timed apart."""
    from ternary_engine import benchmark
    from ternary_engine.kernels.starting import load_numba

    samples = len(next(iter(x.values())) if isinstance(x, dict) else x)
    started = time.perf_counter()
    load_numba()
    if net.batching == "free" and samples > 1:
        some = slice(min(samples, PREPARED))
        few = {name: part[some] for name, part in x.items()} if isinstance(x, dict) else x[some]
        with screen.patience("preparing kernels"):
            net.run(few, **options)
    ready = time.perf_counter()
    with screen.patience(f"running {samples:,} samples"):
        outputs = net.run(x, **options)
    seconds = time.perf_counter() - ready
    return outputs, {
        "samples": samples,
        "seconds": seconds,
        "samples_per_second": samples / seconds,
        "prepare_seconds": ready - started,
        "threads": options["threads"],
        "device": benchmark.device(),
        "outputs": {
            name: {"shape": list(part.shape), "dtype": str(part.dtype)}
            for name, part in _named(outputs).items()
        },
    }


def _named(outputs: Any) -> dict[str, Any]:
    """Name the arrays to write: ``y`` where there is one, else as the network does."""
    return outputs if isinstance(outputs, dict) else {"y": outputs}


def _accuracy(outputs: Any, labels: Any, *, insist: bool) -> dict[str, Any]:
    """Compare the first output with the labels.

    Labels that merely lie in the data file and do not fit are left aside with a remark.
    """
    from ternary_engine import accuracy

    try:
        hits = accuracy.correct(accuracy.first_output(outputs), labels)
    except ValueError as error:
        if insist:
            raise
        screen.warn(f"no accuracy from y of the data file: {error}")
        return {}
    return {"correct": hits, "labels": labels.size, "accuracy": hits / max(labels.size, 1)}


def _tell_steps(net: Network) -> None:
    for number, step in enumerate(net.steps, 1):
        fields = vars(step)
        layer = f"  {fields['layer']}" if "layer" in fields else ""
        source, target = (
            fields.get(one) or ", ".join(fields[one + "s"]) for one in ("source", "target")
        )
        line = f"{number:4}  {type(step).__name__:12} {source} -> {target}{layer}"
        screen.narrate(escape(line))


def _show(report: dict[str, Any], stored: str) -> None:
    from ternary_engine import text

    lines = []
    if "accuracy" in report:
        hits = f"{text.count(report['correct'])} of {text.count(report['labels'])}"
        lines.append(("accuracy", f"[bold]{text.percent(report['accuracy'])}[/]  ({hits})"))
    if "errors" in report:
        asked = [f"{name} {value}" for name, value in report["errors"].items()]
        lines.append(("errors", ", ".join([*asked, f"seed {report['seed']}"]).replace("_", "-")))
    if stored:
        lines.append(("stored", stored))
    speed = text.rate(report["samples_per_second"], "samples")
    took = text.duration(report["seconds"])
    prepared = text.duration(report["prepare_seconds"])
    lines.append(("speed", f"{speed}  ({took}; kernels ready after {prepared})"))
    lines.append(("device", report["device"]))
    for name, part in report["outputs"].items():
        written = f", written to {report['output']}" if "output" in report else ""
        line = f"{name} {part['dtype']} {text.shape(part['shape'])}{written}"
        lines.append(("output", escape(line)))
    screen.emit_pairs(lines)
