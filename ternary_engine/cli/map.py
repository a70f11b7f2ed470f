"""``ternary-engine map``: a network on arrays, its cost, and the image that programs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from ternary_engine.cli import physics, screen
from ternary_engine.cli.options import AsJson, NetworkFile
from ternary_engine.cli.physics import Plot

if TYPE_CHECKING:
    from ternary_engine.mapping import Cost, CostParameters, Mapping

__all__ = ["ArraySize", "OutputsAlong", "map", "parse_array"]

_PANEL = "Cost: counted on DATA"
_SIZE = re.compile(r"(\d{1,9})\s*[x\u00d7,]\s*(\d{1,9})", re.IGNORECASE)

ArraySize = Annotated[
    str,
    typer.Option(
        "--array", metavar="RxC", help="Rows and columns of device pairs of an array, as in 32x32."
    ),
]
OutputsAlong = Annotated[
    Literal["rows", "columns"],
    typer.Option("--outputs", help="What the weights of an output lie along."),
]


def parse_array(text: str) -> tuple[int, int]:
    """Read ``32x32``.

    Raises:
        ValueError: anything else.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"--array: got {text!r}; it takes rows x columns, as in --array 32x32")
    from ternary_engine.mapping.placement import check_array

    return check_array((int(found[1]), int(found[2])))


def map(
    network: NetworkFile,
    array: ArraySize = "32x32",
    outputs: OutputsAlong = "rows",
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA", rich_help_panel=_PANEL, help="Typical samples: .npz with x, or .npy."
        ),
    ] = None,
    vdd: Annotated[
        float | None,
        typer.Option(
            metavar="V",
            rich_help_panel=_PANEL,
            help="Supply; energies go with its square [dim]\\[default: 1.2][/dim].",
        ),
    ] = None,
    sense_energy: Annotated[
        float | None,
        typer.Option(
            metavar="J",
            rich_help_panel=_PANEL,
            help="To sense one cell [dim]\\[default: 17e-15, arXiv 2208.02651][/dim].",
        ),
    ] = None,
    cycle_time: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            rich_help_panel=_PANEL,
            help="From one row to the next [dim]\\[default: 100e-9][/dim].",
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--image",
            metavar="FILE",
            help="Write the programming image: .csv, .csv.gz or .npz.",
        ),
    ] = None,
    plot: Plot = None,
    json: AsJson = False,
) -> None:
    """Map a network onto arrays of device pairs.

    For each crossbar layer: how its matrix is split, arrays, devices, how many
    of them are in use, how often an input is used again, reads and cycles per
    inference. With --data also the energy and the latency of an inference,
    beside float32 and int8 accelerators. The image lists array, row, column
    and state of every device; --plot draws how full the arrays are.

    Examples:
      $ ternary-engine map net.tern
      $ ternary-engine map net.tern --array 64x128 --data data.npz --vdd 0.6
      $ ternary-engine map net.tern --image image.csv.gz
    """
    physics.check_plot(plot)
    size = parse_array(array)
    parameters = _parameters(vdd, sense_energy, cycle_time, data is not None)
    from ternary_engine.cli import data as files

    if image is not None:
        from ternary_engine.mapping.image import check_suffix

        check_suffix(image)
        files.check_folder(image)
    net = files.load_network(network)
    from ternary_engine.mapping import map_network

    x = None if data is None else files.pick_inputs(files.read_arrays(data), net, data)
    mapping = map_network(net, size, outputs=outputs, x=x)
    priced = None if x is None else _price(mapping, x, parameters)
    written = None if image is None else _write(mapping, image)
    if plot is not None:
        from ternary_engine.plot import occupancy

        physics.draw(occupancy(mapping), plot)
    if json:
        _emit_json(mapping, priced, image, written)
        return
    screen.emit(mapping.table(screen.width()))
    if priced is not None:
        screen.emit("", priced.table(screen.width()))
    if image is not None:
        screen.narrate(f"{written:,} device pairs in {escape(str(image))}")


def _parameters(
    vdd: float | None, sense: float | None, cycle_time: float | None, counted: bool
) -> CostParameters:
    given = {"vdd": vdd, "sense": sense, "cycle_time": cycle_time}
    chosen = {name: value for name, value in given.items() if value is not None}
    if chosen and not counted:
        flag = {"vdd": "--vdd", "sense": "--sense-energy", "cycle_time": "--cycle-time"}
        raise ValueError(f"{flag[next(iter(chosen))]} is for the cost, which takes --data")
    from ternary_engine.mapping import CostParameters

    return CostParameters(**chosen)  # type: ignore[arg-type]


def _price(mapping: Mapping, x: Any, parameters: CostParameters) -> Cost:
    from ternary_engine.mapping import cost

    with screen.patience("counting sense operations"):
        return cost(mapping.network, x, mapping=mapping, parameters=parameters)


def _write(mapping: Mapping, image: Path) -> int:
    from ternary_engine.mapping import write_image

    with screen.patience(f"writing {image.name}"):
        return write_image(mapping, image)


def _emit_json(
    mapping: Mapping, priced: Cost | None, image: Path | None, written: int | None
) -> None:
    report = mapping.to_dict()
    if priced is not None:
        report["cost"] = priced.to_dict()
    if image is not None:
        report["image"] = {"file": str(image), "device_pairs": written}
    screen.emit_json(report)
