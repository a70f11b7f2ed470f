"""Crossbar layers whose stored weights are read wrong for a while: per program, batch, sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import LayerErrors
from ternary_engine.kernels import faults
from ternary_engine.kernels.layout import PANEL, WORD_BITS
from ternary_engine.runtime.crossbar import CrossbarOperation
from ternary_engine.runtime.layout import ImageLayout, group_window
from ternary_engine.runtime.nibbles import NibbleProduct, PackedPasses
from ternary_engine.runtime.noise import Faults, Noise, take_faults
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weights import PackedPlane

Array = npt.NDArray[Any]


@dataclass(eq=False)
class FaultyPlanes:
    """A worker's copy of a layer's packed weights, with one draw of errors in it.

    Attributes:
        planes: copies of the packed planes.
        before: for each plane, what the errors overwrote; see `faults.write_trits`.
        key: of which run, and the number of the draw.
    """

    planes: tuple[PackedPlane, ...]
    before: tuple[npt.NDArray[np.uint64], ...] = ()
    key: tuple[object, ...] = ()


@dataclass(eq=False)
class FaultyNibbles:
    """The same of weights packed for look-ups.

    Attributes:
        packed: copies of the packed weights. layout: of the images they are packed for.
        before: for each trit plane, what the errors overwrote. key: as above.
    """

    packed: PackedPasses
    layout: ImageLayout
    before: tuple[tuple[Array, ...], ...] = ()
    key: tuple[object, ...] = ()


@dataclass(frozen=True, eq=False)
class HeldErrors:
    """Runs a crossbar layer with errors that last longer than a read."""

    operation: CrossbarOperation
    shifts: dict[int, npt.NDArray[np.int64]] = field(default_factory=dict)

    def __call__(self, chunk: Chunk, noise: Noise, errors: LayerErrors) -> None:
        """Run on one chunk, whose samples share a draw unless errors last for a sample."""
        target = self.operation.target(chunk)
        images: list[int | None] = [None]
        if errors.per == "sample":
            images = list(range(chunk.images))
        layout = chunk.codes[self.operation.step.source].layout
        nibbles = self.operation.nibbles
        if nibbles is not None and nibbles.pays(layout, 1 if images[0] == 0 else chunk.images):
            for image in images:
                number = noise.draw_number(errors.per, chunk.first + (image or 0))
                packed = self._nibbles(chunk, nibbles, noise, errors, number)
                nibbles(chunk, target, packed=packed, image=image)
            return
        windows = self.operation.windows(chunk)
        for image in images:
            number = noise.draw_number(errors.per, chunk.first + (image or 0))
            planes = self._planes(chunk, noise, errors, number, layout.channels)
            bases = self.operation.bases(layout, planes)
            self.operation.products(chunk, windows, planes, bases, target, image)

    def _nibbles(
        self,
        chunk: Chunk,
        nibbles: NibbleProduct,
        noise: Noise,
        errors: LayerErrors,
        number: int,
    ) -> PackedPasses:
        """The worker's copy of the weights for look-ups, brought to the draw of that number."""
        layer, layout = self.operation.layer, chunk.codes[self.operation.step.source].layout
        name, key = f"{layer.name}/nibbles", (noise, number)
        held = chunk.faulty.get(name)
        if held is None or held.layout != layout:
            clean = nibbles.packed(layout)
            held = FaultyNibbles({one: each.copy() for one, each in clean.items()}, layout)
            chunk.faulty[name] = held
        if held.key != key:
            for plane, before in enumerate(held.before):
                nibbles.restore(held.packed, plane, before)
            held.before = tuple(
                nibbles.write(held.packed, plane, faulty.where, faulty.read)
                for plane, faulty in enumerate(take_faults(layer, errors, noise, number))
            )
            held.key = key
        return held.packed

    def _planes(
        self, chunk: Chunk, noise: Noise, errors: LayerErrors, number: int, channels: int
    ) -> tuple[PackedPlane, ...]:
        """The worker's copy of the weights, brought to the draw of that number."""
        layer = self.operation.layer
        clean = self.operation.planes(channels)
        held = chunk.faulty.get(layer.name)
        if held is None:
            held = FaultyPlanes(tuple(plane.copy() for plane in clean))
            chunk.faulty[layer.name] = held
        key = (noise, number)
        if held.key != key:
            for plane, source, before in zip(held.planes, clean, held.before, strict=False):
                faults.restore(before, self._stored_planes, plane.panels)
                plane.nonzero[...], plane.negative[...] = source.nonzero, source.negative
            drawn = take_faults(layer, errors, noise, number)
            held.before = tuple(
                self._write(plane, faulty, channels)
                for plane, faulty in zip(held.planes, drawn, strict=True)
            )
            held.key = key
        return held.planes

    @property
    def _stored_planes(self) -> int:
        return 1 if self.operation.kernel == "plain" else 2

    def _write(self, plane: PackedPlane, drawn: Faults, channels: int) -> npt.NDArray[np.uint64]:
        layer, kernel = self.operation.layer, self.operation.step.geometry.kernel
        taps = kernel[0] * kernel[1]
        before = np.empty((len(drawn.where), 3), np.uint64)
        faults.write_trits(
            drawn.where,
            drawn.read,
            layer.outputs,
            layer.output_axis == 0,
            taps,
            plane.inputs // taps,
            self._shifts(channels),
            plane.span,
            plane.tap_bits,
            self._stored_planes,
            plane.panels,
            self.operation.kernel != "gated",  # gated products need no counts
            plane.nonzero,
            plane.negative,
            before,
        )
        return before

    def _shifts(self, channels: int) -> npt.NDArray[np.int64]:
        """Where each output's first channel lies in the words its panel reads."""
        if channels not in self.shifts:
            layer, groups = self.operation.layer, self.operation.step.geometry.groups
            if groups == 1:
                return np.zeros(layer.outputs, np.int64)
            window = group_window(channels, layer.outputs, groups)
            output = np.arange(layer.outputs)
            first = np.array(window.first, np.int64)[output // PANEL] * WORD_BITS
            channel = output // (layer.outputs // groups) * (channels // groups)
            self.shifts[channels] = channel - first
        return self.shifts[channels]
