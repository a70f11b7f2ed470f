"""From integer sums to real values: through a table, or by a scale."""

from __future__ import annotations

import numpy as np

from ternary_engine.kernels.compile import kernel


@kernel
def look_up(
    sums,
    pitch,
    channels,
    positions,
    minimum,
    table,
    image_pitch,
    channel_pitch,
    position_pitch,
    values,
):
    """``values = table[channel, sum - minimum]``.

    Args:
        sums: flat int32 [images * positions][pitch], the first ``channels`` of each row valid.
        minimum: the sum of the table's first column. table: [C, range].
        positions: positions of one image.
        image_pitch, channel_pitch, position_pitch: where element (n, c, p) lies in ``values``.
        values: flat, dtype of the table.
    """
    for place in range(sums.size // pitch):
        out = place // positions * image_pitch + place % positions * position_pitch
        for c in range(channels):
            values[out + c * channel_pitch] = table[c, sums[place * pitch + c] - minimum]


@kernel
def scale(
    sums,
    pitch,
    channels,
    positions,
    factors,
    offsets,
    image_pitch,
    channel_pitch,
    position_pitch,
    values,
):
    """``values = float32(float32(sum) * factor) + offset``; arguments as in `look_up`.

    Args:
        factors, offsets: float32 [C]. values: float32.
    """
    for place in range(sums.size // pitch):
        out = place // positions * image_pitch + place % positions * position_pitch
        for c in range(channels):
            product = np.float32(sums[place * pitch + c]) * factors[c]
            values[out + c * channel_pitch] = product + offsets[c]
