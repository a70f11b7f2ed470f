"""The converted network: layers, steps, and what a user does with them."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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

    @functools.cached_property
    def _plan(self) -> Plan:
        from ternary_engine.runtime import Plan

        return Plan(self)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the plan behind: it is rebuilt where the network is unpickled."""
        return {name: value for name, value in self.__dict__.items() if name != "_plan"}

    def run(
        self,
        x: Array | Mapping[str, Array],
        *,
        errors: object = None,
        seed: int | None = None,
        threads: int | None = None,
        batch_size: int | None = None,
    ) -> Array | dict[str, Array]:
        """Run a batch of samples.

        Args:
            x: array of shape (N, ...) for a network with one input, else a dict by input name.
                An empty batch gives an empty result.
            errors: not yet available.
            seed: not yet available.
            threads: chunks of samples run at once; None for every processor at hand. The result
                does not depend on it.
            batch_size: not yet available.

        Returns:
            The output array when there is one input and one output, else a dict by output name.

        Raises:
            TypeError, ValueError: an input of the wrong dtype, shape or name.
        """
        from ternary_engine.runtime import available_threads, check_count, check_inputs

        if errors is not None:
            raise NotImplementedError("errors= (te.SenseErrors) comes with the next release")
        inputs = check_inputs(self, x)
        workers = check_count("threads", threads) or available_threads()
        outputs = self._plan.run(inputs, workers)
        if len(self.inputs) == 1 and len(self.outputs) == 1 and not isinstance(x, Mapping):
            return outputs[self.outputs[0].name]
        return outputs

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a packed file; it is complete or not there at all.

        Raises:
            OSError: the place cannot be written.
        """
        from ternary_engine.storage import save

        save(self, path)

    def summary(self) -> str:
        """The table that ``ternary-engine inspect`` prints."""
        from ternary_engine.summary import render

        return render(self)
