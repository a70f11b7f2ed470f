"""Error-free crossbar layers by look-up of nibbles, on processors with AVX2 but no vector popcount.

Sums are the same integers that popcounts give, so results are equal bit for bit.

``TERNARY_ENGINE_NIBBLES=0`` in the environment keeps everything on popcounts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.kernels import epilogue, nibble_layout, nibble_product
from ternary_engine.kernels.layout import PANEL, WORD_BITS, panels_for, words_for
from ternary_engine.kernels.nibble_layout import Digit
from ternary_engine.kernels.nibbles import pay_here
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import (
    ImageLayout,
    merge_runs,
    position_starts,
    tap_offsets,
    window_counts,
    window_starts,
)
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weights import as_windows
from ternary_engine.runtime.windows import is_gathered
from ternary_engine.steps import Crossbar

if TYPE_CHECKING:
    from ternary_engine.runtime.crossbar import Finish, Target

Array = npt.NDArray[Any]

SWITCH = "TERNARY_ENGINE_NIBBLES"
_NO_CODES = np.zeros(0, np.uint16)


def available() -> bool:
    """Whether layers may use look-ups: they pay on this machine, and the user allows them."""
    return os.environ.get(SWITCH) != "0" and pay_here()


@dataclass(frozen=True, eq=False)
class _Pass:
    """One digit of the codes with one trit plane of the weights.

    Attributes:
        digit: of the codes. factor: what the sums count.
        weights, base: see `kernels.nibble_product.convolve_nibbles`.
    """

    digit: Digit
    factor: int
    weights: Array
    base: Array


class NibbleProduct:
    """The product of one crossbar layer by look-up."""

    def __init__(self, step: Crossbar, layer: Layer, codes: Codes, finish: Finish) -> None:
        self.step = step
        self.layer = layer
        self.code = codes
        self.finish = finish
        self.lanes = nibble_layout.lanes_for(layer.outputs)
        self.digits = _digits(layer, codes)
        self.single = len(self.digits) * layer.planes == 1
        self.thresholds = self.flips = nibble_layout.NO_THRESHOLDS
        if finish.step is not None:
            self.thresholds = nibble_layout.thresholds(finish.step.thresholds, self.lanes)
            falling = np.broadcast_to(finish.step.decreasing, (layer.outputs,))
            self.flips = nibble_layout.flip_words(falling, self.lanes)
        self._passes: dict[tuple[int, int], tuple[_Pass, ...]] = {}

    @staticmethod
    def suits(step: Crossbar, layer: Layer, codes: Codes) -> bool:
        """Whether a layer can be computed by look-up at all."""
        return step.geometry.groups == 1 and available() and bool(_digits(layer, codes))

    def __call__(self, chunk: Chunk, target: Target) -> None:
        """Run on one chunk."""
        finish, sums, mode = self.finish, target.sums, self.finish.mode
        pitch = panels_for(self.layer.outputs) * PANEL
        places = target.places
        if not self.single and finish.step is not None:
            mode = epilogue.STORE
            sums = chunk.sum_buffer(f"{self.step.target}/sums", target.places.size * pitch)
            places = np.arange(target.places.size, dtype=np.int64) * pitch
        walks: dict[Digit, tuple[Array, ...]] = {}
        for number, one in enumerate(self._passes_for(chunk)):
            if one.digit not in walks:
                walks[one.digit] = self._find_places(chunk, one.digit)
            found, starts, walk = walks[one.digit]
            chunk.call(
                nibble_product.convolve_nibbles,
                found,
                one.weights,
                starts,
                walk,
                int(walk[:, 1].sum()),
                one.digit.tables(),
                one.base,
                self.lanes,
                pitch,
                epilogue.ADD if number else mode,
                one.factor,
                self.thresholds,
                self.flips,
                places,
                target.codes,
                sums,
            )
        if not self.single and finish.step is not None:
            arguments = (sums, pitch, finish.mode, *finish.arrays, target.places, target.codes)
            chunk.call(epilogue.finish_sums, *arguments)

    def pays(self, layout: ImageLayout, images: int) -> bool:
        """Whether look-ups are faster than popcounts, by the cycles that either takes.

        The numbers are measured on a Zen 3. Look-ups pay but for a few windows, or few outputs.
        """
        geometry, planes = self.step.geometry, self.layer.planes
        height, width = window_counts(layout, geometry)
        windows = images * height * width
        taps = geometry.kernel[0] * geometry.kernel[1]
        panels = -(-self.layer.outputs // self.lanes)
        pair = (3.3 if self.lanes == nibble_layout.WIDE else 2.1) * (1 if windows > 2 else 2)
        look_ups = 0.0
        for digit in self.digits:
            pairs = -(-digit.steps(layout.channels) * taps // 2)
            look_ups += 3000 + images * layout.positions * (10 + 8 * layout.words)
            look_ups += planes * windows * panels * (30 + pair * pairs)

        gathered = is_gathered(geometry, layout.channels)
        words = words_for(taps * layout.channels) if gathered else taps * layout.words
        each = 23 if self.code.kind == "ternary" else 13 * layout.planes
        popcounts = windows * panels_for(self.layer.outputs) * (15 + each * words) * planes
        gathering = windows * 8 * taps if gathered else 0
        return look_ups < popcounts + gathering

    def _layout(self, source: ImageLayout, digit: Digit) -> ImageLayout:
        """Where places lie: one stands where packed codes have a word."""
        channels = digit.steps(source.channels) * WORD_BITS
        return ImageLayout(channels, source.height, source.width, 1, source.border)

    def _find_places(self, chunk: Chunk, digit: Digit) -> tuple[Array, Array, Array]:
        """Places of the source codes, starts of the windows, and how they are walked."""
        source = chunk.codes[self.step.source]
        layout = self._layout(source.layout, digit)
        name = f"{self.step.target}/places {digit.first}"
        found = chunk.place_buffer(name, layout, digit.dtype)
        finder, how = nibble_product.place_finder(digit, self.code.kind, source.layout.channels)
        chunk.call(
            finder,
            source.codes,
            source.layout.planes,
            *how,
            position_starts(source.layout, chunk.images),
            position_starts(layout, chunk.images),
            found,
        )
        offsets, steps = self._runs(source.layout, digit)
        walk = nibble_layout.segments(offsets, steps, digit)
        return found, window_starts(layout, self.step.geometry, chunk.images), walk

    def _runs(self, source: ImageLayout, digit: Digit) -> tuple[Array, int]:
        layout = self._layout(source, digit)
        return merge_runs(tap_offsets(layout, self.step.geometry), layout.words, 1)

    def _passes_for(self, chunk: Chunk) -> tuple[_Pass, ...]:
        """Packed weights: two threads may both pack; a lock could be held over a fork."""
        source = chunk.codes[self.step.source].layout
        key = source.channels, len(self._runs(source, self.digits[0])[0])
        if key not in self._passes:
            windows = [as_windows(t, self.layer, self.step.geometry) for t in self.layer.trits]
            self._passes[key] = tuple(
                self._pack(digit, trits, plane, source)
                for digit in self.digits
                for plane, trits in enumerate(windows)
            )
        return self._passes[key]

    def _pack(
        self, digit: Digit, trits: npt.NDArray[np.int8], plane: int, source: ImageLayout
    ) -> _Pass:
        offsets, steps = self._runs(source, digit)
        pairs = len(offsets) * -(-steps // 2)
        base = digit.center * trits.sum(axis=(1, 2), dtype=np.int64) - 2 * pairs * digit.bias
        return _Pass(
            digit,
            digit.coefficient * 3**plane,
            nibble_layout.pack_nibbles(trits, len(offsets), digit, self.lanes),
            nibble_layout.spread_shorts(base, self.lanes),
        )


def _digits(layer: Layer, codes: Codes) -> tuple[Digit, ...]:
    """The digits of the codes; none where sums would not fit int16."""
    inputs = layer.cells // max(layer.planes, 1) // max(layer.outputs, 1)
    plain = layer.binary and layer.planes == 1
    return nibble_layout.digits_of(codes.kind, codes.planes, inputs, binary_weights=plain)
