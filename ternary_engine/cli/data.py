"""Networks and arrays, from and to files."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.cli import screen
from ternary_engine.files import atomic_write

if TYPE_CHECKING:
    from ternary_engine.network import Network

__all__ = [
    "check_file",
    "check_folder",
    "load_network",
    "only_array",
    "pick_inputs",
    "pick_labels",
    "read_arrays",
    "write_arrays",
]

Array = npt.NDArray[Any]


def check_file(path: Path) -> None:
    """Raise the fitting OSError unless ``path`` is a file that can be read."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(path))
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such file", os.fspath(path))
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, "may not be read", os.fspath(path))


def check_folder(output: Path) -> None:
    """Raise the fitting OSError unless a file can be written at ``output``; before the work."""
    folder = output.parent
    if output.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder, not a file", os.fspath(output))
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", os.fspath(output))
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise PermissionError(errno.EACCES, "may not be written", os.fspath(output))


def load_network(path: Path) -> Network:
    """Load a packed file, or convert an .onnx file."""
    check_file(path)
    with screen.patience(f"loading {path.name}"):
        from ternary_engine.storage import load

        return load(path)


def read_arrays(path: Path) -> dict[str, Array]:
    """Read all arrays of an .npz file, or the one of an .npy file under the name ``x``.

    Raises:
        ValueError: another suffix, a damaged file, or one that holds Python objects.
    """
    if path.suffix not in (".npz", ".npy"):
        raise ValueError(f"{path}: data files are .npz or .npy; got {path.suffix or 'no suffix'}")
    check_file(path)
    try:
        with path.open("rb") as file:  # np.load leaves a damaged file open when it opens it
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"x": loaded}
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{path}: not a readable {path.suffix} file: {error}") from error


def only_array(path: Path, name: str = "x") -> Array:
    """Read the array called ``name``, or the file's only one."""
    arrays = read_arrays(path)
    if name in arrays:
        return arrays[name]
    if len(arrays) == 1:
        return next(iter(arrays.values()))
    raise ValueError(f"{path}: no array {name!r}; it has {_listed(arrays)}")


def pick_inputs(arrays: Mapping[str, Array], network: Network, path: Path) -> Any:
    """Choose what to feed: ``x``, or one array for each input of a network with several."""
    names = [port.name for port in network.inputs]
    if len(names) > 1:
        missing = [name for name in names if name not in arrays]
        if missing:
            raise ValueError(f"{path}: no array for input {missing[0]!r}; has {_listed(arrays)}")
        return {name: arrays[name] for name in names}
    for name in ("x", names[0]):
        if name in arrays:
            return arrays[name]
    raise ValueError(f"{path}: no array 'x' to feed to the network; it has {_listed(arrays)}")


def pick_labels(asked: str | None, arrays: Mapping[str, Array], path: Path) -> Array | None:
    """Find the labels: a file, an array of the data file by name, or ``y`` where there is one."""
    if asked is None:
        return arrays.get("y")
    if asked in arrays:
        return arrays[asked]
    if asked.endswith((".npz", ".npy")):
        return only_array(Path(asked), "x" if asked.endswith(".npy") else "y")
    raise ValueError(
        f"--labels {asked}: neither an .npz or .npy file nor an array of {path}, "
        f"which has {_listed(arrays)}"
    )


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays to an .npz file, or the only one to an .npy file."""
    check_output(path, len(arrays))
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npy":
            np.save(file, next(iter(arrays.values())), allow_pickle=False)
        else:
            np.savez(file, allow_pickle=False, **arrays)


def check_output(path: Path, outputs: int) -> None:
    """Raise unless ``path`` can be written and its format holds that many outputs."""
    if path.suffix not in (".npz", ".npy"):
        raise ValueError(f"{path}: outputs go to .npz or .npy; got {path.suffix or 'no suffix'}")
    if path.suffix == ".npy" and outputs > 1:
        raise ValueError(f"{path}: the network has {outputs} outputs; only .npz holds several")
    check_folder(path)


def _listed(arrays: Mapping[str, Array]) -> str:
    return ", ".join(f"{name!r}" for name in arrays) or "no arrays"
