"""Runs a network again with a few cells read wrong, from values of a run without errors."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels import changes as kernels
from ternary_engine.layer import Layer
from ternary_engine.network import Network, Port
from ternary_engine.runtime.inputs import check_inputs, count_samples
from ternary_engine.runtime.products import (
    CellChange,
    CodeChanges,
    LayerProducts,
    SumChanges,
    Window,
)
from ternary_engine.runtime.taps import Taps, codes_by_name, decode_integers, targets
from ternary_engine.steps import (
    Crossbar,
    Decode,
    Encode,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    RealCrossbar,
    ScaleReal,
    Step,
    Threshold,
    sources,
)

__all__ = ["CellChange", "Incremental", "Rows"]

Array = npt.NDArray[Any]
Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Rows:
    """Samples of a real value that may differ.

    Attributes:
        samples: int64 [rows], ascending. values: [rows, ...].
    """

    samples: Int64Array
    values: Array


class Incremental:
    """The values of a run without errors, and what changes of cells make of them.

    Args:
        network: a converted network.
        x: inputs, as `Network.run` takes them.

    Attributes:
        network: as given.
        samples: how many.
    """

    def __init__(self, network: Network, x: Any) -> None:
        self.network = network
        inputs = check_inputs(network, x)
        self.samples = count_samples(network, inputs)
        self._codes = codes_by_name(network)
        self._layers: dict[str, Layer] = {layer.name: layer for layer in network.layers}
        needed = [name for step in network.steps for name in sources(step)]
        needed += [port.name for port in network.outputs]
        needed += [step.target for step in network.steps if isinstance(step, Crossbar)]
        computed = {name for step in network.steps for name in targets(step)}
        kept = [name for name in needed if name in computed]
        self._clean: dict[str, Array] = Taps(network, kept).run_in_parts(inputs) | inputs
        self._products: dict[str, LayerProducts] = {}
        self._pieces: dict[int, Network] = {}
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Memory of the values that are kept."""
        return sum(array.nbytes for array in self._clean.values())

    def clean(self) -> dict[str, Array]:
        """Outputs without errors, by port name."""
        return {port.name: self._clean[port.name] for port in self.network.outputs}

    def run(self, changed: Mapping[str, Sequence[CellChange]]) -> dict[str, Rows]:
        """Change cells, and give the samples of each output that may differ.

        Args:
            changed: cells by layer, each at most once.

        Returns:
            samples and their values by port name; outputs that stay as they are, are absent.
        """
        with self._lock:
            walk = _Walk(self, changed)
            try:
                for number, step in enumerate(self.network.steps):
                    walk.take(number, step)
            finally:
                walk.undo()
        names = (port.name for port in self.network.outputs)
        return {name: walk.reals[name] for name in names if name in walk.reals}

    def products(self, step: Crossbar) -> LayerProducts:
        """Weights of a layer, laid out for changes of its inputs; made on first use."""
        if step.target not in self._products:
            source, sums = self._clean[step.source], self._clean[step.target]
            self._products[step.target] = LayerProducts(
                self._layers[step.layer], step, Window.of(step.geometry, source, sums)
            )
        return self._products[step.target]

    def piece(self, number: int, step: Step) -> Network:
        """A network of one step between real values (codes it gives come decoded)."""
        if number not in self._pieces:
            self._pieces[number] = self._piece(step)
        return self._pieces[number]

    def _piece(self, step: Step) -> Network:
        read = [(name, self._clean[name]) for name in sources(step)]
        inputs = tuple(
            Port(name, array.dtype.name, (None, *array.shape[1:])) for name, array in read
        )
        made: list[Step] = [step]
        names = targets(step)
        if isinstance(step, Encode):
            names = (f"{step.target}/decoded",)
            made.append(Decode(source=step.target, target=names[0], form="NCHW"))
        outputs = tuple(Port(name, "float32", (None,)) for name in names)
        return dataclasses.replace(
            self.network, inputs=inputs, steps=tuple(made), outputs=outputs, notes=()
        )


