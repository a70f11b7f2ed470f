"""Test images of CIFAR-10 from a file of the user's: they do not ship."""

from __future__ import annotations

import io
import os
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ternary_engine.exceptions import TernaryEngineError

__all__ = ["read"]

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

_SIDE = 32
_RECORD = 1 + 3 * _SIDE * _SIDE  # a label, then red, green and blue
_JPEG = ("jpeg", "offsets", "labels", "test")
_TAKES = (
    "test_batch.bin of the binary version, or an .npz with x_test (uint8 [N, 32, 32, 3]) and "
    "y_test, or with jpeg, offsets, labels and test"
)


def read(source: str | os.PathLike[str]) -> tuple[Images, Labels]:
    """Read test images, uint8 [N, 3, 32, 32], and labels; see `zoo.data`.

    Raises:
        TernaryEngineError: another file. OSError: it cannot be read.
    """
    path = Path(source)
    x, labels = _npz(path) if path.suffix == ".npz" else _records(path)
    if x.shape[1:] != (_SIDE, _SIDE, 3) or x.dtype != np.uint8 or len(x) != len(labels):
        raise TernaryEngineError(
            f"{path}: images are {x.dtype} {list(x.shape)} with {len(labels)} labels; it takes "
            f"{_TAKES}"
        )
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)), labels.astype(np.int64).ravel()


def _records(path: Path) -> tuple[Images, npt.NDArray[np.uint8]]:
    content = np.fromfile(path, np.uint8)
    if not content.size or content.size % _RECORD:
        raise TernaryEngineError(
            f"{path}: {content.size:,} bytes are no whole number of records of {_RECORD:,} bytes; "
            f"it takes {_TAKES}"
        )
    records = content.reshape(-1, _RECORD)
    return records[:, 1:].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1), records[:, 0]


def _npz(path: Path) -> tuple[Images, npt.NDArray[np.integer]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            held = {name: arrays[name] for name in arrays.files if not name.endswith("_train")}
    except (ValueError, zipfile.BadZipFile) as error:
        raise TernaryEngineError(f"{path}: {error}; it takes {_TAKES}") from error
    if "x_test" in held and "y_test" in held:
        return held["x_test"], held["y_test"]
    if missing := [name for name in _JPEG if name not in held]:
        raise TernaryEngineError(
            f"{path}: it has {', '.join(held) or 'no arrays'}, {missing[0]} is missing; "
            f"it takes {_TAKES}"
        )
    return _jpeg(held["jpeg"], held["offsets"], held["test"].astype(bool)), held["labels"][
        held["test"].astype(bool)
    ]


def _jpeg(
    content: Images, offsets: npt.NDArray[np.integer], wanted: npt.NDArray[np.bool]
) -> Images:
    """Decode the JPEG files that are wanted."""
    try:
        from PIL import Image
    except ImportError as error:
        raise TernaryEngineError("JPEG images need Pillow: pip install pillow") from error
    stream = content.tobytes()
    files = (
        stream[start:end]
        for (start, end), one in zip(pairwise(offsets), wanted, strict=True)
        if one
    )
    return np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
