"""What kernels rely on and only a run shows: sizes that inputs and digital pieces decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import ImageLayout
from ternary_engine.steps import Geometry

Array = npt.NDArray[Any]

_HINT = "the file was changed, or its digital pieces give other shapes than the source did"


def check_channels(layer: Layer, geometry: Geometry, channels: int) -> None:
    """Refuse a source whose channels are not those of a layer's weights.

    Raises:
        TernaryEngineError: they are not.
    """
    taps = geometry.kernel[0] * geometry.kernel[1]
    each = math.prod(layer.shape) // max(layer.outputs, 1)
    takes = each // taps * geometry.groups
    if takes != channels or each % taps:
        raise TernaryEngineError(
            f"layer {layer.name!r}: its weights take {takes} channels, its source has {channels}: "
            f"{_HINT}"
        )


def check_rows(rows: int, channels: int, target: str) -> None:
    """Refuse parameters for another number of channels; one row serves all.

    Raises:
        TernaryEngineError: there is another number of rows.
    """
    if rows not in (1, channels):
        raise TernaryEngineError(
            f"{target!r}: parameters for {rows} channels, a source of {channels}: {_HINT}"
        )


def check_form(form: str, height: int, width: int, target: str) -> None:
    """Refuse a layout that has no place for an image's rows or columns.

    Raises:
        TernaryEngineError: it has none.
    """
    if (form != "NCHW" and height > 1) or (form == "NC" and width > 1):
        raise TernaryEngineError(
            f"{target!r}: an image of {height} x {width} does not fit the form {form}: {_HINT}"
        )


def check_same_size(layouts: Sequence[ImageLayout], target: str) -> None:
    """Refuse to join images of different rows and columns, or without channels.

    Raises:
        TernaryEngineError: they are.
    """
    sizes = {(layout.height, layout.width) for layout in layouts}
    if len(sizes) > 1 or not all(layout.channels for layout in layouts):
        found = ", ".join(f"{one.channels} x {one.height} x {one.width}" for one in layouts)
        raise TernaryEngineError(f"{target!r}: images of {found} cannot be joined: {_HINT}")


def check_real(values: Any, images: int, target: str, *, flatten: bool, last: bool) -> None:
    """Refuse to encode what is no batch of images, rows or vectors of numbers.

    Args:
        values: what to encode. images: how many samples it should hold.
        target: of the step, for the message.
        flatten: any rank will do. last: channels lie in the last axis.

    Raises:
        TernaryEngineError: it is none.
    """
    ranks = range(2, 33) if flatten or last else range(2, 5)
    fits = isinstance(values, np.ndarray) and values.ndim in ranks and len(values) == images
    if not fits or values.dtype.kind not in "fiub":
        what = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else "no array"
        raise TernaryEngineError(
            f"{target!r}: codes of {images} samples cannot be made of {what}: {_HINT}"
        )
