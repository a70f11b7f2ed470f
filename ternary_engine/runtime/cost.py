"""About how many cycles a layer takes in either way: by popcounts, look-ups or int8 products.

The numbers were fitted by hand on a Zen 3, which has no vector popcount, to single layers of 1 to
64 channels and 16 or 64 outputs; they need only tell which way is faster.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from ternary_engine.codes import Codes
from ternary_engine.kernels.int8_layout import QUAD
from ternary_engine.kernels.layout import panels_for, words_for
from ternary_engine.kernels.nibble_layout import MOST_BITS, WIDE, Digit
from ternary_engine.layer import Layer
from ternary_engine.runtime.layout import ImageLayout, window_counts
from ternary_engine.runtime.windows import is_gathered
from ternary_engine.steps import Geometry

_START = 3000  # to set up another call, and to pack weights some day


def popcount_cycles(
    layer: Layer, geometry: Geometry, codes: Codes, layout: ImageLayout, images: int
) -> float:
    """By `kernels.convolution`."""
    windows, taps = _windows(geometry, layout, images), math.prod(geometry.kernel)
    gathered = is_gathered(geometry, layout.channels)
    words = words_for(taps * layout.channels) if gathered else taps * layout.words
    once = 15 if codes.kind in ("binary", "ternary") else 60
    each = 23 if codes.kind == "ternary" else 13 * layout.planes
    cycles = windows * panels_for(layer.outputs) * (once + each * words) * layer.planes
    return cycles + (windows * 8 * taps if gathered else 0)


def look_up_cycles(
    layer: Layer,
    geometry: Geometry,
    digits: Sequence[Digit],
    lanes: int,
    layout: ImageLayout,
    images: int,
) -> float:
    """By `kernels.nibble_product`, a pass for each digit and trit plane."""
    windows, panels = _windows(geometry, layout, images), -(-layer.outputs // lanes)
    pair = (3.3 if lanes == WIDE else 2.1) * (1 if windows > 2 else 2)
    cycles = 0.0
    for digit in digits:
        pairs = -(-digit.steps(layout.channels) * math.prod(geometry.kernel) // 2)
        wide = digit.planes == MOST_BITS  # whose places are found, and its totals widened, slower
        finding = 10 + (130 if wide else 8) * layout.words
        cycles += _START + images * layout.positions * finding
        cycles += layer.planes * windows * panels * (30 + (1.2 if wide else 1) * pair * pairs)
    return cycles


def int8_cycles(layer: Layer, geometry: Geometry, layout: ImageLayout, images: int) -> float:
    """By `kernels.int8_product`, layers of one group."""
    quads = -(-math.prod(geometry.kernel) * layout.channels // QUAD)
    finding = 16 if layout.channels <= 8 else (5 + 3 * layout.planes) * layout.words
    cycles = _START + images * layout.positions * finding
    windows = _windows(geometry, layout, images)
    quad = 1.4 if windows > 3 else 6  # a few windows wait for weights, four times as many bytes
    return cycles + windows * panels_for(layer.outputs) * (17 + quad * quads)


def _windows(geometry: Geometry, layout: ImageLayout, images: int) -> int:
    return images * math.prod(window_counts(layout, geometry))
