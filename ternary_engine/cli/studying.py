"""What the commands of studies share: their options, their data, and the wait."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ternary_engine.cli import screen
from ternary_engine.cli.options import within

if TYPE_CHECKING:
    from ternary_engine.network import Network
    from ternary_engine.sweeps import Point

__all__ = [
    "Age",
    "Backend",
    "Corner",
    "Data",
    "Device",
    "Labels",
    "MeanRates",
    "Out",
    "Scheduler",
    "SenseTime",
    "StudySeed",
    "Temperature",
    "Vdd",
    "Workers",
    "chip_points",
    "counted",
    "numbers",
    "read_task",
    "save_figure",
    "told_warnings",
    "words",
]

_CREW = "Workers"
_PHYSICS = "Chips of a device and a sense amplifier; lists make every combination"

Data = Annotated[Path, typer.Option(metavar="DATA", help="Samples: .npz with x and the labels y.")]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|KEY",
        help="Labels: an .npz or .npy file, or an array of DATA [dim]\\[default: y][/dim].",
    ),
]
StudySeed = Annotated[
    int,
    typer.Option(
        "--seed",
        metavar="N",
        callback=within(0),
        help="Names all random numbers: the same numbers from any number of workers.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="CSV",
        help="File to begin or to go on with: a row for each trial, at once.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        callback=within(1),
        rich_help_panel=_CREW,
        help="How many [dim]\\[default: every core][/dim].",
    ),
]
Backend = Annotated[
    Literal["threads", "processes", "dask", "ray"],
    typer.Option(rich_help_panel=_CREW, help="What they are."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        rich_help_panel=_CREW,
        help="Dask scheduler, e.g. tcp://node1:8786, with --backend dask.",
    ),
]


def _list(metavar: str, text: str) -> Any:
    return typer.Option(metavar=metavar, rich_help_panel=_PHYSICS, help=text)


Device = Annotated[
    str | None,
    _list("DEVICE", "talk, degraded, low-energy or samples.csv [dim]\\[default: talk][/dim]."),
]
Vdd = Annotated[list[str] | None, _list("V,V,...", "Supply.")]
SenseTime = Annotated[list[str] | None, _list("S,S,...", "Sense time.")]
Temperature = Annotated[list[str] | None, _list("C,C,...", "Degrees Celsius.")]
Corner = Annotated[list[str] | None, _list("tt,ss,...", "Process: NMOS, then PMOS.")]
Age = Annotated[list[str] | None, _list("S,S,...", "Time since programming.")]
MeanRates = Annotated[
    bool,
    typer.Option(
        "--mean-rates",
        rich_help_panel=_PHYSICS,
        help="All cells have the mean rates of such chips, in place of resistances of their own.",
    ),
]


def words(flag: str, texts: list[str] | None, known: tuple[str, ...] = ()) -> list[Any]:
    """Read a list with commas between.

    Raises:
        ValueError: a hole in it, or a word that is not known.
    """
    found = [word.strip() for text in texts or [] for word in text.split(",")]
    for word in found:
        if not word or (known and word not in known):
            takes = ", ".join(known) if known else "a list with commas between"
            raise ValueError(f"{flag}: got {word!r}; it takes {takes}")
    return found


def numbers(
    flag: str, texts: list[str] | None, takes: str = "probabilities", example: str = "1e-3,1e-2"
) -> list[float]:
    """Read a list of numbers; each is kept once."""
    found = []
    for word in words(flag, texts):
        try:
            found.append(float(word))
        except ValueError:
            raise ValueError(
                f"{flag}: got {word!r}; it takes {takes}, as in {flag} {example}"
            ) from None
    return list(dict.fromkeys(found))


def chip_points(
    device: str | None,
    vdd: list[str] | None,
    sense_time: list[str] | None,
    temperature: list[str] | None,
    corner: list[str] | None,
    age: list[str] | None,
    *,
    mean_rates: bool = False,
    **options: Any,
) -> list[Point]:
    """Points over the conditions that were asked for; none where nothing was.

    Raises:
        ValueError: a condition that is impossible.
    """
    given: dict[str, Any] = {
        "vdd": numbers("--vdd", vdd, "volts", "0.9,1.2"),
        "sense_time": numbers("--sense-time", sense_time, "seconds", "20e-9,50e-9"),
        "temperature": numbers("--temperature", temperature, "degrees Celsius", "27,85"),
        "corner": words("--corner", corner, ("tt", "ff", "ss", "fs", "sf")),
        "age": numbers("--age", age, "seconds", "0,1e8"),
    }
    axes = {name: values for name, values in given.items() if values}
    if device is None and not axes:
        if mean_rates:
            raise ValueError("--mean-rates is for chips: give --device, --vdd, --age ...")
        return []
    from ternary_engine.cli.physics import find_device
    from ternary_engine.cli.physics import told_warnings as told_physics
    from ternary_engine.sweeps import Point

    with told_physics():
        return Point.conditions(
            find_device(device or "talk"), chips=not mean_rates, **axes, **options
        )


def read_task(network: Path, data: Path, labels: str | None) -> tuple[Network, Any, Any]:
    """A network, its inputs and the labels.

    Raises:
        ValueError: no labels.
    """
    from ternary_engine.cli import data as files

    net = files.load_network(network)
    arrays = files.read_arrays(data)
    wanted = files.pick_labels(labels, arrays, data)
    if wanted is None:
        raise ValueError(f"{data}: no labels: it takes an array y, or --labels")
    return net, files.pick_inputs(arrays, net, data), wanted


@contextlib.contextmanager
def counted(doing: str) -> Iterator[Callable[[int], None]]:
    """Show that work goes on and how many trials there are; see `screen.patience`."""
    from ternary_engine.text import count

    done = 0

    def note(trials: int) -> None:
        nonlocal done
        done = trials

    with told_warnings(), screen.patience(lambda: f"{doing}, {count(done)} trials"):
        yield note


@contextlib.contextmanager
def told_warnings() -> Iterator[None]:
    """Tell warnings of sweeps and of the physics as lines of our own."""
    from ternary_engine.cli.physics import told_warnings as told_physics
    from ternary_engine.cli.sweep import told_warnings as told_sweep

    with told_physics(), told_sweep():
        yield


def save_figure(make: Callable[[], Any], path: Path | None) -> None:
    """Draw a figure, if there is one to draw."""
    if path is not None:
        from ternary_engine.cli import physics

        physics.draw(make(), path)
