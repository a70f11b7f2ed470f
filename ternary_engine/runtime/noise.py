"""What a noisy run carries: the errors of each layer, the seed, and the draws of cells."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import LayerErrors, Per
from ternary_engine.kernels import faults, random
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from ternary_engine.record import ErrorRecord
from ternary_engine.runtime.recording import Recorder, recorded_rows

Array = npt.NDArray[Any]
UInt64Array = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Noise:
    """The errors of one run.

    Attributes:
        layers: errors by layer name; layers without errors are absent.
        seed: from 0 on.
        batch_size: samples that share a draw where errors last for a batch.
        recorder: takes note of every error; None if nobody asked.
        replay: errors to repeat instead of drawing any.
    """

    layers: Mapping[str, LayerErrors]
    seed: int
    batch_size: int
    recorder: Recorder | None = None
    replay: ErrorRecord | None = None

    @property
    def by_cell(self) -> bool:
        """Whether reads must err cell by cell, not output by output."""
        return self.recorder is not None or self.replay is not None

    @property
    def needs_batches(self) -> bool:
        """Whether chunks must not reach over the end of a batch."""
        return any(errors.per == "batch" for errors in self.layers.values())

    def draw_number(self, per: Per, sample: int) -> int:
        """Which draw a sample takes its stored weights from."""
        if per == "program":
            return 0
        return sample // self.batch_size if per == "batch" else sample


@dataclass(frozen=True, eq=False)
class Faults:
    """Cells of one trit plane that are read wrong.

    Attributes:
        where: int64, flat indices into the weights of the source graph, ascending.
        read: int8, what they are read as.
    """

    where: npt.NDArray[np.int64]
    read: npt.NDArray[np.int8]


def share_levels(table: Array) -> tuple[float, UInt64Array]:
    """The largest error rate of a table, and `faults.read_value`'s levels."""
    return _share_levels(table.tobytes())


@functools.lru_cache(maxsize=256)
def _share_levels(table_bytes: bytes) -> tuple[float, UInt64Array]:
    table = np.frombuffer(table_bytes, np.float64).reshape(3, 3)
    wrong = table * (1.0 - np.eye(3))
    rate = float(wrong.sum(axis=1).max())
    others = np.array([[wrong[0, 1], wrong[0, 2]], [wrong[1, 0], wrong[1, 2]], wrong[2, :2]])
    shares = np.cumsum(others, axis=1) / rate
    units = [[min(int(share * 2.0**64), 2**64 - 1) for share in row] for row in shares.tolist()]
    return rate, np.array(units, np.uint64)


def log_keep(rate: float) -> float:
    """log(1 - rate), -inf for rate 1; see `faults.next_gap`."""
    return math.log1p(-rate) if rate < 1.0 else -math.inf


@functools.lru_cache(maxsize=4096)
def _layer_keys(seed: int, purpose: str) -> UInt64Array:
    return random.stream_keys(seed, purpose)


def sample_streams(seed: int, purpose: str, first: int, samples: int) -> UInt64Array:
    """Keys of the random streams of consecutive samples; uint64 [samples, 2]."""
    keys: UInt64Array = random.sample_keys(_layer_keys(seed, purpose), first, samples)
    return keys


def draw_faults(layer: Layer, errors: LayerErrors, seed: int, number: int) -> tuple[Faults, ...]:
    """Draw which cells of a layer are read wrong, for every trit plane.

    Args:
        layer: a crossbar layer.
        errors: its errors; ``per`` keeps draws that last differently apart.
        seed: of the run. number: of the draw, from `Noise.draw_number`.
    """
    assert layer.pairs is not None
    rate, levels = share_levels(errors.table)
    keep = log_keep(rate)
    cells = layer.cells // layer.planes
    drawn = []
    for plane, pairs in enumerate(layer.pairs):
        keys = sample_streams(seed, f"{layer.name}/{errors.per}/{plane}", number, 1)[0]
        room = int(cells * rate + 8.0 * math.sqrt(cells * rate) + 16.0)
        while True:
            where, read = np.empty(room, np.int64), np.empty(room, np.int8)
            found = faults.draw_faults(pairs, cells, keep, levels, keys, where, read)
            if found <= room:
                break
            room = found
        drawn.append(Faults(where[:found], read[:found]))
    return tuple(drawn)


def take_faults(layer: Layer, errors: LayerErrors, noise: Noise, number: int) -> tuple[Faults, ...]:
    """Cells of a layer that are read wrong in one draw: drawn and noted, or replayed."""
    if noise.replay is not None:
        rows = recorded_rows(noise.replay.layers[layer.name], number, number + 1)
        by_plane = (rows[rows[:, 3] == plane] for plane in range(layer.planes))
        return tuple(Faults(part[:, 4].copy(), part[:, 6].astype(np.int8)) for part in by_plane)
    drawn = draw_faults(layer, errors, noise.seed, number)
    if noise.recorder is not None:
        for plane, faulty in enumerate(drawn):
            stored = layer.trits[plane].reshape(-1)[faulty.where]
            columns = (number, -1, -1, plane, faulty.where, stored, faulty.read)
            rows = np.stack([np.broadcast_to(c, len(stored)) for c in columns], axis=1)
            noise.recorder.add(layer.name, rows.astype(np.int64))
    return drawn


def with_faults(layer: Layer, drawn: tuple[Faults, ...]) -> npt.NDArray[np.int8]:
    """The trits of a layer as they are read; int8 [planes, *shape]."""
    trits = layer.trits.copy()
    for plane, faulty in zip(trits, drawn, strict=True):
        plane.reshape(-1)[faulty.where] = faulty.read
    return trits


def replayed(record: ErrorRecord, network: Network) -> Noise:
    """A run's errors, to be repeated.

    Raises:
        ValueError: the record is of another network.
    """
    known = {layer.name for layer in network.layers if layer.placement == "crossbar"}
    unknown = sorted(set(record.layers) - known)
    if unknown:
        raise ValueError(f"replay: the record has errors of layers {unknown}; got none so named")
    own = network.read_errors or {}
    errors = {
        name: own.get(name) or LayerErrors(one.table, one.per)
        for name, one in record.layers.items()
    }
    return Noise(errors, 0, record.batch_size, replay=record)


def programmed(network: Network, errors: Mapping[str, LayerErrors], seed: int) -> Network:
    """A copy of a network whose stored weights carry one draw of errors per program."""
    layers = []
    for layer in network.layers:
        held = errors.get(layer.name)
        if held is not None:
            drawn = draw_faults(layer, dataclasses.replace(held, per="program"), seed, 0)
            assert layer.pairs is not None
            pairs = layer.pairs.copy()
            for plane, faulty in zip(pairs, drawn, strict=True):
                faults.write_pairs(faulty.where, faulty.read, plane)
            layers.append(dataclasses.replace(layer, pairs=pairs))
        else:
            layers.append(layer)
    return dataclasses.replace(network, layers=tuple(layers))
