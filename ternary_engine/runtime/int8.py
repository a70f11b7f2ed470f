"""Error-free crossbar layers by int8 products, for inputs of several bits.

Bit planes take a pass each; bytes take one in all. Sums are the same integers that popcounts give,
so results are equal bit for bit. Reads with errors stay with the planes, which is where the errors
are.

``TERNARY_ENGINE_INT8=0`` in the environment keeps everything on planes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.encoding import from_trit_planes
from ternary_engine.kernels import epilogue, int8_layout, int8_product
from ternary_engine.kernels.int8_layout import QUAD, ByteForm
from ternary_engine.kernels.layout import segments
from ternary_engine.kernels.nibbles import are_supported, pay_here
from ternary_engine.layer import Layer
from ternary_engine.runtime.cost import int8_cycles, popcount_cycles
from ternary_engine.runtime.layout import (
    ImageLayout,
    group_window,
    merge_runs,
    position_starts,
    tap_offsets,
    window_starts,
)
from ternary_engine.runtime.values import Chunk, Target
from ternary_engine.runtime.weights import as_windows, place_in_window
from ternary_engine.steps import Crossbar

if TYPE_CHECKING:
    from ternary_engine.runtime.crossbar import Finish
    from ternary_engine.runtime.nibbles import NibbleProduct

Array = npt.NDArray[Any]

SWITCH = "TERNARY_ENGINE_INT8"
_NO_THRESHOLDS = np.zeros(0, np.uint64)


def available() -> bool:
    """Whether layers may use int8 products: the machine can, and the user allows them."""
    return os.environ.get(SWITCH) != "0" and are_supported()


@dataclass(frozen=True, eq=False)
class _Packed:
    """Weights and where to walk; see `kernels.int8_product.convolve_int8`."""

    weights: Array
    walk: Array
    quads: int
    panel_starts: Array
    base: Array


class Int8Product:
    """The product of one crossbar layer on bytes."""

    def __init__(self, step: Crossbar, layer: Layer, codes: Codes, finish: Finish) -> None:
        self.step = step
        self.layer = layer
        self.code = codes
        self.form = ByteForm(codes.kind, codes.planes)
        self.finish = finish
        self.thresholds = _NO_THRESHOLDS
        if finish.step is not None:
            self.thresholds = int8_layout.thresholds(finish.step.thresholds)
        self._packed: dict[ImageLayout, _Packed] = {}

    @staticmethod
    def suits(step: Crossbar, layer: Layer, codes: Codes) -> bool:
        """Whether a layer can be computed so."""
        form = ByteForm(codes.kind, codes.planes)
        if not (available() and form.exists and layer.planes and layer.outputs):
            return False
        if codes.kind == "ternary" and not pay_here():  # popcounts that are instructions win
            return False
        return _largest(layer) < 128 and form.most_quads(_largest(layer)) > 0

    def __call__(self, chunk: Chunk, target: Target, *, stored: bool = False) -> None:
        """Run on one chunk.

        Args:
            chunk: the chunk. target: where results go.
            stored: keep the sums, whatever step the layer takes in.
        """
        source = chunk.codes[self.step.source]
        layout, where = source.layout, source.layout.of_elements(source.layout.channels)
        name = f"{self.step.target}/bytes"
        found = chunk.place_buffer(name, where, np.uint8, fill=self.form.zero)
        chunk.call(
            int8_product.find_bytes,
            source.codes,
            layout.planes,
            layout.channels,
            self.form.words(),
            *(position_starts(one, chunk.images) for one in (layout, where)),
            found,
        )
        packed = self._pack(where)
        chunk.call(
            int8_product.convolve_int8,
            found,
            packed.weights,
            window_starts(where, self.step.geometry, chunk.images),
            packed.walk,
            packed.quads,
            packed.panel_starts,
            packed.base,
            epilogue.STORE if stored else self.finish.mode,
            self.thresholds,
            self.finish.flips,
            target.places,
            target.codes,
            target.sums,
        )

    def pays(self, layout: ImageLayout, images: int, look_ups: NibbleProduct | None) -> bool:
        """Whether bytes are faster than popcounts, and than look-ups if there are any.

        Where popcounts are instructions, bytes are taken from five planes on. That is a guess from
        the rates of both instructions on a Zen 5 (../shared/kernels.md), not a measurement.
        """
        if not pay_here():
            return layout.planes >= 5
        geometry = self.step.geometry
        if geometry.groups > 1:
            return True
        others = [popcount_cycles(self.layer, geometry, self.code, layout, images)]
        others += [look_ups.cycles(layout, images)] if look_ups else []
        return int8_cycles(self.layer, geometry, layout, images) < min(others)

    def _pack(self, where: ImageLayout) -> _Packed:
        """Packed weights: two threads may both pack; a lock could be held over a fork."""
        if where not in self._packed:
            geometry = self.step.geometry
            codes = from_trit_planes(self.layer.trits).astype(np.int8)
            windows = as_windows(codes, self.layer, geometry)
            seen = group_window(where.words, len(windows), geometry.groups, unit=1)
            placed = place_in_window(windows, seen, geometry.groups)
            offsets, width = tap_offsets(where, geometry), seen.words
            if geometry.groups == 1:
                offsets, width = merge_runs(offsets, width, 1)
            most = self.form.most_quads(_largest(self.layer))
            walk = segments(offsets, -(-width // QUAD), QUAD, most)
            base = -self.form.zero * windows.sum(axis=(1, 2), dtype=np.int64)
            self._packed[where] = _Packed(
                int8_layout.pack_int8(placed, len(offsets)),
                walk,
                int(walk[:, 1].sum()),
                np.array(seen.first, np.int64),
                int8_layout.spread_ints(base),
            )
        return self._packed[where]


def _largest(layer: Layer) -> int:
    """Largest magnitude of a weight."""
    if layer.planes == 1:
        return 1
    return int(np.abs(from_trit_planes(layer.trits)).max(initial=0))
