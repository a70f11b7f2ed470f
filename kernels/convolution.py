"""Crossbar layers: products over windows of packed codes, finished on the spot.

A convolution reads packed channels in place: with a border of zeros around the image the taps of
a kernel row are neighbours in memory, so a layer is a matrix product whose rows overlap and no
copy of the windows is made. A position is one output pixel of one image; a linear layer has one
position per sample.

All kernels take the same tables (made by `geometry`): ``starts`` and ``targets``, where a
position's window and result lie; ``offsets``, where the runs of consecutive words of a window
start; ``words``, their length; ``panel_starts``, what a panel adds to the window's start (its
group's first word).
"""

from __future__ import annotations

from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.epilogue import finish
from ternary_engine.kernels.product import (
    gated_row,
    gated_tile,
    masked_row,
    masked_tile,
    plain_row,
    plain_tile,
)
from ternary_engine.kernels.simd import load, splat

BLOCK = 256  # positions that share a pass over all panels; their codes stay in the first cache


@kernel
def convolve_gated(
    a,
    w,
    starts,
    offsets,
    words,
    panel_starts,
    mode,
    factor,
    thresholds,
    flips,
    targets,
    codes,
    sums,
):
    """Ternary codes with ternary weights; the sums are finished by `epilogue.finish`.

    Args:
        a: codes, uint64. w: weights, uint64, both in the layout of `layout`.
        starts, targets: int64 [positions]. offsets: int64 [runs]. panel_starts: int64 [panels].
        words: words in a run, all word and plane strides counted in uint64 of ``a``.
        mode, factor, thresholds, flips, codes, sums: see `epilogue.finish`.
    """
    span = offsets.size * words * 32
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for panel in range(panel_starts.size):
            shift = panel_starts[panel]
            wi = panel * span
            p = first
            while p + 4 <= last:
                n0, n1, g0, g1, n2, n3, g2, g3, n4, n5, g4, g5, n6, n7, g6, g7 = gated_tile(
                    a,
                    starts[p] + shift,
                    starts[p + 1] + shift,
                    starts[p + 2] + shift,
                    starts[p + 3] + shift,
                    w,
                    wi,
                    offsets,
                    words,
                )
                s0, s1 = n0 - g0 - g0, n1 - g1 - g1
                finish(s0, s1, panel, targets[p], mode, factor, thresholds, flips, codes, sums)
                s0, s1 = n2 - g2 - g2, n3 - g3 - g3
                finish(s0, s1, panel, targets[p + 1], mode, factor, thresholds, flips, codes, sums)
                s0, s1 = n4 - g4 - g4, n5 - g5 - g5
                finish(s0, s1, panel, targets[p + 2], mode, factor, thresholds, flips, codes, sums)
                s0, s1 = n6 - g6 - g6, n7 - g7 - g7
                finish(s0, s1, panel, targets[p + 3], mode, factor, thresholds, flips, codes, sums)
                p += 4
            while p < last:
                n0, n1, g0, g1 = gated_row(a, starts[p] + shift, w, wi, offsets, words)
                s0, s1 = n0 - g0 - g0, n1 - g1 - g1
                finish(s0, s1, panel, targets[p], mode, factor, thresholds, flips, codes, sums)
                p += 1


