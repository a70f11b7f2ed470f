"""Small networks trained by this project, most with the data they are measured on.

Examples:
    >>> from ternary_engine import zoo
    >>> zoo.names()
    ('mlp_ternary', 'mlp_binary', 'cnn_ternary')
    >>> x, y = zoo.data("mlp_ternary")
    >>> x.shape, y.shape
    ((450, 64), (450,))

Networks of CIFAR-10 ship without its images, see `data`; ``names(everything=True)`` has them too.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.exceptions import TernaryEngineError

if TYPE_CHECKING:
    from ternary_engine.network import Network

__all__ = ["Entry", "data", "describe", "load", "names", "path"]

_FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is known of one network of the zoo.

    Attributes:
        name: as in `names`.
        title: the network in words.
        weights: ``ternary`` or ``binary``.
        activations: ``ternary`` or ``binary``.
        accuracy: share of the test samples it classifies correctly.
        float32_accuracy: of the same architecture with real weights and activations, trained
            alike; None where none was trained.
        samples: number of test samples.
        data: whose samples they are; of ``"digits"`` they ship, of ``"cifar10"`` they do not.
        seed: of the training.
        command: trains and exports it again, from the root of the source tree.
        onnx_bytes: size of the network's file.
    """

    name: str
    title: str
    weights: str
    activations: str
    accuracy: float
    float32_accuracy: float | None
    samples: int
    data: str
    seed: int
    command: str
    onnx_bytes: int


def names(everything: bool = False) -> tuple[str, ...]:
    """Names of the networks that ship.

    Args:
        everything: those whose test data do not ship as well; defaults to False.
    """
    return tuple(name for name in _table() if everything or describe(name).data == "digits")


def path(name: str) -> Path:
    """Where the ONNX file of a network is."""
    _known(name)
    return _FOLDER / f"{name}.onnx"


def data(
    name: str, source: str | os.PathLike[str] | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Test samples: inputs as the network takes them, and their labels.

    Args:
        name: of the network.
        source: for networks of CIFAR-10: ``test_batch.bin`` of its binary version, or an .npz with
            ``x_test`` (uint8 [N, 32, 32, 3]) and ``y_test``, or with ``jpeg``, ``offsets``,
            ``labels`` and ``test`` (JPEG files end to end; needs Pillow).

    Raises:
        TernaryEngineError: data that do not ship, and no source; or one that cannot be read.
    """
    entry = describe(name)
    if entry.data == "digits":
        with np.load(_FOLDER / f"{name}.npz", allow_pickle=False) as arrays:
            return arrays["x"], arrays["y"]
    if source is None:
        raise TernaryEngineError(
            f"{name}: the images of CIFAR-10 do not ship with this package; give their file as "
            "source= (test_batch.bin of the binary version from "
            "https://www.cs.toronto.edu/~kriz/cifar.html, or an .npz with x_test and y_test)"
        )
    from ternary_engine.zoo.cifar import read

    return read(source)


def load(name: str) -> Network:
    """Convert a network of the zoo."""
    from ternary_engine.converters import convert

    return convert(path(name))


def describe(name: str) -> Entry:
    """What the network is, how it was trained and how well it does."""
    _known(name)
    record = _table()[name]
    return Entry(
        name=name,
        title=record["title"],
        weights=record["weights"],
        activations=record["activations"],
        accuracy=record["accuracy"],
        float32_accuracy=record["float32_accuracy"],
        samples=record["samples"],
        data=record.get("data", "digits"),
        seed=record["recipe"]["seed"],
        command=record["command"],
        onnx_bytes=record["onnx_bytes"],
    )


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    table: dict[str, dict[str, Any]] = json.loads(
        (_FOLDER / "zoo.json").read_text(encoding="utf-8")
    )
    return table


def _known(name: str) -> None:
    if name in _table():
        return
    near = difflib.get_close_matches(str(name), _table(), 1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(_table())}"
    raise ValueError(f"the zoo has no network {name!r}; {hint}")
