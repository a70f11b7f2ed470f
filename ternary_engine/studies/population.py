"""Of many virtual chips, how many are good enough?"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import Errors, SenseErrors
from ternary_engine.network import Network
from ternary_engine.studies.parts import layer_errors, nested
from ternary_engine.sweeps.intervals import (
    Interval,
    bootstrap_interval,
    check_confidence,
    wilson_interval,
)
from ternary_engine.sweeps.parallel import Backend
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.session import Session, check_count

if TYPE_CHECKING:
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

__all__ = ["ChipYield", "Population", "population"]

Array = npt.NDArray[Any]

_FIRST_CHIPS = 32
_ROUNDING = 1e-9  # an accuracy counts as reached in spite of rounding


@dataclass(frozen=True, eq=False)
class ChipYield:
    """Chips of one setting.

    Attributes:
        point: the setting.
        accuracies: of each chip.
    """

    point: Point
    accuracies: npt.NDArray[np.float64]

    def share_above(self, accuracy: float, confidence: float = 0.95) -> Interval:
        """Share of chips that reach an accuracy, with Wilson's interval."""
        hits = int(np.count_nonzero(self.accuracies >= accuracy - _ROUNDING))
        return wilson_interval(hits, len(self.accuracies), confidence)

    def mean(self, confidence: float = 0.95) -> Interval:
        """Mean accuracy of the chips, with the bootstrap's interval over chips."""
        return bootstrap_interval(self.accuracies, confidence)


