"""What if these few cells were read wrong? Exact answers in milliseconds."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine import accuracy
from ternary_engine.layer import Layer
from ternary_engine.network import Network
from ternary_engine.runtime.incremental import CellChange, Incremental, Rows
from ternary_engine.studies.parts import crossbar
from ternary_engine.sweeps.work import share_correct

__all__ = ["Answer", "CellEffect", "Fault", "WhatIf", "single_faults"]

Array = npt.NDArray[Any]
Faults = Iterable["Fault | tuple[Any, ...]"]


@dataclass(frozen=True)
class Fault:
    """A cell that is read as another value than it stores, for good.

    Attributes:
        layer: name of a crossbar layer.
        cell: index of the weight in the flattened array `Layer.weights`.
        read: -1, 0 or +1, what the device pair is read as.
        plane: trit plane of the weight; defaults to 0, the only one of a ternary or binary weight.
    """

    layer: str
    cell: int
    read: int
    plane: int = 0


@dataclass(frozen=True, eq=False)
class Answer:
    """The network with some faults.

    Attributes:
        outputs: as `Network.run` gives them.
        samples: int64, those of which any output differs from the run without faults.
        changed: how many of them get another class; None where the outputs are no classes.
        accuracy: share of samples classified correctly; None without labels.
        drop: of the accuracy, against no faults; None without labels.
    """

    outputs: Any
    samples: npt.NDArray[np.int64]
    changed: int | None
    accuracy: float | None
    drop: float | None


@dataclass(frozen=True)
class CellEffect:
    """What a single fault does.

    Attributes:
        fault: the fault. stored: what the cell stores.
        drop: loss of accuracy; None without labels.
        changed: samples that get another class; None where the outputs are no classes.
        shift: mean over samples and outputs of how far the output moves.
    """

    fault: Fault
    stored: int
    drop: float | None
    changed: int | None
    shift: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a table."""
        return {
            **dataclasses.asdict(self.fault),
            "stored": self.stored,
            "accuracy_drop": self.drop,
            "classes_changed": self.changed,
            "shift": self.shift,
        }

    @property
    def _weight(self) -> tuple[float, int, float]:
        return self.drop or 0.0, self.changed or 0, self.shift


class WhatIf:
    """A network and some samples, ready to be asked about faulty cells.

    Codes and sums of a run without faults are kept (about six bytes for each activation of each
    sample, see ``nbytes``); a question carries only what changes through the layers. The answers
    are those of the network with the faults programmed in, bit for bit.

    Args:
        net: a converted network.
        x: inputs, as `Network.run` takes them.
        labels: right class of each sample; None where no accuracy is asked for.

    Raises:
        ValueError, TypeError: bad inputs or labels.

    Examples:
        >>> import ternary_engine as te
        >>> net, (x, labels) = te.zoo.load("mlp_ternary"), te.zoo.data("mlp_ternary")
        >>> ready = te.WhatIf(net, x, labels)
        >>> ready.ask([te.Fault("linear1", cell=17, read=0)]).changed
        0
    """

    def __init__(
        self, net: Network, x: Array | Mapping[str, Array], labels: Array | None = None
    ) -> None:
        if net.read_errors:
            raise ValueError(
                "net: reads of this chip err at random; ask about the network it stores "
                "(chip.stored), with the chip's weak cells as faults"
            )
        self.network = net
        self._layers = crossbar(net)
        self._bare = len(net.inputs) == len(net.outputs) == 1 and not isinstance(x, Mapping)
        self._state = Incremental(net, x)
        self._labels = None if labels is None else np.asarray(labels)
        self._clean = self._state.clean()
        self._classes = _classes_or_none(self._first(self._clean))
        self.accuracy: float | None = None
        if self._labels is not None:
            self.accuracy = share_correct(self._first(self._clean), self._labels)

    @property
    def samples(self) -> int:
        """How many samples."""
        return self._state.samples

    @property
    def nbytes(self) -> int:
        """Memory of the values that are kept."""
        return self._state.nbytes

    def ask(self, faults: Faults) -> Answer:
        """Run the samples with some faults.

        Args:
            faults: `Fault`, or tuples of its attributes; a cell at most once.

        Raises:
            ValueError: no such cell, one that is there twice, or a value it cannot be read as.
        """
        rows = self._state.run(self._changes(faults))
        outputs = {name: array.copy() for name, array in self._clean.items()}
        for name, one in rows.items():
            outputs[name][one.samples] = one.values
        samples = [one.samples for one in rows.values()]
        differing = np.unique(np.concatenate([np.zeros(0, np.int64), *samples]))
        changed, drop = self._judged(rows)
        right = None if drop is None or self.accuracy is None else self.accuracy - drop
        shown = self._first(outputs) if self._bare else outputs
        return Answer(shown, differing, changed, right, drop)

    def programmed(self, faults: Faults) -> Network:
        """The network with the faults in its stored weights."""
        changes = self._changes(faults)
        layers = []
        for layer in self.network.layers:
            trits = layer.trits.copy() if layer.name in changes else None
            for cell in changes.get(layer.name, ()):
                assert trits is not None
                trits[cell.plane].reshape(-1)[cell.cell] = cell.read
            layers.append(layer if trits is None else layer.with_trits(trits))
        return dataclasses.replace(self.network, layers=tuple(layers))

    def rank(
        self,
        faults: Faults | None = None,
        *,
        progress: Callable[[int], None] | None = None,
    ) -> list[CellEffect]:
        """Ask about single faults one by one, the most harmful first.

        Args:
            faults: each on its own; default to `single_faults` of the network, two for each
                ternary cell.
            progress: called with the number of faults done.
        """
        effects = []
        for fault in single_faults(self.network) if faults is None else faults:
            effects.append(self._effect(fault if isinstance(fault, Fault) else Fault(*fault)))
            if progress is not None:
                progress(len(effects))
        return sorted(effects, key=lambda one: one._weight, reverse=True)

    def _effect(self, fault: Fault) -> CellEffect:
        rows = self._state.run(self._changes([fault]))
        changed, drop = self._judged(rows)
        layer = self._layers[fault.layer]
        stored = int(layer.trits[fault.plane].reshape(-1)[fault.cell])
        shift = sum(
            float(np.abs(one.values.astype(np.float64) - self._clean[name][one.samples]).sum())
            for name, one in rows.items()
        )
        size = sum(array.size for array in self._clean.values())
        return CellEffect(fault, stored, drop, changed, shift / max(size, 1))

    def _judged(self, rows: Mapping[str, Rows]) -> tuple[int | None, float | None]:
        """How many samples get another class, and what that costs in accuracy."""
        one = rows.get(self.network.outputs[0].name)
        if self._classes is None:
            return None, None
        if one is None:
            return 0, None if self._labels is None else 0.0
        before, after = self._classes[one.samples], accuracy.classes(one.values)
        changed = (before != after).reshape(len(after), -1).any(axis=1)
        if self._labels is None:
            return int(changed.sum()), None
        wanted = self._labels.reshape(self._classes.shape)[one.samples]
        lost = int((before == wanted).sum()) - int((after == wanted).sum())
        return int(changed.sum()), lost / self._labels.size

    def _first(self, outputs: Mapping[str, Array]) -> Array:
        return outputs[self.network.outputs[0].name]

    def _changes(self, faults: Faults) -> dict[str, list[CellChange]]:
        """Cells that change, by layer."""
        changes: dict[str, list[CellChange]] = {}
        seen = set()
        for one in faults:
            fault = one if isinstance(one, Fault) else Fault(*one)
            stored = _stored(fault, self._layers)
            place = (fault.layer, fault.plane, fault.cell)
            if place in seen:
                raise ValueError(f"faults: {fault!r}: this cell is there twice")
            seen.add(place)
            if fault.read != stored:
                cell = CellChange(int(fault.cell), int(fault.plane), int(fault.read))
                changes.setdefault(fault.layer, []).append(cell)
        return changes