class _Walk:
    """One pass through the steps, on what has changed alone."""

    def __init__(self, state: Incremental, changed: Mapping[str, Sequence[CellChange]]) -> None:
        self.state = state
        self.changed = changed
        self.codes: dict[str, CodeChanges] = {}
        self.sums: dict[str, SumChanges] = {}
        self.reals: dict[str, Rows] = {}

    def take(self, number: int, step: Step) -> None:
        """Carry changes through one step."""
        if isinstance(step, Crossbar):
            self._crossbar(step)
        elif isinstance(step, Threshold | LookupCodes):
            if step.source in self.sums:
                self._to_codes(step)
        elif isinstance(step, Pool):
            if step.source in self.codes:
                self._pool(step)
        elif isinstance(step, Join):
            self._join(step)
        elif isinstance(step, LookupReal | ScaleReal):
            if step.source in self.sums:
                self._to_real(step)
        elif isinstance(step, Decode):
            if step.source in self.codes:
                self._decode(step)
        elif isinstance(step, RealCrossbar) and self.changed.get(step.layer):
            self._real(step, self._faulty_piece(number, step), every=True)
        elif any(name in self.reals for name in sources(step)):
            self._real(step, self.state.piece(number, step))

    def undo(self) -> None:
        """Put the codes back that were changed in place."""
        for name, one in self.codes.items():
            codes = _flat(self._clean(name))
            codes[one.place, one.channel] -= one.delta.astype(np.int16)

    def _clean(self, name: str) -> Array:
        return self.state._clean[name]

    def _crossbar(self, step: Crossbar) -> None:
        cells = self.changed.get(step.layer, ())
        inputs = self.codes.get(step.source)
        if not cells and inputs is None:
            return
        codes, sums = self._clean(step.source), self._clean(step.target)
        found = self.state.products(step).changed(codes, sums, inputs, cells)
        if len(found.touched):
            self.sums[step.target] = found

    def _to_codes(self, step: Threshold | LookupCodes) -> None:
        one = self.sums[step.source]
        changed = (one.fresh, one.touched, one.channels)
        places = (_flat(self._clean(step.target)), np.empty((one.fresh.size, 3), np.int64))
        if isinstance(step, Threshold):
            found = kernels.apply_thresholds(*changed, *_rules(step, one.channels), *places)
        else:
            found = kernels.apply_table(*changed, step.table, step.minimum, *places)
        self._note(step.target, places[1][:found])

    def _note(self, name: str, found: Int64Array) -> None:
        if len(found):
            columns = (np.ascontiguousarray(column) for column in found.T)
            self.codes[name] = CodeChanges(*columns)

    def _pool(self, step: Pool) -> None:
        one = self.codes[step.source]
        source, target = self._clean(step.source), self._clean(step.target)
        window = Window.of(step.geometry, source, target)
        room = np.empty((one.place.size * window.taps, 3), np.int64)
        seen = (*window.arrays, window.rows, window.columns)
        found = kernels.pool_again(
            one.place, one.channel, _flat(source), *seen, step.smallest, _flat(target), room
        )
        self._note(step.target, room[:found])

    def _join(self, step: Join) -> None:
        changes, first = [], 0
        for name in step.sources:
            one = self.codes.get(name)
            if one is not None:
                changes.append((one.place, one.channel + first, one.delta))
            first += self._clean(name).shape[-1]
        if not changes:
            return
        place, channel, delta = (np.concatenate(column) for column in zip(*changes, strict=True))
        order = np.lexsort((channel, place))
        codes = _flat(self._clean(step.target))
        codes[place, channel] += delta.astype(np.int16)
        self.codes[step.target] = CodeChanges(place[order], channel[order], delta[order])

    def _to_real(self, step: LookupReal | ScaleReal) -> None:
        one, sums = self.sums[step.source], self._clean(step.source)
        samples, images = _images(sums, one)
        if isinstance(step, LookupReal):
            values = step.table[np.arange(images.shape[-1]), images - step.minimum]
        elif step.negative is None:
            values = images.astype(np.float32) * step.scale
        else:
            plus, minus = (images[..., side::2].astype(np.float32) for side in (0, 1))
            values = plus * step.scale - minus * step.negative
        if isinstance(step, ScaleReal):  # -0 + 0 is 0, as in a whole run
            values = values + (np.float32(0) if step.offset is None else step.offset)
        self._differ(step.target, samples, _in_form(values, step.form))

    def _decode(self, step: Decode) -> None:
        one, codes = self.codes[step.source], self._clean(step.source)
        samples = np.unique(one.place // (codes.shape[1] * codes.shape[2]))
        code = self.state._codes[step.source]
        index = np.searchsorted(np.array(code.integers), codes[samples])
        values = np.array(code.values, np.float32)[index]
        self._differ(step.target, samples, _in_form(values, step.form))

    def _differ(self, name: str, samples: Int64Array, values: Array) -> None:
        """Keep the samples of a real value that are not what they were, bit for bit."""
        before = self._clean(name)[samples]
        same = (before == values) | ((before != before) & (values != values))
        changed = ~same.reshape(len(samples), -1).all(axis=1)
        if changed.any():
            self.reals[name] = Rows(samples[changed], values[changed])

    def _faulty_piece(self, number: int, step: RealCrossbar) -> Network:
        piece = self.state.piece(number, step)
        layer = self.state._layers[step.layer]
        trits = layer.trits.copy()
        for cell in self.changed[step.layer]:
            trits[cell.plane].reshape(-1)[cell.cell] = cell.read
        faulty = layer.with_trits(trits)
        layers = tuple(faulty if one.name == step.layer else one for one in piece.layers)
        return dataclasses.replace(piece, layers=layers)

    def _real(self, step: Step, piece: Network, *, every: bool = False) -> None:
        """Run a step between real values on the samples that may differ."""
        rows = [self.reals[name].samples for name in sources(step) if name in self.reals]
        if every or piece.batching == "whole":
            samples = np.arange(self.state.samples)
        else:
            samples = np.unique(np.concatenate(rows))
        outputs = piece.run({name: self._now(name, samples) for name in sources(step)})
        if isinstance(step, Encode):
            self._encoded(step, samples, outputs[piece.outputs[0].name])
            return
        for name in targets(step):
            if name in self.state._clean:
                self._differ(name, samples, outputs[name])

    def _now(self, name: str, samples: Int64Array) -> Array:
        """Samples of a real value as they are with the changes."""
        values = self._clean(name)[samples]
        one = self.reals.get(name)
        if one is not None:
            place = np.searchsorted(samples, one.samples)
            values[place] = one.values
        return values

    def _encoded(self, step: Encode, samples: Int64Array, decoded: Array) -> None:
        """Put codes in place that were encoded again."""
        fresh = np.moveaxis(decode_integers(decoded, step.codes), 1, -1)
        codes = self._clean(step.target)
        before = codes[samples]
        image, *inner = np.nonzero(fresh != before)
        if not len(image):
            return
        each = codes.shape[1] * codes.shape[2]
        place = samples[image] * each + inner[0] * codes.shape[2] + inner[1]
        delta = fresh[image, *inner].astype(np.int64) - before[image, *inner]
        codes[samples] = fresh
        self.codes[step.target] = CodeChanges(place, inner[2], delta)


def _rules(step: Threshold, channels: Int64Array) -> tuple[Array, Array, Array]:
    """Thresholds, first codes and steps of some channels, see `kernels.apply_thresholds`."""
    every = step.codes.integers
    rows = np.broadcast_to(
        step.thresholds, (max(len(step.thresholds), channels[-1] + 1), len(every) - 1)
    )
    turned = np.broadcast_to(step.decreasing, len(rows))[channels]
    first = np.where(turned, every[-1], every[0]).astype(np.int32)
    between = every[1] - every[0]
    sign = np.where(turned, -between, between).astype(np.int32)
    return np.ascontiguousarray(rows[channels].T), first, sign


def _flat(images: Array) -> Array:
    """[positions of all images, channels], the same memory."""
    return images.reshape(-1, images.shape[-1])


def _images(sums: Array, one: SumChanges) -> tuple[Int64Array, Array]:
    """The images with touched positions, with their fresh sums in place."""
    each = sums.shape[1] * sums.shape[2]
    samples = np.unique(one.touched // each)
    images = sums[samples]
    rows = np.searchsorted(samples, one.touched // each) * each + one.touched % each
    _flat(images)[rows[:, None], one.channels] = one.fresh
    return samples, images


def _in_form(values: Array, form: str) -> Array:
    """Channels-last images as real values in a form of `steps.LookupReal`."""
    if form == "NC":
        return values[:, 0, 0]
    if form == "NTC":
        return values[:, 0]
    image = np.moveaxis(values, -1, 1)
    return np.ascontiguousarray(image[:, :, 0] if form == "NCL" else image)
