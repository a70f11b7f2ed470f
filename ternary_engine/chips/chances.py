"""With what chances a cell is read as -1, 0 and +1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ternary_engine.physics.distributions import FloatArray

__all__ = [
    "NEGLIGIBLE",
    "is_sure",
    "otherwise",
    "read_chances",
    "sure_margin",
    "usual_reads",
    "voted",
]


NEGLIGIBLE = 2.0**-64  # a cell that is read otherwise less often always reads the same


def sure_margin(noise: float) -> float:
    """Volts beyond which an amplifier with noise of that spread reads otherwise in under 2**-64."""
    from scipy.special import ndtri

    return -float(ndtri(NEGLIGIBLE)) * noise


def is_sure(plus: FloatArray, minus: FloatArray, noise: float) -> npt.NDArray[np.bool_]:
    """Which cells always read the same.

    Args:
        plus: volts by which the amplifier is on the side of +1, see `OffsetTable.margins`.
        minus: the same for -1.
        noise: volts, spread from read to read.
    """
    sure = sure_margin(noise)
    return (np.abs(plus) >= sure) & (np.abs(minus) >= sure)


def usual_reads(plus: FloatArray, minus: FloatArray) -> npt.NDArray[np.int8]:
    """What cells are read as without noise; arguments as in `is_sure`."""
    return np.where(plus > 0.0, 1, np.where(minus > 0.0, -1, 0)).astype(np.int8)


def read_chances(plus: FloatArray, minus: FloatArray, noise: float, settled: bool) -> FloatArray:
    """Chances of being read as -1, 0, +1; each accurate however small it is.

    Args:
        plus: as in `is_sure`.
        minus: as in `is_sure`.
        noise: above 0.
        settled: the cell is never read as 0.

    Returns:
        Float64 [cells, 3].
    """
    from scipy.special import ndtr

    z, y = plus / noise, minus / noise
    if settled:
        return np.stack([ndtr(-z), np.zeros(len(z)), ndtr(z)], axis=1)
    zero = np.where(z > 0.0, ndtr(-z) - ndtr(y), ndtr(-y) - ndtr(z))
    return np.stack([ndtr(y), np.maximum(zero, 0.0), ndtr(z)], axis=1)


def otherwise(chances: FloatArray, usual: npt.NDArray[np.int8]) -> FloatArray:
    """Chance of each cell to be read as another value than the usual, without cancellation."""
    others = np.arange(3) != usual[:, None] + 1
    chance: FloatArray = np.where(others, chances, 0.0).sum(axis=1)
    return chance


def voted(chances: FloatArray, votes: int) -> FloatArray:
    """Chances of the median of several reads: the majority, or 0 where none has it.

    Args:
        chances: [cells, 3] of one read.
        votes: reads, an odd number.
    """
    from scipy.special import bdtrc

    most = votes // 2
    minus, plus = (bdtrc(most, votes, chances[:, side]) for side in (0, 2))
    # 1 less both loses what is small: the rest from the reads that are not the larger side's.
    larger = np.where(chances[:, 2] > chances[:, 0], 2, 0)
    rest = chances.copy()
    np.put_along_axis(rest, larger[:, None], 0.0, axis=1)
    zero = bdtrc(most, votes, rest.sum(axis=1)) - np.where(larger == 2, minus, plus)
    return np.stack([minus, np.maximum(zero, 0.0), plus], axis=1)
