"""The converted network: layers, steps, and what a user does with them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.layer import Layer
from ternary_engine.steps import Step

if TYPE_CHECKING:
    from ternary_engine.runtime import Plan

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Port:
    """An input or output of a network.

    Attributes:
        name: as in the source graph.
        dtype: NumPy name, e.g. ``float32``.
        shape: batch first; None where a size is free (the batch always is).
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Network:
    """A network ready to run; immutable.

    Attributes:
        inputs, outputs: ports of the source graph.
        layers: every convolution and linear layer, crossbar or digital, in graph order.
        steps: what one run does, in order; see `steps`.
        values: kind of each named value is implied by the steps; real network inputs are fed
            under their port names and outputs taken under theirs.
        batching: ``"free"`` if samples do not influence one another (any split of a batch gives
            the same answers), ``"single"`` if the digital pieces take one sample at a time,
            ``"whole"`` if the source graph mixes samples and a batch must not be split.
        provenance: where it came from: file name, producer, opset, sha256 of the source.
        notes: what the converter wants the user to know.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    layers: tuple[Layer, ...]
    steps: tuple[Step, ...]
    batching: str = "free"
    provenance: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
