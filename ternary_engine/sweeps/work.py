"""What a worker does: runs the trials of a block on a network that came as a packed file."""

from __future__ import annotations

import dataclasses
import tempfile
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine import accuracy
from ternary_engine.network import Network
from ternary_engine.sweeps.identity import run_seed
from ternary_engine.sweeps.point import Point

if TYPE_CHECKING:
    from ternary_engine.chips.chip import Chip

__all__ = [
    "Block",
    "Cargo",
    "Outcome",
    "adopt",
    "as_arrays",
    "chip_of",
    "run_block",
    "run_trial",
    "share_correct",
]

Array = npt.NDArray[Any]

_KEPT = 4  # networks a worker holds on to


@dataclass(frozen=True, eq=False)
class Cargo:
    """What every worker needs, once.

    Attributes:
        key: hash of the network's content.
        packed: the network's packed file, uint8.
        labels: of the samples.
        arrays: inputs of the network.
        names: of the inputs; None where the network takes a bare array.
        batch_size: as `Network.run` takes it.
    """

    key: str
    packed: npt.NDArray[np.uint8]
    labels: Array
    arrays: tuple[Array, ...]
    names: tuple[str, ...] | None
    batch_size: int | None

    @property
    def settings(self) -> tuple[str, tuple[str, ...] | None, int | None]:
        """All but the arrays, which travel by themselves."""
        return self.key, self.names, self.batch_size


@dataclass(frozen=True)
class Block:
    """Trials of one point that are run in one go.

    Attributes:
        index: which point of the sweep.
        point: the point.
        trials: their numbers.
        seeds: of their runs.
    """

    index: int
    point: Point
    trials: tuple[int, ...]
    seeds: tuple[int, ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a block.

    Attributes:
        block: which.
        accuracies: share of samples classified correctly, by trial.
        seconds: time within the runs, by trial.
        error: what stopped the block, if anything did.
    """

    block: Block
    accuracies: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    error: Exception | None = None


_networks: dict[str, Network] = {}
_networks_lock = threading.Lock()
_unpacking = threading.Lock()


def adopt(key: str, network: Network) -> None:
    """Hold on to a network that workers of this process will ask for."""
    with _networks_lock:
        while len(_networks) >= _KEPT:
            _networks.pop(next(iter(_networks)))
        _networks[key] = network


def _network(key: str, packed: npt.NDArray[np.uint8]) -> Network:
    """The network of a key, unpacked once for each process."""
    with _unpacking:
        if key not in _networks:
            adopt(key, _unpacked(packed))
        return _networks[key]


def _unpacked(packed: npt.NDArray[np.uint8]) -> Network:
    from ternary_engine.storage import load

    with tempfile.TemporaryDirectory(
        prefix="ternary-engine-", ignore_cleanup_errors=True
    ) as folder:
        path = Path(folder) / "network.tern"
        packed.tofile(path)
        return load(path)


def run_trial(
    network: Network, point: Point, x: Any, seed: int, batch_size: int | None = None
) -> Any:
    """Run a point once: program if it says so, then run."""
    if point.device is not None:
        chip = chip_of(network, point, seed)
        return chip.run(x, seed=seed, threads=1, batch_size=batch_size)
    if point.programmed:
        network = _programmed(network, point, seed)
    errors = None if point.errors is None else point.restricted(point.errors)
    return network.run(x, errors=errors, seed=seed, threads=1, batch_size=batch_size)


def chip_of(network: Network, point: Point, seed: int) -> Chip:
    """The chip of a trial, of which some layers may be spared all errors."""
    from ternary_engine.chips.chip import make_chip
    from ternary_engine.chips.design import ChipDesign

    made: dict[str, Any] = {"device": point.device, "sense": point.sense}
    chip = make_chip(network, ChipDesign(**made), run_seed(seed, None, 0), threads=1)
    if point.layers is None:
        return chip
    layers = tuple(
        made if made.name in point.layers else stored
        for stored, made in zip(network.layers, chip.layers, strict=True)
    )
    weak = {name: cells for name, cells in chip.weak.items() if name in point.layers}
    return dataclasses.replace(chip, layers=layers, weak=weak)


def _programmed(network: Network, point: Point, seed: int) -> Network:
    """Program a network; every stage strikes the cells that those before left right."""
    made = network
    for number, stage in enumerate(point.programmed):
        errors = point.restricted(stage)
        struck = network.program(errors=errors, seed=run_seed(seed, None, number))
        made = struck if number == 0 else _joined(network, made, struck)
    return made


def _joined(clean: Network, first: Network, second: Network) -> Network:
    """The first of two programmed copies, with the second's errors where it has none."""
    layers = []
    for stored, before, after in zip(clean.layers, first.layers, second.layers, strict=True):
        if stored.pairs is after.pairs:
            layers.append(before)
            continue
        trits = np.where(before.trits != stored.trits, before.trits, after.trits)
        layers.append(before.with_trits(trits))
    return dataclasses.replace(clean, layers=tuple(layers))


def run_block(
    settings: tuple[str, tuple[str, ...] | None, int | None],
    block: Block,
    packed: npt.NDArray[np.uint8],
    labels: Array,
    *arrays: Array,
) -> Outcome:
    """Run a block where this is called, in whatever process and on whatever machine.

    An error of the run comes back as a value: what is raised here is a fault of the transport.
    """
    key, names, batch_size = settings
    outcome = Outcome(block)
    try:
        network = _network(key, packed)
        x = arrays[0] if names is None else dict(zip(names, arrays, strict=True))
        for seed in block.seeds:
            started = time.perf_counter()
            outputs = run_trial(network, block.point, x, seed, batch_size)
            outcome.seconds.append(time.perf_counter() - started)
            outcome.accuracies.append(share_correct(outputs, labels))
    except Exception as error:
        error.add_note(f"in a worker, at {block.point!r}:\n{traceback.format_exc()}")
        return Outcome(block, outcome.accuracies, outcome.seconds, error)
    return outcome


def share_correct(outputs: Any, labels: Array) -> float:
    """Share of samples whose class is the label."""
    return accuracy.correct(accuracy.first_output(outputs), labels) / labels.size


def as_arrays(x: Any) -> tuple[tuple[Array, ...], tuple[str, ...] | None]:
    """Inputs as arrays, and their names where they came as a dict."""
    if isinstance(x, dict):
        return tuple(np.asarray(part) for part in x.values()), tuple(x)
    return (np.asarray(x),), None
