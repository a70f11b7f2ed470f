"""What a report measures itself: accuracy without errors and under a few error rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine import accuracy
from ternary_engine.errors import Per
from ternary_engine.network import Network
from ternary_engine.reporting.pictures import Dot
from ternary_engine.sweeps import Interval, Point, sweep

__all__ = ["Accuracy", "measure"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Accuracy:
    """Accuracy of a network.

    Attributes:
        labelled: against labels; else against the network's own answers without errors.
        samples, trials, seed, per: how it was measured.
        error_free: share of one.
        dots: accuracy under each error rate.
        drops: what each takes.
    """

    labelled: bool
    samples: int
    trials: int
    seed: int
    per: Per
    error_free: float
    dots: tuple[Dot, ...]
    drops: tuple[Interval, ...]


def measure(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array | None,
    *,
    rates: Sequence[float],
    per: Per,
    trials: int,
    seed: int,
) -> Accuracy:
    """Measure accuracy under some bit error rates.

    Args:
        net: a converted network.
        x: samples.
        labels: classes; None takes the answers without errors for labels.
        rates: bit error rates, above 0.
        per: what one draw of errors lasts for.
        trials: of each rate.
        seed: names the draws.

    Raises:
        ValueError: labels of the wrong length, outputs that are no classes, bad rates.
    """
    for rate in rates:
        if not 0.0 < rate <= 1.0:
            raise ValueError(f"rates: got {rate}; they are bit error rates above 0, up to 1")
    if not len(rates):
        raise ValueError("rates: got none; a report takes at least one bit error rate")
    wanted = labels
    if wanted is None:
        wanted = accuracy.classes(accuracy.first_output(net.run(x)))
    points = Point.grid(ber=sorted(set(rates)), per=per)
    found = sweep(net, x, np.asarray(wanted), points=points, trials=trials, seed=seed).summary()
    return Accuracy(
        labelled=labels is not None,
        samples=len(next(iter(x.values())) if isinstance(x, Mapping) else x),
        trials=trials,
        seed=seed,
        per=per,
        error_free=found[0].accuracy_error_free,
        dots=tuple(Dot(float(one.cells["ber"]), one.accuracy) for one in found),
        drops=tuple(one.drop for one in found),
    )
