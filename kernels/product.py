"""Bit-plane products of a few input rows with the sixteen outputs of a panel.

Three products, by what the operands are (m = non-zero plane, s = negative plane, b = one plane):

* gated: ternary weights and ternary codes. ``nz = wm & xm``, ``neg = nz & (ws ^ xs)``; the sum is
  ``popcount(nz) - 2 popcount(neg)`` (gated XNOR of the TNN neuron);
* masked: ternary weights and one bit plane. ``popcount((ws ^ b) & wm)``; for codes -1/+1 the sum
  is ``nnz(w) - 2 popcount``, for a plane of 0/1 it is ``popcount - negatives(w)``;
* plain: binary weights and codes. ``popcount(ws ^ b)``; the sum is ``inputs - 2 popcount``.

A tile is four rows by two SIMD words of eight outputs, so that every weight word loaded serves
four rows and every input word sixteen outputs. The sixteen accumulators of the gated tile fill
half of the 32 registers of AVX-512.
"""

from __future__ import annotations

from ternary_engine.kernels.compile import inline
from ternary_engine.kernels.simd import load, popcount, spread, zero

ROWS = 4


@inline
def gated_tile(a, i0, i1, i2, i3, w, wi, offsets, words):
    """Four rows by sixteen outputs: counts of non-zero and of negative products.

    Args:
        a: codes, uint64. i0 .. i3: where the four rows start in it.
        w: weights, uint64. wi: where the panel starts in it.
        offsets: int64, where each run of words starts, relative to the row's start.
        words: words in a run.

    Returns:
        for each row: non-zero counts of outputs 0-7 and 8-15, negative counts of both.
    """
    n00, n01, g00, g01 = zero(), zero(), zero(), zero()
    n10, n11, g10, g11 = zero(), zero(), zero(), zero()
    n20, n21, g20, g21 = zero(), zero(), zero(), zero()
    n30, n31, g30, g31 = zero(), zero(), zero(), zero()
    for run in range(offsets.size):
        j = offsets[run]
        for _ in range(words):
            m0, m1 = load(w, wi), load(w, wi + 8)
            s0, s1 = load(w, wi + 16), load(w, wi + 24)
            wi += 32
            x, y = spread(a, i0 + j), spread(a, i0 + j + 1)
            t = m0 & x
            n00 += popcount(t)
            g00 += popcount(t & (s0 ^ y))
            t = m1 & x
            n01 += popcount(t)
            g01 += popcount(t & (s1 ^ y))
            x, y = spread(a, i1 + j), spread(a, i1 + j + 1)
            t = m0 & x
            n10 += popcount(t)
            g10 += popcount(t & (s0 ^ y))
            t = m1 & x
            n11 += popcount(t)
            g11 += popcount(t & (s1 ^ y))
            x, y = spread(a, i2 + j), spread(a, i2 + j + 1)
            t = m0 & x
            n20 += popcount(t)
            g20 += popcount(t & (s0 ^ y))
            t = m1 & x
            n21 += popcount(t)
            g21 += popcount(t & (s1 ^ y))
            x, y = spread(a, i3 + j), spread(a, i3 + j + 1)
            t = m0 & x
            n30 += popcount(t)
            g30 += popcount(t & (s0 ^ y))
            t = m1 & x
            n31 += popcount(t)
            g31 += popcount(t & (s1 ^ y))
            j += 2
    return n00, n01, g00, g01, n10, n11, g10, g11, n20, n21, g20, g21, n30, n31, g30, g31


@inline
def gated_row(a, i0, w, wi, offsets, words):
    """One row by sixteen outputs; the counts of `gated_tile` for a single row."""
    n0, n1, g0, g1 = zero(), zero(), zero(), zero()
    for run in range(offsets.size):
        j = i0 + offsets[run]
        for _ in range(words):
            x, y = spread(a, j), spread(a, j + 1)
            t = load(w, wi) & x
            n0 += popcount(t)
            g0 += popcount(t & (load(w, wi + 16) ^ y))
            t = load(w, wi + 8) & x
            n1 += popcount(t)
            g1 += popcount(t & (load(w, wi + 24) ^ y))
            wi += 32
            j += 2
    return n0, n1, g0, g1


