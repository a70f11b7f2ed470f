"""Crossbar layers with real inputs: float sums of the sensed weights, with or without errors."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import LayerErrors
from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.layer import Layer
from ternary_engine.runtime.cell_reads import Reads
from ternary_engine.runtime.guards import check_channels, check_form
from ternary_engine.runtime.layout import ImageLayout, window_counts
from ternary_engine.runtime.noise import Noise, take_faults, with_faults
from ternary_engine.runtime.periphery import Piece
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weak_tables import TablesOfPlanes
from ternary_engine.runtime.weights import as_windows
from ternary_engine.steps import RealCrossbar

Array = npt.NDArray[Any]


class RealCrossbarOperation:
    """real -> real: the stored weights, as they are read, with a real input."""

    def __init__(self, step: RealCrossbar, layer: Layer) -> None:
        self.step = step
        self.layer = layer
        self.piece = Piece(step.model)
        self.tables = TablesOfPlanes()

    @functools.cached_property
    def weights(self) -> npt.NDArray[np.float32]:
        """Real weights in ONNX shape."""
        return self.layer.real_weights()

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        x = chunk.real[self.step.source]
        noise = chunk.noise
        errors = noise.layers.get(self.layer.name) if noise else None
        if noise is None or errors is None:
            result = self._products(chunk, x, self.weights)
        elif errors.per == "read":
            result = self._products(chunk, x, self.weights)
            if result.dtype != np.float32 or not result.flags.c_contiguous:
                result = np.array(result, np.float32, order="C")
            self._add_read_errors(x, result, chunk.first, noise, errors)
        elif errors.per == "sample":
            result = self._per_sample(chunk, x, noise, errors)
        else:
            result = self._held(chunk, x, chunk.first, noise, errors)
        chunk.real[self.step.target] = result

    def _products(self, chunk: Chunk, x: Array, weights: npt.NDArray[np.float32]) -> Array:
        feeds = {self.step.source: x, "weights": weights}
        return self.piece.run(chunk, feeds, (self.step.target,), fixed=("weights",))[0]

    def _per_sample(self, chunk: Chunk, x: Array, noise: Noise, errors: LayerErrors) -> Array:
        one = Chunk(images=1, single=chunk.single)
        alone = chunk.faulty.setdefault(f"{self.step.target}/alone", one)
        name = f"{self.step.target}/samples"
        for i in range(len(x)):
            part = self._held(alone, x[i : i + 1], chunk.first + i, noise, errors)
            result = chunk.real_buffer(name, (len(x), *part.shape[1:]), part.dtype)
            result[i] = part[0]
        return result

    def _held(
        self, chunk: Chunk, x: Array, sample: int, noise: Noise, errors: LayerErrors
    ) -> Array:
        number = noise.draw_number(errors.per, sample)
        drawn = take_faults(self.layer, errors, noise, number)
        return self._products(chunk, x, self.layer.real_weights(with_faults(self.layer, drawn)))

    @functools.cached_property
    def _cell_values(self) -> npt.NDArray[np.float32]:
        """Real weight of a cell of the first trit plane read as -1, 0, +1; [outputs, 3]."""
        scales = self.layer.scales * np.float32(self.step.factor)
        if scales.ndim == 1:
            scales = np.stack([scales, scales], axis=1)
        scales = np.broadcast_to(scales, (self.layer.outputs, 2))
        return np.stack([-scales[:, 1], np.zeros(len(scales)), scales[:, 0]], axis=1).astype("f4")

    @functools.cached_property
    def _windows(self) -> tuple[npt.NDArray[np.int8], ...]:
        planes = self.layer.trits
        return tuple(as_windows(plane, self.layer, self.step.geometry) for plane in planes)

    def _add_read_errors(
        self, x: Array, result: Array, first: int, noise: Noise, errors: LayerErrors
    ) -> None:
        x = np.ascontiguousarray(x, np.float32)
        self._check_sizes(x, result)
        # One sample at a time: at high rates its events take more room than the chunk. The weak
        # cells of a chip are few.
        step = 1 if errors.cells is None else max(len(x), 1)
        for sample in range(0, len(x), step):
            image, out = x[sample : sample + step], result[sample : sample + step]
            for plane, trits in enumerate(self._windows):
                reads = Reads(
                    layer=self.layer,
                    plane=plane,
                    trits=trits,
                    geometry=self.step.geometry,
                    x=image.reshape(-1),
                    x_pitches=self._pitches(image),
                    size=self._size(image),
                    out_size=self._size(out),
                    first=first + sample,
                    images=len(image),
                    presentation=0,
                    purpose=f"{self.layer.name}/read/{plane}",
                    tables=self.tables,
                )
                values = self._cell_values * np.float32(3**plane)
                wrong = reads.wrong(noise, errors)
                reads.apply(wrong, values, out.reshape(-1), self._pitches(out))

    def _check_sizes(self, x: Array, result: Array) -> None:
        """Refuse results of the piece that are not those of the layer."""
        step = self.step
        axis = -1 if step.form == "NTC" else 1
        ranks = {"NCHW": 4, "NCL": 3, "NC": 2}
        check_channels(self.layer, step.geometry, x.shape[axis])
        check_form(step.form, *self._size(result), step.target)
        rank = ranks.get(step.form, x.ndim)
        counts = window_counts(ImageLayout(1, *self._size(x), 1, (0, 0, 0, 0)), step.geometry)
        fits = x.ndim == result.ndim == rank and len(x) == len(result)
        if not fits or result.shape[axis] != self.layer.outputs or counts != self._size(result):
            raise TernaryEngineError(
                f"layer {self.layer.name!r}: results of shape {result.shape} from inputs of shape "
                f"{x.shape} are not those of its weights: the file was changed"
            )

    def _size(self, values: Array) -> tuple[int, int]:
        """Rows and columns of the image a value holds."""
        if self.step.form == "NTC":
            return 1, int(np.prod(values.shape[1:-1], dtype=np.int64))
        return (1, 1, *values.shape[2:])[-2:]

    def _pitches(self, values: Array) -> tuple[int, int, int]:
        """From one image, channel, position to the next."""
        size = int(np.prod(values.shape[1:]))
        if self.step.form == "NTC":
            return size, 1, values.shape[-1]
        return size, int(np.prod(values.shape[2:], dtype=np.int64)), 1
