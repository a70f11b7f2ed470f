"""Crossbar layers: which product kernel runs, with which tables, and how its sums are finished."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.kernels import convolution, epilogue
from ternary_engine.kernels.layout import PANEL, panels_for, per_output
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import (
    Border,
    ImageLayout,
    group_window,
    merge_runs,
    position_starts,
    tap_offsets,
    valid_taps,
    window_counts,
    window_starts,
)
from ternary_engine.runtime.values import Chunk, CodeImages, SumImages
from ternary_engine.runtime.weights import (
    PackedPlane,
    binary_base,
    bit_serial_base,
    pack_plane,
    plane_coefficients,
)
from ternary_engine.steps import Crossbar, Threshold

Array = npt.NDArray[Any]
# Offsets of the runs, words of a run, starts of the panels, (classes, base) of each weight plane.
WindowTable = tuple[Array, int, Array, tuple[tuple[Array, Array], ...]]

_NO_CODES = np.zeros(0, np.uint16)
_NO_SUMS = np.zeros(0, np.int32)
_NO_THRESHOLDS = np.zeros(0, np.uint64)
_NO_FLIPS = np.zeros(0, np.uint16)


class Finish:
    """The epilogue of a layer: int32 sums, or codes by threshold."""

    def __init__(self, step: Threshold | None, border: Border) -> None:
        self.step = step
        self.border = border
        self.mode = epilogue.STORE
        self.thresholds, self.flips = _NO_THRESHOLDS, _NO_FLIPS
        if step is not None:
            ternary = step.codes.kind == "ternary"
            self.mode = epilogue.TERNARY if ternary else epilogue.BINARY
            self.thresholds = self._panels(step)
            flips = np.zeros(panels_for(len(step.thresholds)) * PANEL, np.bool_)
            flips[: len(step.thresholds)] = step.decreasing
            self.flips = np.packbits(flips, bitorder="little").view("<u2").astype(np.uint16)

    @staticmethod
    def _panels(step: Threshold) -> npt.NDArray[np.uint64]:
        """Thresholds by panel; spare outputs are always between theirs, so their bits stay 0."""
        spread = per_output(step.thresholds.astype(np.int64), 0)
        spare = np.arange(spread.shape[0] * PANEL).reshape(-1, 1, PANEL) >= len(step.thresholds)
        never = np.iinfo(np.int64).max
        outside = np.array([-never, never])[: spread.shape[1]].reshape(1, -1, 1)
        return np.where(spare, outside, spread).reshape(-1).view(np.uint64)

    @staticmethod
    def suits(step: Threshold) -> bool:
        """Whether a threshold step can be finished inside the product kernel."""
        return step.codes.kind in ("binary", "ternary")


class CrossbarOperation:
    """codes -> sums, or codes -> codes with a threshold step taken in.

    Weights are packed on first use, when the number of channels of the source is known.
    """

    def __init__(
        self,
        step: Crossbar,
        layer: Layer,
        codes: Codes,
        threshold: Threshold | None,
        border: Border,
    ) -> None:
        self.step = step
        self.layer = layer
        self.code = codes
        # Sums of several weight planes are added up before they meet a threshold.
        self.finish = Finish(threshold, border)
        plain = codes.kind == "binary" and layer.binary and step.geometry.groups == 1
        self.kernel = "gated" if codes.kind == "ternary" else "plain" if plain else "masked"
        self.planes: tuple[PackedPlane, ...] = ()
        self.coefficients = self._coefficients()
        self._tables: dict[ImageLayout, WindowTable] = {}
        self._lock = threading.Lock()

    def _coefficients(self) -> npt.NDArray[np.int64]:
        if self.code.kind == "binary":
            return np.array([-2], np.int64)
        return plane_coefficients(self.code.bits, self.code.kind == "signed")

    def pack(self, channels: int) -> None:
        """Spread the weights out for the kernels; done once."""
        with self._lock:
            if not self.planes:
                self.planes = tuple(
                    pack_plane(
                        plane,
                        self.layer,
                        self.step.geometry,
                        channels,
                        negative_only=self.kernel == "plain",
                    )
                    for plane in self.layer.trits
                )

    def _bases(self, layout: ImageLayout) -> tuple[tuple[Array, Array], ...]:
        """Classes of positions and their base sums, for every weight plane."""
        rows, columns = valid_taps(layout, self.step.geometry)
        if self.code.kind == "binary":
            return tuple(binary_base(plane, rows, columns) for plane in self.planes)
        everywhere = np.zeros(len(rows) * len(columns), np.int32)
        return tuple(
            (everywhere, bit_serial_base(plane, self.coefficients)) for plane in self.planes
        )

    def _table(self, layout: ImageLayout) -> WindowTable:
        if layout not in self._tables:
            geometry = self.step.geometry
            window = group_window(layout.channels, self.layer.outputs, geometry.groups)
            offsets, words = tap_offsets(layout, geometry), window.words
            if words == layout.words:
                offsets, words = merge_runs(offsets, words, layout.planes)
            panel_starts = np.array(window.first, np.int64) * layout.planes
            self._tables[layout] = offsets, words, panel_starts, self._bases(layout)
        return self._tables[layout]

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.codes[self.step.source]
        if not self.planes:
            self.pack(source.layout.channels)
        height, width = window_counts(source.layout, self.step.geometry)
        starts = window_starts(source.layout, self.step.geometry, chunk.images)
        targets, codes, sums = self._target(chunk, height, width)
        offsets, words, panel_starts, bases = self._table(source.layout)
        for j, plane in enumerate(self.planes):
            mode = self.finish.mode if j == 0 else epilogue.ADD
            last = (
                mode, 3**j, self.finish.thresholds, self.finish.flips, targets, codes, sums,
            )  # fmt: skip
            window = (source.codes, plane.panels, starts, offsets, words, panel_starts)
            if self.kernel == "gated":
                convolution.convolve_gated(*window, *last)
                continue
            classes, base = bases[j]
            classes = np.tile(classes, chunk.images)
            if self.kernel == "plain":
                convolution.convolve_plain(*window, classes, base, *last)
            else:
                convolution.convolve_masked(*window, self.coefficients, classes, base, *last)

    def _target(self, chunk: Chunk, height: int, width: int) -> tuple[Array, Array, Array]:
        """Where the results go: start of every position, codes as uint16, sums."""
        outputs = self.layer.outputs
        if self.finish.step is not None:
            step = self.finish.step
            layout = ImageLayout(outputs, height, width, step.codes.planes, self.finish.border)
            codes = chunk.code_buffer(step.target, layout)
            chunk.codes[step.target] = CodeImages(layout, codes)
            return position_starts(layout, chunk.images) * 4, codes.view(np.uint16), _NO_SUMS
        pitch = panels_for(outputs) * PANEL
        positions = chunk.images * height * width
        sums = chunk.sum_buffer(self.step.target, positions * pitch)
        chunk.sums[self.step.target] = SumImages(outputs, height, width, pitch, sums)
        return np.arange(positions, dtype=np.int64) * pitch, _NO_CODES, sums
