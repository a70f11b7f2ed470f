"""Names by content: what tells one task from another, whatever files are called."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import ternary_engine
from ternary_engine.network import Network
from ternary_engine.sweeps.point import Point

__all__ = ["data_hash", "pack", "point_id", "run_seed"]

Array = npt.NDArray[Any]

_HEX = 16  # digits: 64 bits; two of a million points agree by chance with probability 3e-8


def pack(network: Network) -> tuple[npt.NDArray[np.uint8], str]:
    """Pack a network for the journey to a worker.

    Returns:
        The bytes of its packed file, without name and provenance, and a hash of its content.
    """
    plain = dataclasses.replace(network, provenance={}, notes=())
    with tempfile.TemporaryDirectory(prefix="ternary-engine-") as folder:
        path = Path(folder) / "network.tern"
        plain.save(path)
        packed = np.fromfile(path, np.uint8)
    return packed, _content_hash(packed)


def _content_hash(packed: npt.NDArray[np.uint8]) -> str:
    """Hash a packed file, in whatever order its header (safetensors: length, JSON) was written."""
    length = int(packed[:8].view("<u8")[0])
    header = json.loads(packed[8 : 8 + length].tobytes())
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(packed[8 + length :].data)
    return digest.hexdigest()[:_HEX]


def data_hash(x: Array | Mapping[str, Array], labels: Array) -> str:
    """Hash inputs and labels: their types, shapes and values."""
    digest = hashlib.sha256()
    named = dict(x) if isinstance(x, Mapping) else {"": x}
    for name in sorted(named):
        _feed(digest, name, np.asarray(named[name]))
    _feed(digest, "labels", np.asarray(labels))
    return digest.hexdigest()[:_HEX]


def _feed(digest: Any, name: str, array: Array) -> None:
    digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def point_id(point: Point, *, network: str, data: str, seed: str, batch_size: int | None) -> str:
    """Hash all that the results of a point depend on.

    Args:
        point: the setting.
        network: its hash.
        data: hash of inputs and labels.
        seed: the sweep's seed, and how those of trials follow from it.
        batch_size: samples that share a draw, where errors last for a batch.
    """
    batch = batch_size if point.needs_batches else None
    version = ternary_engine.__version__
    content = json.dumps([network, data, point.key, seed, batch, version])
    return hashlib.sha256(content.encode()).hexdigest()[:_HEX]


def run_seed(seed: int, point: Point | None, trial: int) -> int:
    """Derive the seed of one run from the sweep's: the same in any order and on any machine.

    Args:
        seed: of the sweep.
        point: the setting, or None for seeds that all settings share (common random numbers).
        trial: number of the trial, from 0 on.

    Returns:
        53 bits, which spreadsheets and JSON keep exactly.
    """
    text = json.dumps([seed, None if point is None else point.key, trial])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") >> 3