@inline
def masked_tile(a, i0, i1, i2, i3, planes, w, wi, offsets, words):
    """Four rows by sixteen outputs: popcount((ws ^ b) & wm) over one bit plane.

    Args:
        planes: bit planes per word of the codes; the rows' starts point at the plane to use.
        a, i0, i1, i2, i3, w, wi, offsets, words: as in `gated_tile`.

    Returns:
        for each row: counts of outputs 0-7 and 8-15.
    """
    c00, c01, c10, c11 = zero(), zero(), zero(), zero()
    c20, c21, c30, c31 = zero(), zero(), zero(), zero()
    for run in range(offsets.size):
        j = offsets[run]
        for _ in range(words):
            m0, m1 = load(w, wi), load(w, wi + 8)
            s0, s1 = load(w, wi + 16), load(w, wi + 24)
            wi += 32
            x = spread(a, i0 + j)
            c00 += popcount((s0 ^ x) & m0)
            c01 += popcount((s1 ^ x) & m1)
            x = spread(a, i1 + j)
            c10 += popcount((s0 ^ x) & m0)
            c11 += popcount((s1 ^ x) & m1)
            x = spread(a, i2 + j)
            c20 += popcount((s0 ^ x) & m0)
            c21 += popcount((s1 ^ x) & m1)
            x = spread(a, i3 + j)
            c30 += popcount((s0 ^ x) & m0)
            c31 += popcount((s1 ^ x) & m1)
            j += planes
    return c00, c01, c10, c11, c20, c21, c30, c31


@inline
def masked_row(a, i0, planes, w, wi, offsets, words):
    """One row by sixteen outputs; the counts of `masked_tile` for a single row."""
    c0, c1 = zero(), zero()
    for run in range(offsets.size):
        j = i0 + offsets[run]
        for _ in range(words):
            x = spread(a, j)
            c0 += popcount((load(w, wi + 16) ^ x) & load(w, wi))
            c1 += popcount((load(w, wi + 24) ^ x) & load(w, wi + 8))
            wi += 32
            j += planes
    return c0, c1


@inline
def plain_tile(a, i0, i1, i2, i3, w, wi, offsets, words):
    """Four rows by sixteen outputs: popcount(ws ^ b); arguments as in `gated_tile`."""
    c00, c01, c10, c11 = zero(), zero(), zero(), zero()
    c20, c21, c30, c31 = zero(), zero(), zero(), zero()
    for run in range(offsets.size):
        j = offsets[run]
        for _ in range(words):
            s0, s1 = load(w, wi), load(w, wi + 8)
            wi += 16
            x = spread(a, i0 + j)
            c00 += popcount(s0 ^ x)
            c01 += popcount(s1 ^ x)
            x = spread(a, i1 + j)
            c10 += popcount(s0 ^ x)
            c11 += popcount(s1 ^ x)
            x = spread(a, i2 + j)
            c20 += popcount(s0 ^ x)
            c21 += popcount(s1 ^ x)
            x = spread(a, i3 + j)
            c30 += popcount(s0 ^ x)
            c31 += popcount(s1 ^ x)
            j += 1
    return c00, c01, c10, c11, c20, c21, c30, c31


@inline
def plain_row(a, i0, w, wi, offsets, words):
    """One row by sixteen outputs; the counts of `plain_tile` for a single row."""
    c0, c1 = zero(), zero()
    for run in range(offsets.size):
        j = i0 + offsets[run]
        for _ in range(words):
            x = spread(a, j)
            c0 += popcount(load(w, wi) ^ x)
            c1 += popcount(load(w, wi + 8) ^ x)
            wi += 16
            j += 1
    return c0, c1
