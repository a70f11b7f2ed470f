"""The programming image: array, row, column and state of each device, as a file for a test bench.

Two forms, by suffix. ``.csv`` (or ``.csv.gz``) has lines ``# key: value`` first, then the columns
``array,row,column,BL,BLb`` with a line for each device pair in use, states written LRS and HRS.
``.npz`` has the same as arrays ``array``, ``row``, ``column``, ``BL``, ``BLb`` (1 for LRS) and a
JSON text ``header``. Pairs that no weight uses are left out: they stay as they are.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any, cast

import numpy as np

from ternary_engine.exceptions import FormatError
from ternary_engine.files import atomic_write
from ternary_engine.mapping.cells import Cells, from_cells, to_cells
from ternary_engine.mapping.layers import Outputs
from ternary_engine.mapping.placement import (
    Mapping,
    check_array,
    check_mappable,
    place,
)
from ternary_engine.network import Network

__all__ = ["SUFFIXES", "check_suffix", "read_image", "write_image"]

FORMAT = "ternary-engine programming image"
VERSION = "1"
SUFFIXES = (".csv", ".csv.gz", ".npz")
COLUMNS = ("array", "row", "column", "BL", "BLb")
_STATES = ("HRS,HRS\n", "LRS,HRS\n", "HRS,LRS\n")
_NUMBERS = ("array", "row", "column")
_LOSSES = (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error)


def check_suffix(path: str | os.PathLike[str]) -> str:
    """The suffix of an image file.

    Raises:
        ValueError: another than those of `SUFFIXES`.
    """
    name = Path(path).name
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if name.endswith(suffix):
            return suffix
    got = Path(path).suffix or "no suffix"
    raise ValueError(f"{os.fspath(path)}: images are {', '.join(SUFFIXES)}; got {got}")


def write_image(mapping: Mapping, path: str | os.PathLike[str]) -> int:
    """Write the state of every device of a mapped network.

    Args:
        mapping: from `te.map`.
        path: a .csv, .csv.gz or .npz file; it is complete or not there at all.

    Returns:
        How many device pairs it holds.

    Raises:
        ValueError: another suffix. OSError: it cannot be written.
    """
    suffix = check_suffix(path)
    cells = to_cells(mapping)
    header = _header(mapping)
    with atomic_write(path) as temporary:
        if suffix == ".npz":
            _write_npz(temporary, header, cells)
        elif suffix == ".csv":
            with temporary.open("w", encoding="utf-8", newline="") as file:
                _write_csv(file, header, cells)
        else:
            # No time stamp and no name inside: the same network gives the same bytes.
            with (
                temporary.open("wb") as plain,
                gzip.GzipFile("", "wb", 3, plain, mtime=0) as packed,
                io.TextIOWrapper(packed, "utf-8", newline="") as file,
            ):
                _write_csv(file, header, cells)
    return len(cells)


def _header(mapping: Mapping) -> dict[str, str]:
    name = mapping.network.provenance.get("file", "network")
    return {
        "format": FORMAT,
        "version": VERSION,
        "network": "".join(c if c.isprintable() else "?" for c in name),
        "weights_hash": weights_hash(mapping.network),
        "array": f"{mapping.array[0]}x{mapping.array[1]}",
        "outputs": mapping.outputs,
        "arrays": str(mapping.totals["arrays"]),
        "device_pairs": str(mapping.totals["cells"]),
    }


def weights_hash(net: Network) -> str:
    """Hash what the devices hold, and nothing else: shapes and states of the crossbar layers."""
    digest = hashlib.sha256()
    for layer in net.layers:
        if layer.pairs is not None:
            digest.update(f"{layer.shape} {layer.output_axis} {layer.planes} ".encode())
            digest.update(np.ascontiguousarray(layer.pairs).data)
    return digest.hexdigest()[:16]


def _write_npz(path: Path, header: dict[str, str], cells: Cells) -> None:
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            allow_pickle=False,
            header=np.array(json.dumps(header)),
            array=cells.array,
            row=cells.row,
            column=cells.column,
            BL=(cells.state & 1).astype(np.uint8),
            BLb=(cells.state >> 1).astype(np.uint8),
        )


def _write_csv(file: io.TextIOBase, header: dict[str, str], cells: Cells) -> None:
    for key, value in header.items():
        file.write(f"# {key}: {value}\n")
    file.write(",".join(COLUMNS) + "\n")
    block = 1 << 18
    for first in range(0, len(cells), block):
        part = slice(first, first + block)
        columns = (cells.array[part], cells.row[part], cells.column[part], cells.state[part])
        listed = (column.tolist() for column in columns)
        lines = [f"{a},{r},{c},{_STATES[s]}" for a, r, c, s in zip(*listed, strict=True)]
        file.write("".join(lines))


def read_image(net: Network, path: str | os.PathLike[str]) -> Network:
    """Read a programming image back, as written or as a test bench found the devices.

    Args:
        net: the network that the image was made from; it gives all that is not in the devices.
        path: from `write_image`; lines of a CSV file may come in any order.

    Returns:
        The network with the image's states for weights.

    Raises:
        FormatError: no image, a damaged one, one of another network, a pair that is LRS/LRS, a
            cell that is missing, there twice or outside its array.
        ValueError: another suffix. OSError: it cannot be read.
    """
    try:
        suffix = check_suffix(path)
        header, cells = _read_npz(path) if suffix == ".npz" else _read_csv(path, suffix)
        return from_cells(_mapping(net, header), cells)
    except FormatError as error:
        raise FormatError(f"{os.fspath(path)}: {error}") from error


def _mapping(net: Network, header: dict[str, Any]) -> Mapping:
    """The mapping that a header names, checked against the network."""
    if header.get("format") != FORMAT:
        raise FormatError(f"not a {FORMAT}")
    if header.get("version") != VERSION:
        raise FormatError(
            f"image version {header.get('version')!r}; this program reads version {VERSION}"
        )
    own, named = weights_hash(net), header.get("weights_hash")
    if named != own:
        raise FormatError(
            f"an image of another network: {header.get('network')} (hash {named}; "
            f"this one's is {own})"
        )
    rows, _, columns = str(header.get("array")).partition("x")
    try:
        size = check_array((int(rows), int(columns)))
        outputs = cast(Outputs, header.get("outputs"))
        check_mappable(net, outputs)
    except ValueError as error:
        raise FormatError(f"damaged header: {error}") from error
    mapping = place(net, size, outputs)
    if header.get("arrays") != str(mapping.totals["arrays"]):
        raise FormatError(
            f"it speaks of {header.get('arrays')} arrays of {rows} x {columns}; "
            f"the network takes {mapping.totals['arrays']}"
        )
    return mapping


def _read_npz(path: str | os.PathLike[str]) -> tuple[dict[str, Any], Cells]:
    with Path(path).open("rb") as file:
        try:
            arrays = dict(np.load(file, allow_pickle=False))
            header = json.loads(str(arrays.pop("header")))
            numbers = [_whole(arrays, name) for name in COLUMNS]
        except _LOSSES as error:
            raise FormatError(f"not a readable image: {error}") from error
    if len({column.shape for column in numbers}) > 1 or numbers[0].ndim != 1:
        raise FormatError("not a readable image: its columns differ in length")
    if not isinstance(header, dict) or not np.isin(numbers[3:], (0, 1)).all():
        raise FormatError("not a readable image: states are 0 (HRS) and 1 (LRS)")
    state = (numbers[3] | numbers[4] << 1).astype(np.uint8)
    return header, Cells(numbers[0], numbers[1], numbers[2], state)


def _whole(arrays: dict[str, Any], name: str) -> Any:
    if name not in arrays or not np.issubdtype(arrays[name].dtype, np.integer):
        raise ValueError(f"no whole numbers {name!r}")
    column = arrays[name]
    if column.size and not 0 <= column.min() <= column.max() < 1 << 31:
        raise ValueError(f"{name} runs from {column.min()} to {column.max()}")
    return column.astype(np.int32)


def _read_csv(path: str | os.PathLike[str], suffix: str) -> tuple[dict[str, Any], Cells]:
    raw = Path(path).read_bytes()
    try:
        text = (gzip.decompress(raw) if suffix == ".csv.gz" else raw).decode("utf-8")
    except _LOSSES as error:
        raise FormatError(f"not a readable image: {error}") from error
    header, at = {}, 0
    while text.startswith("#", at):
        end = text.find("\n", at) + 1 or len(text)
        key, _, value = text[at + 1 : end].partition(":")
        header[key.strip()] = value.strip()
        at = end
    if header.get("format") != FORMAT:
        raise FormatError(f"not a {FORMAT}")
    first, _, body = text[at:].partition("\n")
    if first.strip() != ",".join(COLUMNS):
        raise FormatError(f"its columns are {first.strip()[:60]!r}, not {','.join(COLUMNS)!r}")
    return header, _parse(body)


def _parse(body: str) -> Cells:
    kinds = [(name, "i4") for name in _NUMBERS] + [(name, "U4") for name in COLUMNS[3:]]
    if not body.strip():
        raise FormatError("it holds no cells")
    try:
        table = np.loadtxt(io.StringIO(body), dtype=kinds, delimiter=",", ndmin=1)
    except ValueError as error:
        raise FormatError(f"damaged line: {str(error).splitlines()[0]}") from error
    state = np.zeros(len(table), np.uint8)
    for bit, name in enumerate(COLUMNS[3:]):
        low = table[name] == "LRS"
        odd = np.flatnonzero(~low & (table[name] != "HRS"))
        if odd.size:
            raise FormatError(
                f"damaged line: {name} is {str(table[name][odd[0]])!r}, not LRS or HRS"
            )
        state |= low.astype(np.uint8) << bit
    array, row, column = (np.ascontiguousarray(table[name]) for name in _NUMBERS)
    return Cells(array, row, column, state)