def single_faults(
    net: Network, layers: Sequence[str] | None = None, *, most: int | None = None, seed: int = 0
) -> Iterator[Fault]:
    """Every cell read as every other value it can be read as.

    Args:
        net: a converted network.
        layers: names of crossbar layers; default to all.
        most: of the cells of each layer, drawn at random; defaults to all.
        seed: names the draw; defaults to 0.

    Raises:
        ValueError: no such layer.
    """
    known = crossbar(net)
    for name in known if layers is None else layers:
        if name not in known:
            raise ValueError(
                f"layers: no crossbar layer {name!r}; the crossbar layers are {', '.join(known)}"
            )
    chosen = [known[name] for name in (known if layers is None else layers)]
    return _single_faults(chosen, most, seed)


def _single_faults(layers: Sequence[Layer], most: int | None, seed: int) -> Iterator[Fault]:
    draw = np.random.default_rng(seed)
    for layer in layers:
        picked = np.arange(layer.cells)
        if most is not None and most < layer.cells:
            picked = np.sort(draw.choice(layer.cells, most, replace=False))
        size = layer.cells // layer.planes
        flat = layer.trits.reshape(-1)
        for index in picked.tolist():
            for read in (-1, 1) if layer.binary else (-1, 0, 1):
                if read != flat[index]:
                    yield Fault(layer.name, index % size, read, index // size)


def _stored(fault: Fault, layers: Mapping[str, Layer]) -> int:
    """What a faulty cell stores.

    Raises:
        ValueError: no such cell, or a value that it cannot be read as.
    """
    layer = layers.get(fault.layer)
    if layer is None:
        known = ", ".join(layers)
        raise ValueError(f"faults: {fault!r}: the crossbar layers are {known}")
    size = layer.cells // layer.planes
    if not 0 <= fault.cell < size:
        raise ValueError(f"faults: {fault!r}: cells of the layer run from 0 to {size - 1}")
    if not 0 <= fault.plane < layer.planes:
        raise ValueError(f"faults: {fault!r}: planes of the layer run from 0 to {layer.planes - 1}")
    takes = (-1, 1) if layer.binary else (-1, 0, 1)
    if fault.read not in takes:
        raise ValueError(f"faults: {fault!r}: the cell can be read as {takes}")
    return int(layer.trits[fault.plane].reshape(-1)[fault.cell])


def _classes_or_none(outputs: Array) -> Array | None:
    try:
        return accuracy.classes(outputs)
    except ValueError:
        return None
