"""``ternary-engine program``: a network on a chip whose every device has its own resistance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ternary_engine.cli import physics, screen
from ternary_engine.cli.map import ArraySize, OutputsAlong, parse_array
from ternary_engine.cli.options import AsJson, NetworkFile, Threads, within
from ternary_engine.cli.physics import Plot

if TYPE_CHECKING:
    from ternary_engine.chips.chip import Chip
    from ternary_engine.network import Network

__all__ = ["program"]

_DEVICE = "Devices"
_SENSE = "Sense amplifiers (default: thick oxide at 1.2 V, 50 ns)"
_CARE = "Write-verify and repair (default: none)"
_RATES = ("sign_flip", "drop", "rise")


def program(
    network: NetworkFile,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="CHIP", help="Write the chip as a packed file."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Inputs and labels: .npz with x and y; for accuracy."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            callback=within(0),
            help="Names the chip: its devices, faults and amplifiers, and with --data its reads "
            "[dim]\\[default: fresh each time, and reported][/dim].",
        ),
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            metavar="DEVICE",
            rich_help_panel=_DEVICE,
            help="talk, degraded, low-energy or samples.csv.",
        ),
    ] = "talk",
    stuck_lrs: Annotated[
        float,
        typer.Option(
            metavar="P", callback=within(0, 1), rich_help_panel=_DEVICE, help="Share stuck at LRS."
        ),
    ] = 0.0,
    stuck_hrs: Annotated[
        float,
        typer.Option(
            metavar="P", callback=within(0, 1), rich_help_panel=_DEVICE, help="Share stuck at HRS."
        ),
    ] = 0.0,
    age: Annotated[
        float,
        typer.Option(
            metavar="S",
            callback=within(0),
            rich_help_panel=_DEVICE,
            help="Time since programming.",
        ),
    ] = 0.0,
    kept: Annotated[
        float,
        typer.Option(
            metavar="C",
            rich_help_panel=_DEVICE,
            help="Temperature at which that time was spent, degrees Celsius.",
        ),
    ] = 27.0,
    flavour: Annotated[
        Literal["thick-oxide", "thin-oxide", "nominal"],
        typer.Option(rich_help_panel=_SENSE, help="Transistors: 1.2 V, 0.6 V or 5 V."),
    ] = "thick-oxide",
    vdd: Annotated[
        float | None,
        typer.Option(
            metavar="V",
            rich_help_panel=_SENSE,
            help="Supply [dim]\\[default: by flavour][/dim].",
        ),
    ] = None,
    time: Annotated[
        float, typer.Option(metavar="S", rich_help_panel=_SENSE, help="Sense time.")
    ] = 50e-9,
    temperature: Annotated[
        float, typer.Option(metavar="C", rich_help_panel=_SENSE, help="Degrees Celsius.")
    ] = 27.0,
    corner: Annotated[
        Literal["tt", "ff", "ss", "fs", "sf"],
        typer.Option(rich_help_panel=_SENSE, help="Process: NMOS, then PMOS."),
    ] = "tt",
    mismatch: Annotated[
        float | None,
        typer.Option(
            metavar="V",
            rich_help_panel=_SENSE,
            help="Spread of the offset [dim]\\[default: by flavour][/dim].",
        ),
    ] = None,
    noise: Annotated[
        float,
        typer.Option(metavar="V", rich_help_panel=_SENSE, help="Spread from read to read."),
    ] = 0.5e-3,
    array: ArraySize = "32x32",
    outputs: OutputsAlong = "rows",
    verify: Annotated[
        int | None,
        typer.Option(
            metavar="PULSES",
            callback=within(1),
            rich_help_panel=_CARE,
            help="Program a device again until it is within limits, up to so many pulses.",
        ),
    ] = None,
    polarity: Annotated[
        bool,
        typer.Option("--polarity", rich_help_panel=_CARE, help="Store lines negated where better."),
    ] = False,
    lines: Annotated[
        bool, typer.Option("--lines", rich_help_panel=_CARE, help="Let lines change places.")
    ] = False,
    inputs: Annotated[
        bool, typer.Option("--inputs", rich_help_panel=_CARE, help="Let inputs change places.")
    ] = False,
    spares: Annotated[
        int,
        typer.Option(
            metavar="N",
            callback=within(0),
            rich_help_panel=_CARE,
            help="Spare lines of each layer, with --lines.",
        ),
    ] = 0,
    votes: Annotated[
        int,
        typer.Option(
            metavar="K",
            callback=within(1),
            rich_help_panel=_CARE,
            help="Reads of each cell, an odd number; the majority counts.",
        ),
    ] = 1,
    threads: Threads = None,
    plot: Plot = None,
    layer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="To draw [dim]\\[default: that with the most such cells][/dim]."
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Program a network onto a chip: every device with its own resistance.

    For each crossbar layer: stuck devices, cells that are usually read wrong,
    weak cells (those not always read alike), mean rates of the three error
    types, pulses and energy; accuracy with --data. --plot draws how often the
    cells of a layer are read wrong. Another seed is another
    chip. Parameters of devices and amplifiers that are not public are chosen,
    and labelled so.

    Examples:
      $ ternary-engine program net.tern --seed 7 --data data.npz
      $ ternary-engine program net.tern --seed 7 -o chip.tern
      $ ternary-engine program net.tern --stuck-hrs 0.01 --polarity --lines
      $ ternary-engine program net.tern --verify 10 --age 1e8 --kept 85 --json
    """
    from ternary_engine.chips.design import Repair, WriteVerify
    from ternary_engine.cli import data as files
    from ternary_engine.cli.sensing import fresh_seed
    from ternary_engine.sense import SenseAmp

    physics.check_plot(plot)
    if output is not None:
        files.check_folder(output)
    made = physics.find_device(device, stuck_lrs=stuck_lrs, stuck_hrs=stuck_hrs)
    seed = fresh_seed() if seed is None else seed
    design: dict[str, Any] = {
        "device": made.aged(age, kept),
        "sense": SenseAmp(flavour, vdd, time, temperature, corner, mismatch, noise),
        "array": parse_array(array),
        "outputs": outputs,
        "verify": None if verify is None else WriteVerify(most=verify),
        "repair": Repair(polarity, lines, inputs, spares, votes),
    }
    net = files.load_network(network)
    if not any(layer.cells for layer in net.layers):
        raise ValueError(f"{network}: no layer is on the crossbar: there is nothing to program")
    if layer is not None and layer not in [one.name for one in net.layers if one.cells]:
        raise ValueError(f"--layer: got {layer!r}; no crossbar layer of {network} has that name")
    with screen.patience("programming every device"), physics.told_warnings():
        chip: Any = net.program(**design, seed=seed)
    report = {"seed": seed, "device": device, "amplifier": _amplifier(chip)}
    report |= {"trust": physics.CHOSEN, "layers": chip.rows(), "price": chip.price()}
    if data is not None:
        report |= _accuracy(chip, data, seed, threads)
    if output is not None:
        chip.save(output)
        report["output"] = str(output)
    if json:
        screen.emit_json(physics.finite(report))
    else:
        _show(report, chip)
    if plot is not None:
        from ternary_engine.plot import weak_cells

        physics.draw(weak_cells(chip, layer), plot)


