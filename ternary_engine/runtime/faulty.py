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
from ternary_engine.runtime.layout import group_window
from ternary_engine.runtime.noise import Faults, Noise, take_faults
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weights import PackedPlane

Array = npt.NDArray[Any]


@dataclass(eq=False)
class FaultyPlanes:
    """A worker's copy of a layer's packed weights, with one draw of errors in it.

    Attributes:
        planes: copies of the packed planes.
        drawn: the errors that are in them.
        key: of which run, and the number of the draw.
    """

    planes: tuple[PackedPlane, ...]
    drawn: tuple[Faults, ...] = ()
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
        windows = self.operation.windows(chunk)
        layout = chunk.codes[self.operation.step.source].layout
        for image in images:
            number = noise.draw_number(errors.per, chunk.first + (image or 0))
            planes = self._planes(chunk, noise, errors, number, layout.channels)
            bases = self.operation.bases(layout, planes)
            self.operation.products(chunk, windows, planes, bases, target, image)

    def _planes(
        self, chunk: Chunk, noise: Noise, errors: LayerErrors, number: int, channels: int
    ) -> tuple[PackedPlane, ...]:
        """The worker's copy of the weights, brought to the draw of that number."""
        layer = self.operation.layer
        held = chunk.faulty.get(layer.name)
        if held is None:
            clean = self.operation.planes(channels)
            held = FaultyPlanes(tuple(plane.copy() for plane in clean))
            chunk.faulty[layer.name] = held
        key = (noise, number)
        if held.key != key:
            stored = layer.trits.reshape(layer.planes, -1)
            for plane, trits, old in zip(held.planes, stored, held.drawn, strict=False):
                self._write(plane, Faults(old.where, trits[old.where]), channels)
            held.drawn, held.key = take_faults(layer, errors, noise, number), key
            for plane, drawn in zip(held.planes, held.drawn, strict=True):
                self._write(plane, drawn, channels)
        return held.planes

    def _write(self, plane: PackedPlane, drawn: Faults, channels: int) -> None:
        layer, geometry = self.operation.layer, self.operation.step.geometry
        taps = geometry.kernel[0] * geometry.kernel[1]
        planes = 1 if self.operation.kernel == "plain" else 2
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
            planes,
            plane.panels,
            plane.nonzero,
            plane.negative,
        )

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
