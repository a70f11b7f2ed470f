"""Crossbar layers whose +1 and -1 have scales of their own: two integer sums for each output.

One device pair, one read: what a cell is read as decides which of the two sums its input joins.
"""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.errors import LayerErrors
from ternary_engine.kernels import pack
from ternary_engine.layer import Layer
from ternary_engine.runtime.cell_reads import Reads
from ternary_engine.runtime.crossbar import CrossbarOperation
from ternary_engine.runtime.guards import check_form
from ternary_engine.runtime.layout import position_starts
from ternary_engine.runtime.noise import Noise, take_faults, with_faults
from ternary_engine.runtime.operations import plane_meaning
from ternary_engine.runtime.sensed import SensedCrossbar
from ternary_engine.runtime.values import Chunk, Target
from ternary_engine.runtime.weights import as_windows, plane_coefficients
from ternary_engine.steps import Crossbar, ScaleReal

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]

_NO_BORDER = (0, 0, 0, 0)
_COUNTED = (  # what a cell read as -1, 0, +1 adds to the sum of +1 and to that of -1
    np.array([0, 0, 1], np.int32),
    np.array([1, 0, 0], np.int32),
)


class ApartCrossbar(SensedCrossbar):
    """codes -> sums with two channels per output: of cells read +1, then of cells read -1."""

    def __init__(self, step: Crossbar, layer: Layer, codes: Codes) -> None:
        super().__init__(CrossbarOperation(step, layer, codes, None, _NO_BORDER))
        self.step = step
        self.layer = layer
        self.code = codes
        self.pair = self._operation(layer.trits[0])

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        noise = chunk.noise
        errors = noise.layers.get(self.layer.name) if noise else None
        if noise is None or errors is None:
            self.pair(chunk)
        elif errors.per == "read":
            self._read(chunk, noise, errors)
        else:
            self._held(chunk, noise, errors)

    def _operation(self, trits: Int8Array) -> CrossbarOperation:
        """A layer of twice the outputs: 1 where a cell is +1, then 1 where it is -1."""
        axis = self.layer.output_axis
        both = np.stack([trits > 0, trits < 0], axis=axis + 1).astype(np.int8)
        shape = list(self.layer.shape)
        shape[axis] *= 2
        codes = both.reshape(shape)
        layer = replace(self.layer, shape=tuple(shape), pairs=Layer.pack(codes), binary=False)
        return CrossbarOperation(self.step, layer, self.code, None, _NO_BORDER)

    def _products(
        self, chunk: Chunk, operation: CrossbarOperation, target: Target, image: int | None
    ) -> None:
        layout = chunk.codes[self.step.source].layout
        planes = operation.planes(layout.channels)
        bases = operation.bases(layout, planes)
        windows = self.pair.windows(chunk)
        self.pair.products(chunk, windows, planes, bases, target, image)

    def _held(self, chunk: Chunk, noise: Noise, errors: LayerErrors) -> None:
        target = self.pair.sums_target(chunk)
        images: list[int | None] = [None]
        if errors.per == "sample":
            images = list(range(chunk.images))
        for image in images:
            number = noise.draw_number(errors.per, chunk.first + (image or 0))
            drawn = take_faults(self.layer, errors, noise, number)
            trits = with_faults(self.layer, drawn)[0]
            self._products(chunk, self._operation(trits), target, image)

    def _read(self, chunk: Chunk, noise: Noise, errors: LayerErrors) -> None:
        """Sums without errors, and what every single wrong read moves."""
        target = self.pair.sums_target(chunk)
        self._products(chunk, self.pair, target, None)
        sums = chunk.sums[self.step.target]
        layout = chunk.codes[self.step.source].layout
        codes = self._decoded(chunk)
        pitches = (sums.positions * sums.pitch, 2, sums.pitch)
        for number, (coefficient, x) in enumerate(self._presentations(codes)):
            reads = Reads(
                layer=self.layer,
                plane=0,
                trits=self._windows,
                geometry=self.step.geometry,
                x=x,
                x_pitches=(layout.channels * layout.positions, layout.positions, 1),
                size=(layout.height, layout.width),
                out_size=(sums.height, sums.width),
                first=chunk.first,
                images=chunk.images,
                presentation=number,
                purpose=f"{self.layer.name}/cells/{number}/0",
                tables=self.reads.tables,
            )
            wrong = reads.wrong(noise, errors)
            for side, counted in enumerate(_COUNTED):
                values = np.tile(counted * np.int32(coefficient), (self.layer.outputs, 1))
                reads.apply(wrong, values, target.sums[side:], pitches)

    @functools.cached_property
    def _windows(self) -> Int8Array:
        return as_windows(self.layer.trits[0], self.layer, self.step.geometry)

    def _presentations(self, codes: Int32Array) -> list[tuple[int, Int32Array]]:
        """What each read counts, and the inputs it is shown."""
        if self.code.kind in ("binary", "ternary"):
            return [(1, codes)]
        signed = self.code.kind == "signed"
        coefficients = plane_coefficients(self.code.bits, signed).tolist()
        return [(c, codes >> bit & 1) for bit, c in enumerate(coefficients)]

    def _decoded(self, chunk: Chunk) -> Int32Array:
        """Input codes as numbers, flat [image][channel][position]."""
        source = chunk.codes[self.step.source]
        layout, code = source.layout, self.code
        simple = code.kind in ("binary", "ternary")
        last = 2 if simple else code.minimum + (1 << code.bits)
        size = layout.channels * layout.positions
        x = np.empty(chunk.images * size, np.int32)
        pack.decode(
            source.codes,
            layout.channels,
            plane_meaning(code),
            layout.planes,
            code.kind == "signed",
            code.minimum,
            np.arange(code.minimum, last, dtype=np.int32),
            position_starts(layout, chunk.images),
            layout.positions,
            size,
            layout.positions,
            1,
            x,
        )
        return x


class ApartToReal:
    """sums -> real, for sums that are apart."""

    def __init__(self, step: ScaleReal) -> None:
        assert step.negative is not None
        self.step = step
        self.scales = step.scale, step.negative
        self.offset = np.zeros_like(step.scale) if step.offset is None else step.offset

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.sums[self.step.source]
        channels, height, width = source.channels // 2, source.height, source.width
        check_form(self.step.form, height, width, self.step.target)
        forms = {
            "NTC": (width, channels),
            "NCHW": (channels, height, width),
            "NCL": (channels, width),
            "NC": (channels,),
        }
        shape = (chunk.images, *forms[self.step.form])
        values = chunk.real_buffer(self.step.target, shape)
        chunk.real[self.step.target] = values
        last = self.step.form == "NTC"
        used = source.sums[: chunk.images * source.positions * source.pitch]
        chunk.call(_scale, used, source.pitch, self.scales, self.offset, last, values)


def _scale(
    sums: Int32Array,
    pitch: int,
    scales: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]],
    offset: npt.NDArray[np.float32],
    channels_last: bool,
    values: npt.NDArray[np.float32],
) -> None:
    """Sums of +1 and of -1, two channels per output, to real values.

    Args:
        sums: flat [image][position][pitch]. scales: of +1 and of -1. offset: added.
        channels_last: the layout of the values.
        values: [images, ...], overwritten.
    """
    outputs = len(scales[0])
    rows = sums.reshape(-1, pitch)[:, : 2 * outputs].astype(np.float32)
    real = rows[:, 0::2] * scales[0] - rows[:, 1::2] * scales[1] + offset
    by_position = real.reshape(len(values), -1, outputs)
    ordered = by_position if channels_last else by_position.transpose(0, 2, 1)
    values[...] = ordered.reshape(values.shape)
