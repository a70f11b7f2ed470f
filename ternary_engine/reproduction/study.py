"""The resilience study: accuracy of a network under errors, by rate, kind and condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from ternary_engine.device import Device
from ternary_engine.errors import Per, SenseErrors
from ternary_engine.network import Network
from ternary_engine.physics.rates import error_rates
from ternary_engine.sense import SenseAmp
from ternary_engine.sweeps import Point, sweep

__all__ = ["BATCH", "DURATIONS", "RATES", "TYPES", "Row", "conditions", "durations", "types"]

Row = dict[str, Any]
Array = npt.NDArray[Any]

RATES = (1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 2e-1, 3e-1)
DURATIONS: tuple[Per, ...] = ("batch", "sample", "read")
TYPES: dict[str, Callable[[float], SenseErrors]] = {
    "type 1: sign flip": lambda rate: SenseErrors(sign_flip=rate),
    "type 2: ±1 read as 0": lambda rate: SenseErrors(drop=rate),
    "type 3: 0 read as ±1": lambda rate: SenseErrors(rise=rate),
}
BATCH = 100  # samples to a draw of errors per batch: several draws to a trial, as in the papers
_KEPT = ("per", "trial", "samples", "accuracy", "accuracy_error_free", "accuracy_drop")


def durations(
    net: Network, x: Array, labels: Array, rates: Sequence[float] = RATES, **how: Any
) -> list[Row]:
    """Accuracy by bit error rate (the reference injection), per batch, sample and read.

    Args:
        net: a converted network.
        x: samples.
        labels: of the samples.
        rates: bit error rates.
        how: ``trials`` and ``seed`` of `te.sweep`.

    Returns:
        A row for each trial: study, rate, per, trial, samples, accuracy, accuracy_error_free and
        accuracy_drop, which compares the same samples.
    """
    points = [
        Point(SenseErrors.from_ber(rate, per=per), columns={"study": "ber", "rate": rate})
        for per in get_args(Per)
        if per in DURATIONS
        for rate in rates
    ]
    return _rows(net, x, labels, points, ("study", "rate"), how)


def types(
    net: Network, x: Array, labels: Array, rates: Sequence[float] = RATES, **how: Any
) -> list[Row]:
    """Accuracy with one type of error at a time, per read; the rate is that of the cells it hits.

    See `durations`; rows have the ``type`` as well. A binary network knows sign flips only.
    """
    binary = any(layer.binary for layer in net.layers if layer.placement == "crossbar")
    points = [
        Point(make(rate), columns={"study": "type", "type": name, "rate": rate})
        for name, make in TYPES.items()
        if not binary or name == next(iter(TYPES))
        for rate in rates
    ]
    return _rows(net, x, labels, points, ("study", "type", "rate"), how)


def conditions(
    net: Network, x: Array, labels: Array, supplies: Iterable[float] = (1.2,), **how: Any
) -> list[Row]:
    """Accuracy of a ternary network under the rates of device presets and supplies, per read.

    See `durations`; rows have the ``condition`` as well, and the three error rates.
    """
    points = []
    for preset in ("talk", "degraded"):
        for vdd in supplies:
            rates = error_rates(Device.preset(preset), SenseAmp(vdd=vdd))
            named = {"study": "physics", "condition": f"{preset}, {vdd:g} V"}
            shown = {"type1": rates.sign_flip, "type2": rates.drop, "type3": rates.rise}
            points.append(Point(rates.errors("read"), columns={**named, **shown}))
    columns = ("study", "condition", "type1", "type2", "type3")
    return _rows(net, x, labels, points, columns, how)


def _rows(
    net: Network,
    x: Array,
    labels: Array,
    points: Sequence[Point],
    columns: Sequence[str],
    how: dict[str, Any],
) -> list[Row]:
    found = sweep(net, x, np.asarray(labels), points=points, batch_size=BATCH, **how)
    return [{name: row[name] for name in (*columns, *_KEPT)} for row in found]
