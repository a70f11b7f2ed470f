"""Looks at values inside a network: a copy of it that gives them out as well."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.errors import Errors
from ternary_engine.network import Network, Port
from ternary_engine.steps import (
    Crossbar,
    Decode,
    Digital,
    Encode,
    Join,
    LookupCodes,
    Pool,
    ScaleReal,
    Step,
    Threshold,
)

__all__ = ["Taps", "codes_by_name", "decode_integers", "targets"]

Array = npt.NDArray[Any]

_CHUNK = 64  # samples looked at in one go
_TAP = "tap:"
_EXACT = 1 << 24  # sums of float32 that are whole numbers


def targets(step: Step) -> tuple[str, ...]:
    """Names of the values that a step gives."""
    return step.targets if isinstance(step, Digital) else (step.target,)


def codes_by_name(network: Network) -> dict[str, Codes]:
    """The code of every packed value."""
    codes: dict[str, Codes] = {}
    for step in network.steps:
        if isinstance(step, Encode | Threshold | LookupCodes):
            codes[step.target] = step.codes
        elif isinstance(step, Pool):
            codes[step.target] = codes[step.source]
        elif isinstance(step, Join):
            codes[step.target] = codes[step.sources[0]]
    return codes


def decode_integers(values: Array, codes: Codes) -> npt.NDArray[np.int16]:
    """The integers of a code, from its own float32 values."""
    index = np.searchsorted(np.array(codes.values, np.float32), values)
    return np.array(codes.integers, np.int16)[index]


class Taps:
    """Some values of a network, as it computes them.

    Args:
        network: a converted network.
        names: of codes, sums and real values; what comes after the last is not computed.
    """

    def __init__(self, network: Network, names: Iterable[str]) -> None:
        self.network = network
        self.names = tuple(dict.fromkeys(names))
        self._codes = codes_by_name(network)
        outputs = {layer.name: layer.outputs for layer in network.layers}
        self._sums = {
            step.target: (step, outputs[step.layer])
            for step in network.steps
            if isinstance(step, Crossbar)
        }
        self._tapped = self._with_outputs()

    def _with_outputs(self) -> Network:
        made: list[Step] = []
        ports: list[Port] = []
        wanted = set(self.names)
        last = max(
            (i for i, step in enumerate(self.network.steps) if wanted & set(targets(step))),
            default=-1,
        )
        for step in self.network.steps[: last + 1]:
            made.append(step)
            for name in targets(step):
                if name in wanted:
                    extra, outputs = self._tap(name)
                    made += extra
                    ports += [Port(output, "float32", (None,)) for output in outputs]
        return dataclasses.replace(self.network, steps=tuple(made), outputs=tuple(ports))

    def _tap(self, name: str) -> tuple[list[Step], list[str]]:
        """Steps that make real values of a value, and their names."""
        if name in self._codes:
            return [Decode(source=name, target=_TAP + name, form="NCHW")], [_TAP + name]
        if name not in self._sums:
            return [], [name]
        step, outputs = self._sums[name]
        one, zero = np.ones(outputs, np.float32), np.zeros(outputs, np.float32)
        if not step.apart:
            whole = ScaleReal(source=name, target=_TAP + name, scale=one, offset=None, form="NCHW")
            return [whole], [_TAP + name]
        sides = [
            ScaleReal(source=name, target=f"{_TAP}{side}{name}", scale=plus, offset=None,
                      form="NCHW", negative=minus)
            for side, plus, minus in (("+", one, zero), ("-", zero, -one))
        ]  # fmt: skip
        return list(sides), [one.target for one in sides]

    def run(
        self,
        x: Array | Mapping[str, Array],
        *,
        errors: Errors | None = None,
        seed: int | None = None,
    ) -> dict[str, Array]:
        """Run a batch, and give the values by name, samples first.

        Codes are int16 and sums int32, channels last: [images, rows, columns, channels]; the sums
        of a layer that is `Crossbar.apart` have two channels per output. Real values are as the
        source graph has them.

        Args:
            x: as for `Network.run`. errors, seed: as for `Network.run`.
        """
        outputs = self._tapped.run(_as_dict(self.network, x), errors=errors, seed=seed)
        return {name: self._read(name, outputs) for name in self.names}

    def run_in_parts(self, x: Mapping[str, Array]) -> dict[str, Array]:
        """The same without errors, for many samples: with little memory beside the result."""
        if self.network.batching == "whole":
            return self.run(x)
        samples = len(next(iter(x.values())))
        found: dict[str, Array] = {}
        for first in range(0, samples, _CHUNK):
            part = self.run({name: array[first : first + _CHUNK] for name, array in x.items()})
            for name, values in part.items():
                if name not in found:
                    found[name] = np.empty((samples, *values.shape[1:]), values.dtype)
                found[name][first : first + _CHUNK] = values
        return found

    def _read(self, name: str, outputs: Mapping[str, Array]) -> Array:
        if name in self._codes:
            return _last(decode_integers(outputs[_TAP + name], self._codes[name]))
        if name not in self._sums:
            return outputs[name]
        if not self._sums[name][0].apart:
            return _last(_whole(outputs[_TAP + name]))
        sides = [_last(_whole(outputs[f"{_TAP}{side}{name}"])) for side in "+-"]
        both = np.stack(sides, axis=-1)
        return both.reshape(*both.shape[:-2], -1)


def _last(image: Array) -> Array:
    return np.ascontiguousarray(np.moveaxis(image, 1, -1))


def _whole(sums: Array) -> npt.NDArray[np.int32]:
    if sums.size and np.abs(sums).max() >= _EXACT:
        raise ValueError(
            "sums beyond 2**24: float32 does not hold them exactly; fewer bits of weights or inputs"
        )
    return sums.astype(np.int32)


def _as_dict(network: Network, x: Array | Mapping[str, Array]) -> dict[str, Array]:
    return dict(x) if isinstance(x, Mapping) else {network.inputs[0].name: x}
