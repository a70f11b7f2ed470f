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
    from ternary_engine.chips.design import Repair, WriteVerify
    from ternary_engine.device import Device
    from ternary_engine.errors import Errors, LayerErrors
    from ternary_engine.mapping.layers import Outputs
    from ternary_engine.record import ErrorRecord
    from ternary_engine.runtime import Runner
    from ternary_engine.sense import SenseAmp

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
    def _runner(self) -> Runner:
        from ternary_engine.runtime import Runner

        return Runner(self)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the runner behind: it is rebuilt where the network is unpickled."""
        return {name: value for name, value in self.__dict__.items() if name != "_runner"}

    @property
    def read_errors(self) -> Mapping[str, LayerErrors] | None:
        """Errors of every read that are a chip's own, by layer; None for a network."""
        return None

    def run(
        self,
        x: Array | Mapping[str, Array],
        *,
        errors: Errors | None = None,
        seed: int | None = None,
        threads: int | None = None,
        batch_size: int | None = None,
        record: bool = False,
        replay: ErrorRecord | None = None,
    ) -> Any:
        """Run a batch of samples.

        Args:
            x: array of shape (N, ...) for a network with one input, else a dict by input name.
                An empty batch gives an empty result.
            errors: `SenseErrors` for every crossbar layer, or a dict of them by layer name;
                None for error-free sensing.
            seed: names the random numbers of the errors. The same seed gives the same result, bit
                for bit, whatever ``threads``; for errors per sample and per read also whatever
                ``batch_size``, and the first k samples of a run equal a run of them alone.
                None draws a fresh seed.
            threads: chunks of samples run at once; None for every processor at hand.
            batch_size: samples that share one draw of errors per batch; None for all of ``x``.
            record: also return every error that happened. Errors per read are then drawn cell by
                cell, with random numbers of their own: the same distribution, another outcome
                than without ``record``, and a cost that grows with the errors: for small runs.
            replay: repeat the errors of a record, bit for bit, instead of drawing any.

        Returns:
            The output array when there is one input and one output, else a dict by output name.
            With ``record``, a pair of that and an `ErrorRecord`.

        Raises:
            TypeError, ValueError: an input of the wrong dtype, shape or name; errors that a layer
                cannot have; a negative seed.
        """
        return self._runner.run(x, errors, seed, threads, batch_size, record, replay)

    def program(
        self,
        *,
        errors: Errors | None = None,
        device: Device | None = None,
        sense: SenseAmp | None = None,
        seed: int | None = None,
        array: tuple[int, int] = (32, 32),
        outputs: Outputs = "rows",
        verify: WriteVerify | None = None,
        repair: Repair | None = None,
    ) -> Network:
        """Program the network once, with errors of given rates or onto a chip of given devices.

        With ``errors``: a copy whose stored weights carry one draw of them.
        ``net.program(errors=e, seed=s).run(x)`` equals ``net.run(x, errors=e, seed=s)`` for errors
        per program.

        With ``device`` and ``sense``: a `Chip`. Both devices of every cell get resistances of their
        own, every amplifier an offset, and every cell the chances of being read as -1, 0 and +1
        that follow; ``run`` draws reads with just these chances. In binary layers, which have no
        zero, the amplifiers are read once they have settled.

        Args:
            errors: `SenseErrors`, or a dict of them by layer name; taken as programming errors
                whatever their ``per``.
            device: what every device is like.
            sense: what every sense amplifier is like.
            seed: names the draw, or the chip; None draws a fresh one.
            array: of the chip, see `ChipDesign`; defaults to 32 x 32.
            outputs: of the chip; defaults to rows.
            verify: of the chip; defaults to none.
            repair: of the chip; defaults to none.

        Raises:
            TypeError, ValueError: as for `run`; both ``errors`` and ``device``, or neither.

        Warns:
            PhysicsWarning: the sense time is too short for most of the stored +1 and -1.
        """
        from ternary_engine.errors import check_seed, resolve_errors
        from ternary_engine.runtime import programmed

        extra = verify is not None or repair is not None
        if device is None and sense is None and not extra:
            if errors is None:
                raise TypeError(
                    "program: got neither errors nor a device; it takes "
                    "errors=te.SenseErrors(...), or device=te.Device(...) and "
                    "sense=te.SenseAmp(...)"
                )
            resolved = resolve_errors(errors, self.layers)
            return programmed(self, resolved, check_seed(seed))
        from ternary_engine.chips.chip import make_chip, warn_if_useless
        from ternary_engine.chips.design import ChipDesign

        if errors is not None:
            raise ValueError(
                "errors: a chip's errors follow from its device and sense amplifier; give either "
                "errors, or device and sense"
            )
        made: dict[str, Any] = {"device": device, "sense": sense}
        design = ChipDesign(**made, array=array, outputs=outputs, verify=verify, repair=repair)
        warn_if_useless(self, design)
        return make_chip(self, design, check_seed(seed))

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
