"""Compares a packed network with its source, value by value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    from ternary_engine.converters.load import Source
    from ternary_engine.network import Network

Array = npt.NDArray[Any]

SAMPLES = 16  # drawn where no data is given
ROUNDING = 1e-4  # difference of float32 values, relative to the largest, that rounding explains
HALF_ROUNDING = 4e-3  # the same for models that compute in float16


@dataclass
class Row:
    """One value of the network beside the source's.

    Attributes:
        layer: whose result it is; empty where it is none's.
        value: its name in the source graph.
        kind: ``codes`` or ``real``.
        elements: how many were compared.
        different: codes that differ, or reals that differ by more than rounding.
        ties: of these, codes where the source's own operators, given sums that differ from the
            source's by float32 rounding only, give the network's code: it sits on a rounding tie.
        following: of these, those in samples in which an earlier value differs already.
        error: largest difference, relative to the source's largest value.
    """

    layer: str
    value: str
    kind: str
    elements: int = 0
    different: int = 0
    ties: int = 0
    following: int = 0
    error: float = 0.0

    @property
    def unexplained(self) -> int:
        """Differences that are neither ties nor follow from one."""
        return self.different - self.ties - self.following


@dataclass(frozen=True)
class CheckReport:
    """What a comparison found.

    Attributes:
        rows: every value that both have, in the order in which the network makes them.
        samples: how many were run. random: the inputs were random, for want of data.
        argmax_agrees: samples whose largest output is the same; None where that means nothing.
        tied_samples: samples in which some code sits on a rounding tie.
    """

    rows: tuple[Row, ...]
    samples: int
    random: bool
    argmax_agrees: int | None
    tied_samples: int

    @property
    def agrees(self) -> bool:
        """Whether nothing differs beyond ties and what follows from them."""
        same = self.argmax_agrees is None or self.argmax_agrees >= self.samples - self.tied_samples
        return same and not any(row.unexplained for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """Describe the report in plain values that JSON can hold."""
        rows = [dataclasses.asdict(row) | {"unexplained": row.unexplained} for row in self.rows]
        return {
            "agrees": self.agrees,
            "samples": self.samples,
            "random_inputs": self.random,
            "argmax_agrees": self.argmax_agrees,
            "tied_samples": self.tied_samples,
            "values": rows,
        }


def check(
    model: Source,
    data: Array | Mapping[str, Array] | None = None,
    *,
    network: Network | None = None,
    seed: int = 0,
) -> CheckReport:
    """Run a model in ONNX Runtime, optimisations off, and converted, and compare every value.

    Args:
        model: as for `convert`.
        data: inputs: an array, or a dict by input name. Defaults to None: random ones.
        network: the converted model, e.g. loaded from a packed file. Defaults to None: it is
            converted here.
        seed: of random inputs.

    Returns:
        The report; its ``agrees`` says whether all is well.

    Raises:
        ConversionError: the model cannot be imported.
        ValueError: data that does not fit the model.

    Example:
        >>> import ternary_engine as te
        >>> te.check(te.zoo.path(te.zoo.names()[0])).agrees
        True
    """
    from ternary_engine.converters.comparison import Comparison

    comparison = Comparison(model, network)
    feeds = comparison.inputs(data, SAMPLES, seed)
    for part in _parts(feeds, comparison.chunk):
        comparison.add(part)
    return CheckReport(
        rows=tuple(comparison.rows.values()),
        samples=comparison.samples,
        random=data is None,
        argmax_agrees=comparison.argmax_agrees,
        tied_samples=comparison.tied_samples,
    )


def _parts(feeds: Mapping[str, Array], size: int) -> Iterator[dict[str, Array]]:
    if not size:
        yield dict(feeds)
        return
    count = len(next(iter(feeds.values())))
    for first in range(0, count, size):
        yield {name: v[first : first + size] for name, v in feeds.items()}