@kernel
def convolve_masked(
    a,
    w,
    starts,
    offsets,
    words,
    panel_starts,
    coefficients,
    classes,
    base,
    mode,
    factor,
    thresholds,
    flips,
    targets,
    codes,
    sums,
):
    """Ternary weights with one bit plane or several (binary codes, bit-serial inputs).

    The sum of an output is ``base[class of the position] + sum_j coefficients[j] * popcount_j``.

    Args:
        coefficients: int64 [planes], 2**j (the last negative in two's complement), -2 for binary.
        classes: int32 [positions], which base a position has (binary codes at the border).
        base: uint64 (int64 bits), flat [class][panel][16].
        a, w, starts, offsets, words, panel_starts, mode, factor, thresholds, flips, targets,
        codes, sums: as in `convolve_gated`; ``starts`` and ``offsets`` count all planes.
    """
    planes = coefficients.size
    span = offsets.size * words * 32
    pitch = panel_starts.size * 16
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for panel in range(panel_starts.size):
            shift = panel_starts[panel]
            wi = panel * span
            p = first
            while p + 4 <= last:
                b = classes[p] * pitch + panel * 16
                s0, s1 = load(base, b), load(base, b + 8)
                b = classes[p + 1] * pitch + panel * 16
                s2, s3 = load(base, b), load(base, b + 8)
                b = classes[p + 2] * pitch + panel * 16
                s4, s5 = load(base, b), load(base, b + 8)
                b = classes[p + 3] * pitch + panel * 16
                s6, s7 = load(base, b), load(base, b + 8)
                for plane in range(planes):
                    c0, c1, c2, c3, c4, c5, c6, c7 = masked_tile(
                        a,
                        starts[p] + shift + plane,
                        starts[p + 1] + shift + plane,
                        starts[p + 2] + shift + plane,
                        starts[p + 3] + shift + plane,
                        planes,
                        w,
                        wi,
                        offsets,
                        words,
                    )
                    scale = splat(coefficients[plane])
                    s0 += c0 * scale
                    s1 += c1 * scale
                    s2 += c2 * scale
                    s3 += c3 * scale
                    s4 += c4 * scale
                    s5 += c5 * scale
                    s6 += c6 * scale
                    s7 += c7 * scale
                finish(s0, s1, panel, targets[p], mode, factor, thresholds, flips, codes, sums)
                finish(s2, s3, panel, targets[p + 1], mode, factor, thresholds, flips, codes, sums)
                finish(s4, s5, panel, targets[p + 2], mode, factor, thresholds, flips, codes, sums)
                finish(s6, s7, panel, targets[p + 3], mode, factor, thresholds, flips, codes, sums)
                p += 4
            while p < last:
                b = classes[p] * pitch + panel * 16
                s0, s1 = load(base, b), load(base, b + 8)
                for plane in range(planes):
                    c0, c1 = masked_row(a, starts[p] + shift + plane, planes, w, wi, offsets, words)
                    scale = splat(coefficients[plane])
                    s0 += c0 * scale
                    s1 += c1 * scale
                finish(s0, s1, panel, targets[p], mode, factor, thresholds, flips, codes, sums)
                p += 1


@kernel
def convolve_plain(
    a,
    w,
    starts,
    offsets,
    words,
    panel_starts,
    classes,
    base,
    mode,
    factor,
    thresholds,
    flips,
    targets,
    codes,
    sums,
):
    """Binary weights with binary codes: ``base[class of the position] - 2 popcount``.

    Args: as in `convolve_masked`; the weights are packed with ``negative_only``.
    """
    span = offsets.size * words * 16
    pitch = panel_starts.size * 16
    for first in range(0, starts.size, BLOCK):
        last = min(first + BLOCK, starts.size)
        for panel in range(panel_starts.size):
            shift = panel_starts[panel]
            wi = panel * span
            p = first
            while p + 4 <= last:
                c0, c1, c2, c3, c4, c5, c6, c7 = plain_tile(
                    a,
                    starts[p] + shift,
                    starts[p + 1] + shift,
                    starts[p + 2] + shift,
                    starts[p + 3] + shift,
                    w,
                    wi,
                    offsets,
                    words,
                )
                b = classes[p] * pitch + panel * 16
                s0, s1 = load(base, b) - c0 - c0, load(base, b + 8) - c1 - c1
                finish(s0, s1, panel, targets[p], mode, factor, thresholds, flips, codes, sums)
                b = classes[p + 1] * pitch + panel * 16
                s0, s1 = load(base, b) - c2 - c2, load(base, b + 8) - c3 - c3
                finish(s0, s1, panel, targets[p + 1], mode, factor, thresholds, flips, codes, sums)
                b = classes[p + 2] * pitch + panel * 16
                s0, s1 = load(base, b) - c4 - c4, load(base, b + 8) - c5 - c5
                finish(s0, s1, panel, targets[p + 2], mode, factor, thresholds, flips, codes, sums)
                b = classes[p + 3] * pitch + panel * 16
                s0, s1 = load(base, b) - c6 - c6, load(base, b + 8) - c7 - c7
                finish(s0, s1, panel, targets[p + 3], mode, factor, thresholds, flips, codes, sums)
                p += 4
            while p < last:
                c0, c1 = plain_row(a, starts[p] + shift, w, wi, offsets, words)
                b = classes[p] * pitch + panel * 16
                s0, s1 = load(base, b) - c0 - c0, load(base, b + 8) - c1 - c1
                finish(s0, s1, panel, targets[p], mode, factor, thresholds, flips, codes, sums)
                p += 1
