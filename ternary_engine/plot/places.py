"""Where values lie along x: zero and text get places that a logarithm has not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Places"]


class Places:
    """Places of the values along x.

    Args:
        values: all that are drawn.
        log: whether a logarithmic axis is wanted.
    """

    def __init__(self, values: Sequence[Any], log: bool) -> None:
        self.words = sorted({value for value in values if isinstance(value, str)})
        numbers = [value for value in values if not isinstance(value, str)]
        positive = [value for value in numbers if value > 0]
        self.log = log and not self.words and bool(positive) and min(numbers) >= 0
        self.zero = self.log and min(numbers) == 0
        if self.log:
            self.first = np.floor(np.log10(min(positive)) + 1e-9)
            self.most = max(positive) * 1.3
            self.last = np.ceil(np.log10(max(positive)) - 1e-9)
            self.nought = min(positive) / 10 ** max(0.4, (self.last - self.first) / 6)

    def __call__(self, values: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Where some values are drawn."""
        if self.words:
            return np.array([float(self.words.index(value)) for value in values])
        numbers = np.array(values, np.float64)
        return np.where(numbers == 0, self.nought, numbers) if self.zero else numbers

    def label(self, axes: Axes) -> None:
        """Put names to the places."""
        if self.words:
            axes.set_xticks(range(len(self.words)), self.words)
        if not self.log:
            return
        axes.set_xscale("log")
        if self.zero:
            decades = 10.0 ** np.arange(self.first, self.last + 1)
            least = self.nought * 10**0.25
            shown = decades[(decades > least) & (decades <= self.most)]
            names = [f"$10^{{{round(np.log10(decade))}}}$" for decade in shown]
            axes.set_xticks([self.nought, *shown], ["0", *names])
            between = np.outer(decades, np.arange(2, 10)).reshape(-1)
            inside = (between > least) & (between <= self.most)
            axes.set_xticks(between[inside], minor=True)
            axes.annotate(
                "//",
                (least, 0),
                xycoords=axes.get_xaxis_transform(),
                ha="center",
                va="center",
                fontsize=9,
                color="0.3",
                annotation_clip=False,
            )
