"""Packed files: networks and chips as safetensors files, two bits a weight, checked on loading.

Tensors hold the numbers, one entry of the header's metadata the rest, as JSON: ``format`` and
``version``, the network (arrays and bytes replaced by references to tensors), and ``sha256`` over
all of it, so that a damaged file is refused and never gives a wrong answer. Nothing in a file is
executed on loading. The same network gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import mmap
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine import consistency
from ternary_engine import steps as step_types
from ternary_engine.codes import Codes
from ternary_engine.exceptions import FormatError
from ternary_engine.files import atomic_write
from ternary_engine.layer import Layer
from ternary_engine.network import Network, Port

FORMAT = "ternary-engine network"
VERSION = 1
ENTRY = "ternary-engine"  # of the header's metadata

Array = npt.NDArray[Any]

_RECORDS: dict[str, type[Any]] = {
    record.__name__: record
    for record in (
        Network,
        Port,
        Layer,
        Codes,
        *(
            value
            for value in vars(step_types).values()
            if dataclasses.is_dataclass(value) and value.__module__ == step_types.__name__
        ),
    )
    if isinstance(record, type)
}
# Only files with a chip or a device in them need these: modules that most runs never load.
_RARE_RECORDS = {
    "ternary_engine.chips.cells": ("Programmed",),
    "ternary_engine.chips.chip": ("Chip",),
    "ternary_engine.chips.design": ("ChipDesign", "Repair", "WriteVerify"),
    "ternary_engine.chips.weak": ("WeakCells",),
    "ternary_engine.device": ("Device", "Drift", "Empirical", "LogNormal", "Programming"),
    "ternary_engine.physics.fitting": ("Fit",),
    "ternary_engine.sense": ("SenseAmp", "Transistors"),
}
_DTYPES = {"U8": "u1", "I8": "i1", "BOOL": "?", "I16": "<i2", "I32": "<i4", "I64": "<i8",
           "F32": "<f4", "F64": "<f8", "U64": "<u8"}  # fmt: skip


class _Writer:
    """Turns records into JSON, putting arrays and bytes aside as tensors."""

    def __init__(self) -> None:
        self.tensors: dict[str, Array] = {}

    def encode(self, value: Any) -> Any:
        if isinstance(value, np.ndarray | bytes):
            array = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value
            name = f"t{len(self.tensors)}"
            self.tensors[name] = np.ascontiguousarray(array)
            return {"$bytes" if isinstance(value, bytes) else "$array": name}
        if dataclasses.is_dataclass(value):
            fields = {
                f.name: self.encode(getattr(value, f.name)) for f in dataclasses.fields(value)
            }
            return {"$record": type(value).__name__, **fields}
        if isinstance(value, Mapping):
            return {"$map": {str(key): self.encode(item) for key, item in value.items()}}
        if isinstance(value, tuple | list):
            return [self.encode(item) for item in value]
        return value


def _record(name: str) -> type[Any]:
    """The class of a record.

    Raises:
        KeyError: there is none of that name.
    """
    if name in _RECORDS:
        return _RECORDS[name]
    for module, names in _RARE_RECORDS.items():
        if name in names:
            found: type[Any] = getattr(importlib.import_module(module), name)
            return found
    raise KeyError(name)


def _decode(value: Any, tensors: Mapping[str, Array]) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item, tensors) for item in value)
    if not isinstance(value, dict):
        return value
    if "$array" in value:
        return tensors[value["$array"]]
    if "$bytes" in value:
        return tensors[value["$bytes"]].tobytes()
    if "$map" in value:
        return {key: _decode(item, tensors) for key, item in value["$map"].items()}
    record = _record(value["$record"])
    return record(**{k: _decode(v, tensors) for k, v in value.items() if k != "$record"})


def _digest(tensors: Mapping[str, Array], network: str) -> str:
    """sha256 over the network's JSON and every tensor with its name, type and shape."""
    digest = hashlib.sha256(network.encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def save(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a packed file beside its place and rename it there.

    Raises:
        OSError: the place cannot be written.
    """
    from safetensors.numpy import save as to_safetensors

    writer = _Writer()
    text = json.dumps(writer.encode(network), separators=(",", ":"))
    metadata = {
        "format": FORMAT,
        "version": str(VERSION),
        "network": text,
        "sha256": _digest(writer.tensors, text),
    }
    # One entry, since the library writes several in any order.
    content = to_safetensors(writer.tensors, {ENTRY: json.dumps(metadata, separators=(",", ":"))})
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def is_packed(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins like a safetensors file: an 8-byte length, then a JSON object."""
    with open(path, "rb") as file:
        head = file.read(9)
    return len(head) == 9 and head[8:9] == b"{"


def load(path: str | os.PathLike[str]) -> Network:
    """Load a packed file, or convert an ``.onnx`` file.

    A packed file is mapped into memory, not copied.

    Args:
        path: packed file, or ONNX model (told by its content).

    Raises:
        FileNotFoundError: no such file.
        FormatError: damaged, truncated, of another format or of a newer version.
        ConversionError: an ONNX model that cannot be imported.
    """
    path = pathlib.Path(path)
    path.stat()  # an error of its own where there is no file
    if path.suffix == ".onnx" or not is_packed(path):
        if path.suffix != ".onnx":
            raise FormatError(
                f"{path}: not a packed network; it takes a file written by `Network.save` or "
                "`ternary-engine convert`, or an .onnx model"
            )
        from ternary_engine.converters import convert

        return convert(path)
    try:
        return _load_packed(path)
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from error.__cause__


def _load_packed(path: pathlib.Path) -> Network:
    metadata, tensors = _read(path)
    if metadata.get("format") != FORMAT:
        raise FormatError(f"a safetensors file, but no {FORMAT}")
    version = metadata.get("version", "")
    if version != str(VERSION):
        raise FormatError(
            f"packed file version {version!r}; this program reads version {VERSION} "
            "(a newer ternary-engine wrote it, or the file is damaged)"
        )
    text = metadata.get("network", "")
    if not isinstance(text, str):
        raise FormatError("damaged header (its network is no text)")
    if metadata.get("sha256") != _digest(tensors, text):
        raise FormatError("damaged: its contents do not match its checksum")
    try:
        network = _decode(json.loads(text), tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FormatError(f"its network cannot be read ({error})") from error
    if not isinstance(network, Network):
        raise FormatError("it holds no network")
    consistency.check(network)
    return network


def _read(path: pathlib.Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Metadata and tensors of a safetensors file, the tensors as views of a memory map.

    Its format (8-byte little-endian header length, JSON header, data) is read here rather than
    by the library, which copies every tensor.
    """
    with path.open("rb") as file:
        try:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError as error:
            raise FormatError("the file is empty") from error
    length = int.from_bytes(view[:8], "little")
    if length > len(view) - 8:
        raise FormatError(f"truncated: a header of {length} bytes in a file of {len(view)}")
    try:
        header = json.loads(bytes(view[8 : 8 + length]))
        metadata = json.loads(header.pop("__metadata__", {}).get(ENTRY, "{}"))
        data = view[8 + length :]
        tensors = {name: _tensor(entry, data) for name, entry in header.items()}
        used = max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise FormatError(f"damaged header ({error})") from error
    if not isinstance(metadata, dict):
        raise FormatError("damaged header (its metadata is no table)")
    if used != len(data):
        raise FormatError(f"damaged: {len(data) - used} bytes behind its end")
    return metadata, tensors


def _tensor(entry: Mapping[str, Any], data: memoryview) -> Array:
    first, last = entry["data_offsets"]
    if not 0 <= first <= last <= len(data):
        raise ValueError(f"truncated: tensor data {first} to {last} of {len(data)} bytes")
    return np.frombuffer(data[first:last], _DTYPES[entry["dtype"]]).reshape(entry["shape"])
