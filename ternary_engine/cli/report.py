"""``ternary-engine report``: one HTML page on a network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from ternary_engine.cli import screen
from ternary_engine.cli.map import ArraySize, OutputsAlong, parse_array
from ternary_engine.cli.options import AsJson, NetworkFile, within

if TYPE_CHECKING:
    from ternary_engine.sweeps import Results

__all__ = ["report"]


def report(
    network: NetworkFile,
    data: Annotated[
        Path,
        typer.Option(metavar="DATA", help="Samples: .npz with x (and labels y), or .npy."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="HTML", help="Page to write: .html.")
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|KEY",
            help="Labels: an .npz or .npy file, or an array of DATA [dim]\\[default: y][/dim].",
        ),
    ] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="CSV", help="Results of a sweep, to show as well.")
    ] = None,
    array: ArraySize = "32x32",
    outputs: OutputsAlong = "rows",
    ber: Annotated[
        list[str] | None,
        typer.Option(
            metavar="P,P,...",
            help="Bit error rates to measure under [dim]\\[default: 1e-3,1e-2,3e-2,1e-1][/dim].",
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(metavar="N", callback=within(1), help="Runs at each rate.")
    ] = 5,
    vdd: Annotated[
        float, typer.Option(metavar="V", help="Supply; energies go with its square.")
    ] = 1.2,
    seed: Annotated[
        int, typer.Option(metavar="N", callback=within(0), help="Names the error draws.")
    ] = 0,
    json: AsJson = False,
) -> None:
    """Write one HTML page on a network, for reading and passing on.

    Layers and why they lie where they do, accuracy without errors and under a
    few error rates, arrays and how full they are, energy and latency with the
    sources of every figure, a sweep if there is one, and where all of it comes
    from. The page needs no network and no other file.

    Examples:
      $ ternary-engine report net.tern --data data.npz -o report.html
      $ ternary-engine report net.tern --data data.npz --results results.csv
        --array 64x64 --vdd 0.6 -o report.html
    """
    size = parse_array(array)
    rates = _rates(ber)
    from ternary_engine.cli import data as files

    if output.suffix not in (".html", ".htm"):
        raise ValueError(f"{output}: a report is .html; got {output.suffix or 'no suffix'}")
    files.check_folder(output)
    swept = _swept(results)
    net = files.load_network(network)
    arrays = files.read_arrays(data)
    x = files.pick_inputs(arrays, net, data)
    wanted = files.pick_labels(labels, arrays, data)
    from ternary_engine.mapping import CostParameters
    from ternary_engine.reporting import report as make

    options: dict[str, Any] = {"rates": rates} if rates else {}
    said = {
        "labels": labels,
        "results": results,
        "array": array,
        "outputs": outputs,
        "ber": ",".join(f"{rate:g}" for rate in rates) or None,
        "trials": trials,
        "vdd": vdd,
        "seed": seed,
    }
    with screen.patience("measuring"):
        page = make(
            net,
            x,
            wanted,
            out=output,
            array=size,
            outputs=outputs,
            parameters=CostParameters(vdd=vdd),
            trials=trials,
            seed=seed,
            results=swept,
            command=_command((network, data, output), said),
            **options,
        )
    written = len(page.encode("utf-8", "replace"))
    if json:
        screen.emit_json({"output": str(output), "bytes": written})
        return
    from ternary_engine import text

    screen.narrate(f"{escape(str(output))}: {text.size(written)}")


def _rates(texts: list[str] | None) -> list[float]:
    """Read bit error rates.

    Raises:
        ValueError: no number, or none above 0.
    """
    rates = []
    for word in [word.strip() for one in texts or [] for word in one.split(",")]:
        try:
            rate = float(word)
        except ValueError:
            rate = -1.0
        if not 0.0 < rate <= 1.0:
            raise ValueError(
                f"--ber: got {word!r}; it takes rates above 0, up to 1, as in 1e-3,0.1"
            )
        rates.append(rate)
    return rates


def _swept(path: Path | None) -> Results | None:
    if path is None:
        return None
    from ternary_engine.cli import data as files
    from ternary_engine.cli.sweep import told_warnings

    files.check_file(path)
    with told_warnings():
        from ternary_engine.sweeps import read_results

        return read_results(path)


def _command(files: tuple[Path, Path, Path], options: dict[str, Any]) -> str:
    """The command line that makes the same page; those that are None are left out."""
    network, data, output = map(str, files)
    words = ["ternary-engine", "report", network, "--data", data, "-o", output]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name}", str(value)]
    return shlex.join(words)
