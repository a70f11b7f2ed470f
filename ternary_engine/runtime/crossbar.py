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
from ternary_engine.runtime.depthwise import DepthwiseProduct
from ternary_engine.runtime.guards import check_channels
from ternary_engine.runtime.int8 import Int8Product
from ternary_engine.runtime.layout import (
    Border,
    ImageLayout,
    position_starts,
    valid_taps,
    window_counts,
)
from ternary_engine.runtime.nibbles import NibbleProduct
from ternary_engine.runtime.tiles import TileProduct
from ternary_engine.runtime.values import Chunk, CodeImages, SumImages, Target
from ternary_engine.runtime.weights import (
    PackedPlane,
    binary_base,
    bit_serial_base,
    pack_plane,
    plane_coefficients,
)
from ternary_engine.runtime.windows import Windows, find_windows
from ternary_engine.steps import Crossbar, Threshold

Array = npt.NDArray[Any]
Bases = tuple[tuple[Array, Array], ...]  # classes of positions and base, for each weight plane

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

    @property
    def arrays(self) -> tuple[Array, Array]:
        """Thresholds and flips, as the kernels take them."""
        return self.thresholds, self.flips

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

    Attributes:
        kernel: "gated", "masked" or "plain", see `kernels.product`.
        coefficients: what the popcount of each bit plane counts (masked kernel).
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
        self.finish = Finish(threshold, border)
        whole = layer.planes == 1 and step.geometry.groups == 1
        plain = codes.kind == "binary" and layer.binary and whole
        self.kernel = "gated" if codes.kind == "ternary" else "plain" if plain else "masked"
        self.coefficients = (
            np.array([-2], np.int64)
            if codes.kind == "binary"
            else plane_coefficients(codes.bits, codes.kind == "signed")
        )
        self.tiles = self.nibbles = self.depthwise = self.int8 = None
        if DepthwiseProduct.suits(step, layer, codes):
            self.depthwise = DepthwiseProduct(step, layer, codes, self.finish)
        elif TileProduct.suits(step, layer, codes):
            self.tiles = TileProduct(step, layer, codes, threshold)
        else:
            if Int8Product.suits(step, layer, codes):
                self.int8 = Int8Product(step, layer, codes, self.finish)
            if NibbleProduct.suits(step, layer, codes):
                self.nibbles = NibbleProduct(step, layer, codes, self.finish)
        self._planes: dict[tuple[int, bool], tuple[PackedPlane, ...]] = {}
        self._bases: dict[ImageLayout, Bases] = {}
        self._lock = threading.Lock()

    def planes(self, channels: int, *, gated: bool = False) -> tuple[PackedPlane, ...]:
        """The weights, spread out for this layer's kernel (or for the gated one) once."""
        check_channels(self.layer, self.step.geometry, channels)
        negative_only = self.kernel == "plain" and not gated
        with self._lock:
            if (channels, negative_only) not in self._planes:
                self._planes[channels, negative_only] = tuple(
                    pack_plane(
                        trits, self.layer, self.step.geometry, channels, negative_only=negative_only
                    )
                    for trits in self.layer.trits
                )
            return self._planes[channels, negative_only]

    def bases(self, layout: ImageLayout, planes: tuple[PackedPlane, ...]) -> Bases:
        """Classes of positions and their base sums, for every weight plane."""
        if self.kernel == "gated":
            return ()
        rows, columns = valid_taps(layout, self.step.geometry)
        if self.code.kind == "binary":
            return tuple(binary_base(plane, rows, columns) for plane in planes)
        everywhere = np.zeros(len(rows) * len(columns), np.int32)
        return tuple((everywhere, bit_serial_base(plane, self.coefficients)) for plane in planes)

    def windows(self, chunk: Chunk) -> Windows:
        """The windows of the source codes."""
        source = chunk.codes[self.step.source]
        outputs, name = self.layer.outputs, self.step.target
        return find_windows(chunk, source.layout, source.codes, self.step.geometry, outputs, name)

    def _product(self, layout: ImageLayout, images: int) -> Any:
        """The fastest product for images of that layout; None for popcounts."""
        if self.depthwise is not None:
            return self.depthwise
        if self.tiles is not None and self.tiles.pays(layout, images):
            return self.tiles
        if self.int8 is not None and self.int8.pays(layout, images, self.nibbles):
            return self.int8
        if self.nibbles is not None and self.nibbles.pays(layout, images):
            return self.nibbles
        return None

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        source = chunk.codes[self.step.source]
        check_channels(self.layer, self.step.geometry, source.layout.channels)
        product = self._product(source.layout, chunk.images)
        if product is not None:
            product(chunk, self.target(chunk))
            return
        planes = self.planes(source.layout.channels)
        if source.layout not in self._bases:
            self._bases[source.layout] = self.bases(source.layout, planes)
        bases, target = self._bases[source.layout], self.target(chunk)
        self.products(chunk, self.windows(chunk), planes, bases, target)

    def clean_sums(self, chunk: Chunk) -> SumImages:
        """Sums without errors, stored even where the layer takes a threshold in."""
        target, layout = self.sums_target(chunk), chunk.codes[self.step.source].layout
        check_channels(self.layer, self.step.geometry, layout.channels)
        product = self._product(layout, chunk.images)
        if product is not None and product is not self.tiles:
            product(chunk, target, stored=True)
        else:
            planes = self.planes(layout.channels)
            bases = self.bases(layout, planes)
            self.products(chunk, self.windows(chunk), planes, bases, target, stored=True)
        return chunk.sums[self.step.target]

    def finish_sums(self, chunk: Chunk) -> None:
        """Apply the threshold that the layer takes in, if any, to sums that were stored."""
        if self.finish.step is None:
            return
        sums, target = chunk.sums[self.step.target], self.target(chunk)
        last = (self.finish.mode, *self.finish.arrays, target.places, target.codes)
        chunk.call(epilogue.finish_sums, sums.sums, sums.pitch, *last)

    def products(
        self,
        chunk: Chunk,
        windows: Windows,
        planes: tuple[PackedPlane, ...],
        bases: Bases,
        target: Target,
        image: int | None = None,
        stored: bool = False,
    ) -> None:
        """Run the product kernel.

        Args:
            chunk: the chunk. windows: of its source codes.
            planes, bases: the weights as they are read.
            target: from `target`.
            image: the only image of the chunk to compute; None for all.
            stored: keep the sums, whatever step the layer takes in.
        """
        images, places = chunk.images, target.places
        if image is not None:
            windows = windows.of_image(image, images)
            each = windows.starts.size
            places, images = places[image * each : (image + 1) * each], 1
        for j, plane in enumerate(planes):
            first = epilogue.STORE if stored else self.finish.mode
            mode = first if j == 0 else epilogue.ADD
            common = (windows.codes, plane.panels, *windows.arrays)
            last = (mode, 3**j, *self.finish.arrays, places, target.codes, target.sums)
            if self.kernel == "gated":
                chunk.call(convolution.convolve_gated, *common, *last)
                continue
            classes, base = np.tile(bases[j][0], images), bases[j][1]
            if self.kernel == "plain":
                chunk.call(convolution.convolve_plain, *common, classes, base, *last)
            else:
                bits = (self.coefficients, classes, base)
                chunk.call(convolution.convolve_masked, *common, *bits, *last)

    def target(self, chunk: Chunk) -> Target:
        """Make room for the results, and enter them in the chunk."""
        source = chunk.codes[self.step.source]
        height, width = window_counts(source.layout, self.step.geometry)
        if self.finish.step is None:
            return self.sums_target(chunk)
        step = self.finish.step
        layout = ImageLayout(
            self.layer.outputs, height, width, step.codes.planes, self.finish.border
        )
        codes = chunk.code_buffer(step.target, layout)
        chunk.codes[step.target] = CodeImages(layout, codes)
        places = position_starts(layout, chunk.images) * 4
        return Target(places, codes.view(np.uint16), _NO_SUMS)

    def sums_target(self, chunk: Chunk) -> Target:
        """Make room for plain sums, and enter them in the chunk."""
        source = chunk.codes[self.step.source]
        height, width = window_counts(source.layout, self.step.geometry)
        pitch = panels_for(self.layer.outputs) * PANEL
        positions = chunk.images * height * width
        lasting = self.finish.step is None  # else all layers take turns in one buffer
        sums = chunk.sum_buffer(self.step.target if lasting else "sums", positions * pitch)
        chunk.sums[self.step.target] = SumImages(self.layer.outputs, height, width, pitch, sums)
        return Target(np.arange(positions, dtype=np.int64) * pitch, _NO_CODES, sums)