@dataclass(frozen=True, eq=False)
class Population:
    """Virtual chips of one or several settings.

    Attributes:
        settings: chips by name of the setting; chip i of all settings is the same chip as far as
            their errors can be shared.
        accuracy: that a chip must reach.
        accuracy_error_free: of the network without errors.
        confidence: of the intervals.
        chips: how many of each setting.
        converged: whether the yields are known as finely as asked for.
    """

    settings: Mapping[str, ChipYield]
    accuracy: float
    accuracy_error_free: float
    confidence: float
    chips: int
    converged: bool

    @property
    def yields(self) -> dict[str, Interval]:
        """Share of chips that reach the wanted accuracy, by setting."""
        return {
            name: one.share_above(self.accuracy, self.confidence)
            for name, one in self.settings.items()
        }

    def curve(self, accuracies: Sequence[float]) -> list[dict[str, Any]]:
        """Yield over wanted accuracies: rows of setting, accuracy, yield and its limits."""
        rows = []
        for name, one in self.settings.items():
            for accuracy in accuracies:
                share = one.share_above(accuracy, self.confidence)
                row = {"setting": name, "accuracy": float(accuracy), "yield": share.value}
                rows.append(row | {"yield_low": share.low, "yield_high": share.high})
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain values."""
        settings = []
        for name, share in self.yields.items():
            row = {"setting": name, "yield": share.value, "yield_low": share.low}
            accuracies = self.settings[name].accuracies.tolist()
            settings.append({**row, "yield_high": share.high, "accuracies": accuracies})
        shown = {"accuracy": self.accuracy, "accuracy_error_free": self.accuracy_error_free}
        return {**shown, "chips": self.chips, "converged": self.converged, "settings": settings}

    def difference(self, first: str, second: str) -> Interval:
        """Yield of the second setting less that of the first, paired by chip (bootstrap)."""
        passed = [
            self.settings[name].accuracies >= self.accuracy - _ROUNDING for name in (first, second)
        ]
        difference = passed[1].astype(float) - passed[0].astype(float)
        return bootstrap_interval(difference, self.confidence)

    def __str__(self) -> str:
        lines = [f"{self.chips:,} chips; accuracy of {100 * self.accuracy:.2f} % or more:"]
        for name, share in self.yields.items():
            limits = f"{100 * share.low:.1f} to {100 * share.high:.1f}"
            lines.append(f"  {name:32}  {100 * share.value:5.1f} %  ({limits})")
        return "\n".join(lines)


def population(
    net: Network,
    x: Array | Mapping[str, Array],
    labels: Array,
    errors: Errors | Point | Sequence[Errors | Point] | None = None,
    *,
    device: Device | None = None,
    sense: SenseAmp | None = None,
    names: Sequence[str] | None = None,
    accuracy: float | None = None,
    max_drop: float = 0.01,
    chips: int = 1000,
    precision: float = 0.05,
    reading: Errors | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    backend: Backend = "threads",
    scheduler: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Population:
    """Program many virtual chips and count those that are good enough.

    Every chip has its own programming errors, drawn once and kept. More chips are made until the
    yield of every setting is known to ``precision``, or there are ``chips``.

    Several settings share their random numbers: chip i starts from the same errors at all of them,
    and where one setting is another with further errors, those of the milder are among those of
    the harsher (see `parts.nested`); differences between settings are then known far better than
    the yields themselves. Chips of a device and a sense amplifier have the same devices, amplifiers
    and stuck cells at all settings.

    Args:
        net: the network.
        x: inputs, as `Network.run` takes them.
        labels: right class of each sample.
        errors: programming errors (taken as lasting, whatever their ``per``), a `Point` with a
            device and a sense amplifier (`Point.conditions` makes several), or a list of them.
        device: of every chip, see `Network.program`; in place of ``errors``.
        sense: amplifier of every chip; goes with ``device``.
        names: of the settings; default to what the errors are.
        accuracy: that a chip must reach; defaults to the error-free one less ``max_drop``.
        max_drop: see ``accuracy``; defaults to 0.01.
        chips: at most, of each setting; defaults to 1000.
        precision: half the width of the yield's interval to stop at; defaults to 0.05.
        reading: errors of every run on top, e.g. per read; defaults to none.
        confidence: of the intervals; defaults to 0.95.
        seed: names all random numbers; defaults to 0.
        out: results file to keep the chips in, and to go on with; see `sweep`.
        workers: see `sweep`.
        backend: see `sweep`.
        scheduler: see `sweep`.
        progress: called with the number of trials so far; defaults to nothing.

    Raises:
        ValueError, TypeError: bad arguments.

    Examples:
        >>> import ternary_engine as te
        >>> net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
        >>> found = te.population(net, x, labels, te.SenseErrors.from_ber(0.1), chips=32)
        >>> found.chips
        32
    """
    most = check_count("chips", chips)
    check_confidence(confidence)
    if not precision > 0:
        raise ValueError(f"precision: got {precision}; it takes more than 0")
    points = _points(_settings(errors, device, sense), names, reading, net)
    session = Session(
        net,
        x,
        labels,
        seed=seed,
        out=out,
        workers=workers,
        backend=backend,
        scheduler=scheduler,
        progress=progress,
        extra=tuple(dict.fromkeys(name for _, point in points for name in point.columns)),
        common_seeds=True,
    )
    with session:
        free = session.error_free
        wanted = free - max_drop if accuracy is None else float(accuracy)
        found = np.empty((len(points), 0))
        while True:
            found = _more_chips(session, points, found, most)
            made = {name: ChipYield(p, a) for (name, p), a in zip(points, found, strict=True)}
            result = Population(made, wanted, free, confidence, found.shape[1], False)
            if all(share.half_width <= precision for share in result.yields.values()):
                return dataclasses.replace(result, converged=True)
            if result.chips >= most:
                return result


def _points(
    settings: Sequence[Errors | Point],
    names: Sequence[str] | None,
    reading: Errors | None,
    net: Network,
) -> list[tuple[str, Point]]:
    if not settings:
        raise ValueError("errors: got none; it takes at least one setting")
    labels = [_name(one) for one in settings] if names is None else list(names)
    if len(labels) != len(settings) or len(set(labels)) < len(labels):
        raise ValueError(
            f"names: got {labels!r} for {len(settings)} settings; each takes a name of its own"
        )
    chips = [one for one in settings if isinstance(one, Point)]
    if chips:
        made = _chip_points(settings, labels, reading)
    else:
        made = _error_points([one for one in settings if not isinstance(one, Point)], labels,
                             reading, net)  # fmt: skip
    for point in made:
        point.check(net.layers)
    return list(zip(labels, made, strict=True))


def _settings(errors: Any, device: Device | None, sense: SenseAmp | None) -> list[Errors | Point]:
    """Settings as a list, however they are given."""
    if device is not None or sense is not None:
        if errors is not None:
            raise TypeError("population takes either errors, or a device and a sense amplifier")
        return [Point(device=device, sense=sense)]
    if errors is None:
        raise TypeError("population takes errors, or a device and a sense amplifier")
    return [errors] if isinstance(errors, SenseErrors | Mapping | Point) else list(errors)


def _chip_points(
    settings: Sequence[Errors | Point], labels: Sequence[str], reading: Errors | None
) -> list[Point]:
    if reading is not None:
        raise ValueError("reading: a chip's reads follow from its sense amplifier; it takes none")
    made = []
    for label, one in zip(labels, settings, strict=True):
        if not isinstance(one, Point) or one.device is None:
            raise TypeError(f"errors: got {one!r} among chips; all take a device and an amplifier")
        made.append(dataclasses.replace(one, columns={**one.columns, "setting": label}))
    return made


def _error_points(
    settings: Sequence[Errors], labels: Sequence[str], reading: Errors | None, net: Network
) -> list[Point]:
    stages = nested(settings, net)
    made = []
    for label, one, programmed in zip(labels, settings, stages, strict=True):
        columns = {"setting": label}
        if len(settings) == 1 and reading is None:  # the same chips, without rebuilding a network
            lasting = {
                name: dataclasses.replace(error, per="program")
                for name, error in layer_errors(one, net).items()
            }
            made.append(Point(lasting, columns=columns))
        else:
            made.append(Point(reading, None, programmed, columns))
    return made


def _name(errors: Errors | Point) -> str:
    if isinstance(errors, Point):
        return errors.label()
    if isinstance(errors, SenseErrors):
        return (
            Point(dataclasses.replace(errors, per="program")).label().removeprefix("per program, ")
        )
    return repr(errors)


def _more_chips(
    session: Session,
    points: Sequence[tuple[str, Point]],
    found: npt.NDArray[np.float64],
    most: int,
) -> npt.NDArray[np.float64]:
    """Half as many chips again of every setting, with those that are there."""
    before = found.shape[1]
    after = min(most, max(_FIRST_CHIPS, before + before // 2))
    more = np.empty((len(points), after - before))
    trials = [range(before, after)] * len(points)
    for batch in session.collect([point for _, point in points], trials):
        more[batch.index, np.array(batch.trials) - before] = batch.accuracies
    return np.concatenate([found, more], axis=1)
