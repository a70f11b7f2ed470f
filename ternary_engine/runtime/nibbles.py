"""Error-free crossbar layers by look-up of nibbles, on processors with AVX2 but no vector popcount.

Sums are the same integers that popcounts give, so results are equal bit for bit.

``TERNARY_ENGINE_NIBBLES=0`` in the environment keeps everything on popcounts.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.kernels import epilogue, faults, nibble_layout, nibble_product
from ternary_engine.kernels.layout import PANEL, aligned, panels_for, segments
from ternary_engine.kernels.nibble_layout import Digit
from ternary_engine.kernels.nibbles import pay_here
from ternary_engine.layer import Layer
from ternary_engine.runtime.cost import look_up_cycles, popcount_cycles
from ternary_engine.runtime.layout import (
    ImageLayout,
    merge_runs,
    position_starts,
    tap_offsets,
    window_starts,
)
from ternary_engine.runtime.values import Chunk, Target
from ternary_engine.runtime.weights import as_windows
from ternary_engine.steps import Crossbar, Geometry

if TYPE_CHECKING:
    from ternary_engine.runtime.crossbar import Finish

Array = npt.NDArray[Any]

SWITCH = "TERNARY_ENGINE_NIBBLES"
_NO_CODES = np.zeros(0, np.uint16)


def available() -> bool:
    """Whether layers may use look-ups: they pay on this machine, and the user allows them."""
    return os.environ.get(SWITCH) != "0" and pay_here()


@dataclass(frozen=True, eq=False)
class Nibbles:
    """One trit plane, packed for a digit; see `kernels.nibble_product.convolve_nibbles`.

    Attributes:
        weights, base: uint64. pairs: of steps. runs: of taps that lie one behind the other.
    """

    weights: Array
    base: Array
    pairs: int
    runs: int

    def copy(self) -> Nibbles:
        """A copy to write errors into."""
        return replace(self, weights=aligned(self.weights), base=aligned(self.base))


PackedPasses = Mapping[tuple[Digit, int], Nibbles]  # by digit and trit plane


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
        self._weights: dict[tuple[Digit, int, int, int], Nibbles] = {}
        self._spots: dict[tuple[Digit, int], Array] = {}

    @staticmethod
    def suits(step: Crossbar, layer: Layer, codes: Codes) -> bool:
        """Whether a layer can be computed by look-up at all."""
        return step.geometry.groups == 1 and available() and bool(_digits(layer, codes))

    def __call__(
        self,
        chunk: Chunk,
        target: Target,
        *,
        stored: bool = False,
        packed: PackedPasses | None = None,
        image: int | None = None,
    ) -> None:
        """Run on one chunk.

        Args:
            chunk: the chunk. target: where results go.
            stored: keep the sums, whatever step the layer takes in.
            packed: the weights as they are read, from `packed`; None for those without errors.
            image: the only image of the chunk to compute, ascending from 0; None for all.
        """
        source, finish = chunk.codes[self.step.source], self.finish
        packed = packed or self.packed(source.layout)
        if stored or finish.step is None or self.single:
            mode = epilogue.STORE if stored else finish.mode
            for number, ((digit, plane), nibbles) in enumerate(packed.items()):
                inputs = (source.layout, source.codes, self.code.kind, digit)
                how = (epilogue.ADD if number else mode, digit.coefficient * 3**plane)
                find = plane == 0 and not image
                self._product(chunk, *inputs, nibbles, *how, target, find=find, image=image)
            return
        pitch = panels_for(self.layer.outputs) * PANEL
        sums = chunk.sum_buffer("sums", target.places.size * pitch)
        places = np.arange(target.places.size, dtype=np.int64) * pitch
        between = target._replace(places=places, sums=sums)
        self(chunk, between, stored=True, packed=packed, image=image)
        first, last = _of_image(target.places.size, chunk.images, image)
        last_sums, last_places = sums[first * pitch : last * pitch], target.places[first:last]
        last_step = (finish.mode, *finish.arrays, last_places, target.codes)
        chunk.call(epilogue.finish_sums, last_sums, pitch, *last_step)

    def packed(self, layout: ImageLayout) -> PackedPasses:
        """The weights for every digit of the codes and every trit plane."""
        planes = range(self.layer.planes)
        return {(d, p): self._pack(d, p, layout) for d in self.digits for p in planes}

    def write(
        self, packed: PackedPasses, plane: int, where: Array, values: npt.NDArray[np.int8]
    ) -> tuple[Array, ...]:
        """Write trits into copies of packed weights: flat indices in the source graph.

        Returns:
            what `restore` needs.
        """
        layer = self.layer
        minor = layer.cells // layer.planes // layer.outputs
        minor = minor if layer.output_axis == 0 else layer.outputs
        overwritten = []
        for (digit, which), nibbles in packed.items():
            if which == plane:
                before = np.empty((len(where), 4), np.int64)
                overwritten.append(before)
                faults.write_nibbles(
                    where,
                    values,
                    minor,
                    layer.output_axis == 0,
                    self._spots_of(digit, nibbles.runs),
                    nibbles.pairs * self.lanes,
                    self.lanes,
                    digit.center,
                    digit.kind == "binary",
                    nibbles.weights.view(np.uint8),
                    nibbles.base.view(np.int16),
                    before,
                )
        return tuple(overwritten)

    def restore(self, packed: PackedPasses, plane: int, overwritten: tuple[Array, ...]) -> None:
        """Take back what `write` wrote."""
        held = [nibbles for (_, which), nibbles in packed.items() if which == plane]
        for nibbles, before in zip(held, overwritten, strict=True):
            arrays = nibbles.weights.view(np.uint8), nibbles.base.view(np.int16)
            faults.restore_nibbles(before, self.lanes, *arrays)

    def _spots_of(self, digit: Digit, runs: int) -> Array:
        if (digit, runs) not in self._spots:
            taps = self.step.geometry.kernel[0] * self.step.geometry.kernel[1]
            channels = self.layer.cells // self.layer.planes // self.layer.outputs // taps
            self._spots[digit, runs] = nibble_layout.spots(channels, taps, runs, digit, self.lanes)
        return self._spots[digit, runs]

    def count(
        self,
        chunk: Chunk,
        layout: ImageLayout,
        codes: Array,
        plane: int,
        sums: Array,
        nonzero: Array,
    ) -> None:
        """Sums of one trit plane with ternary codes, and how many products are not 0."""
        places = np.arange(0, sums.size, panels_for(self.layer.outputs) * PANEL)
        for digit, results in ((nibble_layout.TERNARY, sums), (nibble_layout.NONZERO, nonzero)):
            target = Target(places, _NO_CODES, results)
            inputs = (layout, codes, "ternary", digit)
            nibbles = self._pack(digit, plane, layout)
            self._product(chunk, *inputs, nibbles, epilogue.STORE, 1, target, find=plane == 0)

    def _product(
        self,
        chunk: Chunk,
        layout: ImageLayout,
        codes: Array,
        kind: str,
        digit: Digit,
        nibbles: Nibbles,
        mode: int,
        factor: int,
        target: Target,
        *,
        find: bool,
        image: int | None = None,
    ) -> None:
        """One digit of codes of a kind with one trit plane; ``find`` the places first."""
        where = self._layout(layout, digit)
        name = f"{self.step.target}/places {digit.kind} {digit.first}"
        places = chunk.place_buffer(name, where, digit.dtype)
        if find:
            finder, how = nibble_product.place_finder(digit, kind, layout.channels)
            starts = (position_starts(one, chunk.images) for one in (layout, where))
            chunk.call(finder, codes, layout.planes, *how, *starts, places)
        walk = _walk(where, self.step.geometry, digit)[0]
        windows = window_starts(where, self.step.geometry, chunk.images)
        first, last = _of_image(windows.size, chunk.images, image)
        chunk.call(
            nibble_product.convolve_nibbles,
            places,
            nibbles.weights,
            windows[first:last],
            walk,
            nibbles.pairs,
            digit.tables(),
            nibbles.base,
            self.lanes,
            panels_for(self.layer.outputs) * PANEL,
            mode,
            factor,
            self.thresholds,
            self.flips,
            target.places[first:last],
            target.codes,
            target.sums,
        )

    def _layout(self, source: ImageLayout, digit: Digit) -> ImageLayout:
        """Where places lie: one stands where packed codes have a word."""
        return source.of_elements(digit.steps(source.channels))

    def _pack(self, digit: Digit, plane: int, layout: ImageLayout) -> Nibbles:
        """Packed weights: two threads may both pack; a lock could be held over a fork."""
        _, pairs, runs = _walk(self._layout(layout, digit), self.step.geometry, digit)
        key = digit, plane, layout.channels, runs
        if key not in self._weights:
            trits = as_windows(self.layer.trits[plane], self.layer, self.step.geometry)
            begin = -2 * pairs * digit.bias
            base = begin + digit.center * trits.sum(axis=(1, 2), dtype=np.int64)
            self._weights[key] = Nibbles(
                nibble_layout.pack_nibbles(trits, runs, digit, self.lanes),
                nibble_layout.spread_shorts(base, self.lanes, begin),
                pairs,
                runs,
            )
        return self._weights[key]

    def cycles(self, layout: ImageLayout, images: int) -> float:
        """About how many cycles look-ups take."""
        how = (self.step.geometry, self.digits, self.lanes, layout, images)
        return look_up_cycles(self.layer, *how)

    def pays(self, layout: ImageLayout, images: int) -> bool:
        """Whether look-ups are faster than popcounts: not for a few windows, or few outputs."""
        how = (self.step.geometry, self.code, layout, images)
        return self.cycles(layout, images) < popcount_cycles(self.layer, *how)


def _of_image(positions: int, images: int, image: int | None) -> tuple[int, int]:
    """First and last position of one image, or of all."""
    each = positions // images
    return (0, positions) if image is None else (image * each, (image + 1) * each)


@functools.lru_cache(maxsize=256)
def _walk(layout: ImageLayout, geometry: Geometry, digit: Digit) -> tuple[Array, int, int]:
    """How windows over places are walked, their pairs of steps, and their runs."""
    offsets, steps = merge_runs(tap_offsets(layout, geometry), layout.words, 1)
    walk = segments(offsets, -(-steps // 2), 2, digit.most_steps // 2)
    return walk, int(walk[:, 1].sum()), len(offsets)


def _digits(layer: Layer, codes: Codes) -> tuple[Digit, ...]:
    """The digits of the codes; none where sums would not fit int16."""
    inputs = layer.cells // max(layer.planes, 1) // max(layer.outputs, 1)
    plain = layer.binary and layer.planes == 1
    return nibble_layout.digits_of(codes.kind, codes.planes, inputs, binary_weights=plain)