def _amplifier(chip: Chip) -> str:
    sense = chip.design.sense
    return (
        f"{sense.flavour}, {sense.supply:g} V, {sense.sense_time * 1e9:g} ns, "
        f"{sense.temperature:g} °C, {sense.corner}"
    )


def _accuracy(chip: Chip, path: Path, seed: int, threads: int | None) -> dict[str, Any]:
    """Accuracy of the chip, and of the network that it stores."""
    from ternary_engine import accuracy
    from ternary_engine.cli import data as files

    arrays = files.read_arrays(path)
    x, labels = files.pick_inputs(arrays, chip, path), files.pick_labels(None, arrays, path)
    if labels is None:
        raise ValueError(f"{path}: no labels y; accuracy takes them")

    def share(network: Network, **how: Any) -> float:
        with screen.patience(f"running {len(labels):,} samples"):
            outputs = network.run(x, threads=threads, **how)
        hits = accuracy.correct(accuracy.first_output(outputs), labels)
        return hits / max(labels.size, 1)

    found = {"accuracy": share(chip, seed=seed), "accuracy_error_free": share(chip.stored)}
    return found | {"labels": int(labels.size)}


def _show(report: dict[str, Any], chip: Chip) -> None:
    from ternary_engine import text

    rows = [
        (
            row["layer"],
            text.count(row["cells"]),
            text.count(row["stuck_lrs"] + row["stuck_hrs"]),
            text.count(row["wrong"]),
            text.count(row["weak"]),
            *("" if row[name] is None else f"{row[name]:.2g}" for name in _RATES),
            text.count(row["pulses"]),
            physics.joules(row["energy_J"]),
        )
        for row in report["layers"]
    ]
    columns = (
        "layer", "cells", "stuck devices", "usually wrong", "weak",
        "type 1", "type 2", "type 3", "pulses", "energy",
    )  # fmt: skip
    title = f"chip {report['seed']}: {report['device']} devices, {report['amplifier']}"
    screen.emit(screen.table(columns, rows, title=title), "")
    screen.emit_pairs(_lines(report, chip))


def _lines(report: dict[str, Any], chip: Chip) -> list[tuple[str, str]]:
    from ternary_engine import text

    price, lines = report["price"], []
    if "accuracy" in report:
        stored = text.percent(report["accuracy_error_free"])
        found = (
            f"[bold]{text.percent(report['accuracy'])}[/]  (as stored, without errors: {stored})"
        )
        lines.append(("accuracy", found))
    devices = 2 * price["cells"]
    took = f"{text.count(price['pulses'])} pulses for {text.count(devices)} devices"
    lines.append(("programmed", f"{took}, {physics.joules(price['energy_J'])}"))
    failed = sum(row["failed"] for row in report["layers"])
    if chip.design.verify is not None:
        lines.append(("gave up", f"on {text.count(failed)} devices out of their limits"))
    repair = chip.design.repair
    if repair is not None and (repair.moves or repair.votes > 1):
        extra = f"{text.count(price['spare_cells'])} spare cells, "
        extra += f"{text.count(price['tables_bits'])} bits of tables, "
        extra += f"{price['senses_per_read']} senses a read, "
        lines.append(("repair", extra + f"{text.count(price['test_pulses'])} pulses of a test"))
    if "output" in report:
        from rich.markup import escape

        lines.append(("written to", escape(report["output"])))
    lines.append(("trust", report["trust"]))
    return lines
