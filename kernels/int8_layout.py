"""How codes and weights lie for int8 products.

Codes of several bits become bytes, less their smallest integer, so that none is negative:
[row][column][channel], in a border of what stands for 0. Four neighbouring inputs make a *quad*.

Weights: signed bytes, [panel][run][quad][16 outputs][4], so that one SIMD word holds the same quad
of a panel's outputs; a run of taps that lie one behind the other starts a new quad.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.layout import PANEL, UInt64Array, aligned, panels_for, per_output

QUAD = 4
_SHORT_MAX = 32767
_MOST_PLANES = 8  # of a byte


@dataclass(frozen=True)
class ByteForm:
    """How planes of codes make bytes.

    Attributes:
        kind: ``ternary``, ``unsigned`` or ``signed``. planes: planes of the codes.
    """

    kind: str
    planes: int

    @property
    def exists(self) -> bool:
        """Whether there is a byte for every code, and zeros of all planes are the code 0."""
        return self.kind != "binary" and self.planes <= _MOST_PLANES

    @property
    def zero(self) -> int:
        """The byte of the code 0, which every byte is larger than its code by."""
        return {"ternary": 1, "signed": 1 << (self.planes - 1)}.get(self.kind, 0)

    @property
    def largest(self) -> int:
        """The largest byte."""
        return 2 if self.kind == "ternary" else (1 << self.planes) - 1

    def most_quads(self, largest_weight: int) -> int:
        """Quads whose total, in two int16, fits; weights are at most ``largest_weight``."""
        return _SHORT_MAX // (2 * self.largest * max(largest_weight, 1))

    @functools.cache  # noqa: B019  there are a dozen forms
    def words(self) -> UInt64Array:
        """Tables of `int8_product.find_bytes`: uint64 [3 + planes, 8].

        The rows: which byte of a plane holds the bit of each channel; which bit that is; the byte
        of the code 0; and what the bit of each plane adds.
        """
        channel = np.arange(64)
        worth = 1 << np.arange(self.planes)
        if self.kind == "signed":
            worth[-1] *= -1
        elif self.kind == "ternary":
            worth = np.array([1, -2])
        rows = [channel // 8, 1 << channel % 8, np.full(64, self.zero)]
        rows += [np.full(64, one) for one in worth]
        return aligned((np.stack(rows) & 0xFF).astype(np.uint8).view(np.uint64))


def pack_int8(weights: npt.NDArray[np.int8], runs: int) -> UInt64Array:
    """Pack weights for int8 products.

    Args:
        weights: int8 [outputs, taps, channels]. runs: equally many taps make a run.

    Returns:
        flat uint64 in the layout above; spare outputs and inputs are zero.
    """
    outputs, taps, channels = weights.shape
    each = taps * channels // max(runs, 1)
    quads = -(-each // QUAD)
    spread = np.zeros((panels_for(outputs) * PANEL, runs, quads * QUAD), np.int8)
    spread[:outputs, :, :each] = weights.reshape(outputs, runs, each)
    split = spread.reshape(-1, PANEL, runs * quads, QUAD).transpose(0, 2, 1, 3)
    return aligned(np.ascontiguousarray(split).reshape(-1).view(np.uint64))


def spread_ints(values: npt.NDArray[np.integer[Any]]) -> UInt64Array:
    """Per-output integers [outputs, ...] as int32, flat [panel][...][16]; spare ones are 0."""
    limits = np.iinfo(np.int32)
    panels = per_output(values.clip(limits.min, limits.max).astype(np.int64), 0)
    return aligned(panels.astype(np.int32).reshape(-1).view(np.uint64))


def thresholds(reached: npt.NDArray[np.integer[Any]]) -> UInt64Array:
    """Thresholds [outputs, 1 or 2] as `spread_ints`; spare outputs always give zero bits.

    Sums are less than 2**31 - 1 in magnitude: what cannot be reached stays so.
    """
    limits = np.iinfo(np.int32)
    padded = np.empty((panels_for(len(reached)) * PANEL, reached.shape[1]), np.int64)
    padded[:] = [limits.min, limits.max][: reached.shape[1]]
    padded[: len(reached)] = reached
    return spread_ints(padded)
