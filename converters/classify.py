"""Few-bit weights are recognised by value, never by a declared type."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ternary_engine.converters.graph import Array
from ternary_engine.exceptions import ConversionError

TOLERANCE = 1e-4  # relative spread within one level
LARGEST_CODE = 255  # eight bits less a zero point; six balanced-ternary digits reach 364


@dataclass(frozen=True)
class Weights:
    """What a weight tensor turned out to be.

    Attributes:
        codes: int16 in the tensor's shape; None where the values are no few-bit code.
        scales: float32, as `layer.Layer.scales`.
        levels: number of distinct values.
        binary: no weight is zero.
        text: for reasons: ``ternary weights, one scale`` or why they are none.
    """

    codes: npt.NDArray[np.int16] | None
    scales: npt.NDArray[np.float32]
    levels: int
    binary: bool
    text: str

    @property
    def few(self) -> bool:
        """Whether the weights fit the crossbar."""
        return self.codes is not None

    @property
    def planes(self) -> int:
        """Trit planes that hold the codes."""
        largest = 0 if self.codes is None else int(np.abs(self.codes).max(initial=0))
        planes = 1
        while (3**planes - 1) // 2 < largest:
            planes += 1
        return planes

    @property
    def symmetric(self) -> bool:
        """+1 and -1 have the same scale."""
        return self.scales.ndim == 1


def classify(array: Array, output_axis: int, name: str, step: Array | None = None) -> Weights:
    """Recognise ternary, binary and other uniform few-bit weights.

    Args:
        array: the weights.
        output_axis: axis that counts outputs.
        name: of the tensor, for messages.
        step: the distance between levels, where the graph tells it; it broadcasts to the weights.

    Raises:
        ConversionError: a weight is NaN or infinite.
    """
    values = np.asarray(array, np.float64)
    if not np.isfinite(values).all():
        bad = int(values.size - np.isfinite(values).sum())
        raise ConversionError(
            f"weights {name!r}: {bad} of {values.size} values are NaN or infinite; "
            "weights must be finite"
        )
    levels = len(np.unique(values))
    rows = _rows(values, output_axis)
    found = _trits(rows.reshape(1, -1)) or _trits(rows)
    if found is None:
        steps = None if step is None else _rows(np.broadcast_to(step, values.shape), output_axis)
        return _uniform(values, rows, output_axis, levels, steps)
    trits, scales = found
    moved = trits.reshape(np.moveaxis(values, output_axis, 0).shape)
    codes = np.ascontiguousarray(np.moveaxis(moved, 0, output_axis), np.int16)
    binary = values.size > 0 and bool((codes != 0).all())
    kind = "binary" if binary else "ternary"
    count = "one scale" if len(scales) == 1 else f"{len(scales)} scales"
    if scales.ndim == 2:
        count += ", + and - apart"
    return Weights(codes, scales, levels, binary, f"{kind} weights, {count}")


def _trits(rows: Array) -> tuple[Array, npt.NDArray[np.float32]] | None:
    """Trits and scales, one set of levels per row; None where a row has other values."""
    size = np.abs(rows).max(axis=1, initial=0.0)
    trits = np.where(np.abs(rows) <= TOLERANCE * size[:, None], 0, np.sign(rows))
    plus, plus_fits = _level(rows, trits > 0)
    minus, minus_fits = _level(-rows, trits < 0)
    if not (plus_fits & minus_fits).all():
        return None
    plus, minus = np.where(plus == 0, minus, plus), np.where(minus == 0, plus, minus)
    plus, minus = np.where(plus == 0, 1.0, plus), np.where(minus == 0, 1.0, minus)
    symmetric = bool((np.abs(plus - minus) <= TOLERANCE * np.maximum(plus, minus)).all())
    # Two or three weights always fit levels of their own: enough of them must coincide.
    free = len(rows) if symmetric else int((trits > 0).any(1).sum() + (trits < 0).any(1).sum())
    if (len(rows) > 1 or not symmetric) and rows.size - free < rows.size / 3:
        return None
    if not symmetric:
        return trits, np.stack([plus, minus], axis=1).astype(np.float32)
    both = np.abs(np.where(trits == 0, 0, rows)).sum(1) / np.maximum((trits != 0).sum(1), 1)
    exact = np.abs(plus - minus) == 0
    scales = np.where(exact | (both == 0), plus, both)
    return trits, scales.astype(np.float32)


def _level(rows: Array, members: npt.NDArray[np.bool_]) -> tuple[Array, npt.NDArray[np.bool_]]:
    """The common value of each row's members (0 where there are none), and whether they agree."""
    low = np.where(members, rows, np.inf).min(axis=1, initial=np.inf)
    high = np.where(members, rows, 0.0).max(axis=1, initial=0.0)
    mean = np.where(members, rows, 0.0).sum(1) / np.maximum(members.sum(1), 1)
    present = high > 0
    level = np.where(low == high, high, mean)
    return np.where(present, level, 0.0), ~present | (high - low <= TOLERANCE * high)


def _rows(values: Array, output_axis: int) -> Array:
    """Weights of one output in a row."""
    moved = np.moveaxis(values, output_axis, 0)
    return moved.reshape(len(moved), -1)


def _uniform(
    values: Array, rows: Array, output_axis: int, levels: int, told: Array | None
) -> Weights:
    """More than three levels on one grid per tensor or per output, or no code at all."""
    for group, steps, sure in _grids(rows, told):
        if not steps.all():
            continue
        codes = np.rint(group / steps[:, None])
        fits = np.abs(group - codes * steps[:, None]) <= TOLERANCE * steps[:, None]
        if not fits.all() or np.abs(codes).max(initial=0) > LARGEST_CODE:
            continue
        if not sure and len(np.unique(codes)) + len(steps) > max(rows.size / 2, 4):
            continue
        moved = codes.reshape(np.moveaxis(values, output_axis, 0).shape)
        shaped = np.ascontiguousarray(np.moveaxis(moved, 0, output_axis), np.int16)
        text = f"{len(np.unique(codes))} levels on a uniform grid ({codes.min():.0f} .. "
        found = Weights(shaped, steps.astype(np.float32), levels, False, text)
        count = "one scale" if len(steps) == 1 else f"{len(steps)} scales"
        return replace(found, text=f"{text}{codes.max():.0f}), {found.planes} trit planes, {count}")
    text = f"{levels:,} distinct values; looks like latent weights"
    return Weights(None, np.empty(0, np.float32), levels, False, text)


def _grids(rows: Array, told: Array | None) -> Iterator[tuple[Array, Array, bool]]:
    """Weights in groups, the step of each group, and whether the graph says so itself."""
    if told is not None and (told.min(axis=1) == told.max(axis=1)).all():
        steps = told[:, 0].astype(np.float64)
        if (steps == steps[0]).all():
            yield rows.reshape(1, -1), steps[:1], True
        yield rows, steps, True
    for group in (rows.reshape(1, -1), rows):
        yield group, np.array([_step(row) for row in group]), False
    if (rows == np.rint(rows)).all():
        yield rows.reshape(1, -1), np.ones(1), True


def _step(row: Array) -> float:
    """The smallest distance between a row's values and 0; 0.0 where there is no grid."""
    points = np.unique(np.concatenate([np.abs(row), [0.0]]))
    apart = points[np.concatenate([[True], np.diff(points) > TOLERANCE * points[-1] / 10])]
    if len(apart) < 2:
        return 1.0
    if len(apart) > LARGEST_CODE + 1:
        return 0.0
    rough = float(np.diff(apart).min())
    return float(points[-1] / max(np.rint(points[-1] / rough), 1))
