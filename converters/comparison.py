"""Runs a source graph and its network side by side; see `ternary_engine.checking`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import onnx

from ternary_engine.checking import HALF_ROUNDING, ROUNDING, Row
from ternary_engine.codes import Codes
from ternary_engine.converters import fixed_point, load
from ternary_engine.converters.batch import FREE_SIZES, Sampler
from ternary_engine.converters.conversion import Conversion, convert_openly
from ternary_engine.converters.graph import Array, Graph
from ternary_engine.converters.recipes import sums_name
from ternary_engine.converters.sessions import Session
from ternary_engine.converters.source import SourceValues, run_between
from ternary_engine.converters.weighted import feed
from ternary_engine.exceptions import ConversionError
from ternary_engine.network import Network, Port
from ternary_engine.runtime.inputs import count_samples
from ternary_engine.steps import (
    Crossbar,
    Decode,
    Digital,
    Encode,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    RealCrossbar,
    ScaleReal,
    Step,
    Threshold,
)

CHUNK = 64  # samples run at once
PROBE = "check:"  # begins the names of values that only a comparison asks for


class Comparison:
    """A model in both forms, and what was found so far.

    Attributes:
        rows: by value name.
        samples: run so far. tied_samples: of these, those with a code on a tie.
        argmax_agrees: samples with the same argmax, None where the output is no vector.
        chunk: samples to add at once; 0 for all.
    """

    def __init__(self, model: load.Source, network: Network | None = None) -> None:
        self.conversion: Conversion = convert_openly(model)
        self.network: Network = network or self.conversion.network
        if [p.name for p in self.network.inputs] != self.conversion.graph.input_names:
            raise ValueError(
                f"network: its inputs are {[p.name for p in self.network.inputs]}, the model's "
                f"{self.conversion.graph.input_names}"
            )
        self.graph: Graph = self.conversion.graph
        self.layers = _layers_of(self.network)
        self.codes = _codes_of(self.network)
        self.rows: dict[str, Row] = {}
        self.samples = self.tied_samples = 0
        self.argmax_agrees: int | None = None
        self.chunk = 0 if self.network.batching == "whole" else CHUNK
        self._source = SourceValues(self.conversion)
        dtypes = self.conversion.cook.shapes.dtypes.values() if self.conversion.cook else ()
        self.rounding = ROUNDING if np.float16 not in dtypes else HALF_ROUNDING
        self._probe = _probe(self.network, self.codes)

    def inputs(
        self, data: fixed_point.Calibration | None, samples: int, seed: int
    ) -> dict[str, Array]:
        """The data by input name, or random samples."""
        if data is not None:
            return fixed_point.samples_of(self.graph, data, 0)
        sampler = Sampler(self.graph, FREE_SIZES[0])
        return sampler.draw(sampler.fixed or samples, 1.0, seed)

    def add(self, feeds: dict[str, Array]) -> None:
        """Run some samples and note what differs."""
        wanted = self._source(feeds, self.network.batching)
        count = count_samples(self.network, feeds)
        results = self._probe.run(feeds, threads=1)
        got = {name.removeprefix(PROBE): value for name, value in results.items()}
        disturbed, tied = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        for step in self.network.steps:
            targets = step.targets if isinstance(step, Digital) else (step.target,)
            for target in targets:
                tensor, _, rest = target.partition(":codes")
                if target in self.codes and tensor in wanted and "/" not in rest:
                    self._codes(target, tensor, rest, wanted, got, feeds, disturbed, tied)
                elif target in got and target in wanted and target not in self.codes:
                    fresh = self._real(target, wanted[target], got[target], disturbed)
                    if fresh.any() and self._is_tied(step, target, wanted, got, feeds, fresh):
                        self._tie(target, wanted[target], got[target], fresh)
                        tied |= fresh
        self.samples += count
        self.tied_samples += int(tied.sum())
        self._argmax(wanted, got)

    def _codes(
        self,
        target: str,
        tensor: str,
        axis: str,
        wanted: Mapping[str, Array],
        got: Mapping[str, Array],
        feeds: Mapping[str, Array],
        disturbed: Array,
        tied: Array,
    ) -> None:
        code, ours = self.codes[target], got[target]
        truth = np.asarray(wanted[tensor], np.float32)
        truth = (np.moveaxis(truth, -1, 1) if axis == "2" else truth).reshape(ours.shape)
        apart = np.abs(truth - ours)
        row = self._row(target, tensor, "codes", truth, apart)
        different = ~(apart <= code.scale / 2)
        if not different.any():
            return
        by_sample = different.reshape(len(different), -1)
        row.different += int(by_sample.sum())
        row.following += int(by_sample[disturbed].sum())
        fresh = by_sample.any(axis=1) & ~disturbed
        if fresh.any():
            again = self._again(target, tensor, axis, wanted, feeds, fresh, ours.shape)
            if again is not None:
                on_ties = different[fresh] & (np.abs(again - ours[fresh]) <= code.scale / 2)
                row.ties += int(on_ties.sum())
                tied |= by_sample.any(axis=1) & fresh
        disturbed |= by_sample.any(axis=1)

    def _again(
        self,
        target: str,
        tensor: str,
        axis: str,
        wanted: Mapping[str, Array],
        feeds: Mapping[str, Array],
        samples: Array,
        shape: tuple[int, ...],
    ) -> Array | None:
        """What the source's operators make of the network's sums, where those are the same."""
        cook = self.conversion.cook
        if cook is None:
            return None
        recipe = cook.codes(tensor, int(axis or 1))
        start = recipe.sums or recipe.real
        if start is None or start not in wanted or start == tensor:
            return None
        again = self._rerun(start, tensor, wanted, feeds, samples, sums=recipe.sums is not None)
        if again is None:
            return None
        again = np.moveaxis(np.asarray(again, np.float32), -1, 1) if axis == "2" else again
        return np.asarray(again, np.float32).reshape(-1, *shape[1:])

    def _rerun(
        self,
        start: str,
        tensor: str,
        wanted: Mapping[str, Array],
        feeds: Mapping[str, Array],
        samples: Array,
        *,
        sums: bool,
    ) -> Array | None:
        """The source's operators from ``start`` on the network's value of it, if that is right."""
        part = {name: value[samples] for name, value in feeds.items()}
        ours = self._start_value(start, sums=sums, feeds=part)
        theirs = wanted[start][samples]
        if ours is None or self._far(theirs, ours.reshape(theirs.shape)).any():
            return None
        values = {name: value[samples] for name, value in wanted.items() if value.ndim}
        values[start] = ours.reshape(theirs.shape).astype(theirs.dtype)
        return run_between(self.graph, start, tensor, values)

    def _start_value(self, start: str, *, sums: bool, feeds: dict[str, Array]) -> Array | None:
        """The network's own value of a chain's first tensor."""
        if not sums:
            port = Port(start, "float32", (None,))
            probe = dataclasses.replace(self.network, outputs=(port, *self.network.outputs))
            return np.asarray(dict(probe.run(feeds, threads=1))[start])
        cook = self.conversion.cook
        assert cook is not None
        item = cook.layers[start]
        scaled = feed(self.graph, item)
        step = ScaleReal(
            source=sums_name(start), target=PROBE, scale=scaled.scale, offset=scaled.bias,
            form=cook.form(start, start),
        )  # fmt: skip
        port = Port(PROBE, "float32", (None,))
        probe = dataclasses.replace(
            self.network, steps=(*self.network.steps, step), outputs=(port, *self.network.outputs)
        )
        return np.asarray(dict(probe.run(feeds, threads=1))[PROBE])

    def _real(self, name: str, truth: Array, ours: Array, disturbed: Array) -> Array:
        """Count what differs; samples in which this is the first value to do so."""
        if truth.dtype == np.object_:  # strings: 1 where they differ
            truth, ours = np.zeros(truth.shape), (truth != ours).astype(np.float64)
        row = self._row(name, name, "real", truth, _distance(truth, ours))
        different = self._far(truth, ours)
        if not different.any():
            return np.zeros_like(disturbed)
        if not different.ndim or len(different) != len(disturbed):  # no axis counts samples
            row.different += int(different.sum())
            row.following += int(different.sum()) if disturbed.any() else 0
            disturbed[:] = True
            return np.zeros_like(disturbed)
        by_sample = different.reshape(len(disturbed), -1)
        row.different += int(by_sample.sum())
        row.following += int(by_sample[disturbed].sum())
        fresh: Array = by_sample.any(axis=1) & ~disturbed
        disturbed |= fresh
        return fresh

    def _far(self, truth: Array, ours: Array) -> Array:
        """Which values differ by more than rounding explains."""
        return np.asarray(~(_distance(truth, ours) <= self.rounding * _largest(truth)))

    def _is_tied(
        self,
        step: Step,
        target: str,
        wanted: Mapping[str, Array],
        got: Mapping[str, Array],
        feeds: Mapping[str, Array],
        fresh: Array,
    ) -> bool:
        """Whether real values differ because one before them sits on a rounding tie."""
        cook = self.conversion.cook
        if isinstance(step, LookupReal) and cook is not None:
            start = next((name for name in cook.layers if sums_name(name) == step.source), "")
            if start not in wanted:
                return False
            again = self._rerun(start, target, wanted, feeds, fresh, sums=True)
            return again is not None and not self._far(again, got[target][fresh]).any()
        return isinstance(step, Digital) and self._amplifies(step, target, wanted, got, fresh)

    def _amplifies(
        self,
        step: Digital,
        target: str,
        wanted: Mapping[str, Array],
        got: Mapping[str, Array],
        fresh: Array,
    ) -> bool:
        """Whether a piece does what the source does, and rounding alone moved its inputs."""
        if not all(s in wanted for s in step.sources):
            return False
        if any(self._far(wanted[s][fresh], got[s][fresh]).any() for s in step.sources if s in got):
            return False
        try:
            session = Session(onnx.load_from_string(step.model))
            (again,) = session({s: wanted[s] for s in step.sources}, [target])
        except ConversionError:
            return False
        return not self._far(wanted[target], again).any()

    def _tie(self, name: str, truth: Array, ours: Array, fresh: Array) -> None:
        self.rows[name].ties += int(self._far(truth, ours)[fresh].sum())

    def _row(self, target: str, tensor: str, kind: str, truth: Array, apart: Array) -> Row:
        if target not in self.rows:
            self.rows[target] = Row(self.layers.get(target, ""), tensor, kind)
        row = self.rows[target]
        row.elements += truth.size
        row.error = max(row.error, float(apart.max(initial=0.0)) / _largest(truth))
        return row

    def _argmax(self, wanted: Mapping[str, Array], got: Mapping[str, Array]) -> None:
        name = self.network.outputs[0].name
        if len(self.network.outputs) == 1 and name in wanted and name in got:
            truth, ours = wanted[name], np.asarray(got[name])
            if truth.ndim == 2 and truth.shape[1] > 1:
                same = int((truth.argmax(1) == ours.argmax(1)).sum())
                self.argmax_agrees = (self.argmax_agrees or 0) + same


def _distance(truth: Array, ours: Array) -> Array:
    """Absolute differences in float64; NaN equals NaN, and an infinity itself."""
    exact = truth.astype(np.float64)
    same = (exact == ours) | (np.isnan(exact) & np.isnan(ours.astype(np.float64)))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.abs(exact - ours))


def _largest(truth: Array) -> float:
    """The largest finite magnitude, above 0."""
    size = np.abs(truth.astype(np.float64))
    return float(size[np.isfinite(size)].max(initial=1e-30))


def _codes_of(network: Network) -> dict[str, Codes]:
    codes: dict[str, Codes] = {}
    for step in network.steps:
        if isinstance(step, Encode | Threshold | LookupCodes):
            codes[step.target] = step.codes
        elif isinstance(step, Pool):
            codes[step.target] = codes[step.source]
        elif isinstance(step, Join):
            codes[step.target] = codes[step.sources[0]]
    return codes


def _layers_of(network: Network) -> dict[str, str]:
    """Which layer each value is the result of, where one is."""
    found: dict[str, str] = {}
    for step in network.steps:
        if isinstance(step, Crossbar | RealCrossbar):
            found[step.target] = step.layer
        elif not isinstance(step, Digital | Join) and step.source in found:
            found[step.target] = found[step.source]
    return found


def _probe(network: Network, codes: Mapping[str, Codes]) -> Network:
    """The network with every value as an output."""
    decodes = tuple(Decode(source=name, target=PROBE + name, form="NCHW") for name in codes)
    names = [port.name for port in network.outputs]
    for step in network.steps:
        if isinstance(step, Digital):
            names += step.targets
        elif step.target not in codes and not isinstance(step, Crossbar):
            names.append(step.target)
    names += [step.target for step in decodes]
    ports = tuple(Port(name, "float32", (None,)) for name in dict.fromkeys(names))
    return dataclasses.replace(network, steps=(*network.steps, *decodes), outputs=ports)
