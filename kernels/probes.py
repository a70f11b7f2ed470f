"""What a core can issue: loops of vector instructions that wait for nothing but their issue.

Each works on words that depend on themselves alone. `gated`, `masked` and `plain` are the inner
loops of the products with their operands in registers: the mix decides which ports conflict, and
that is the roof a product stands under, whatever the machine. The loops come in two widths, since
eight words do not fit the registers of a machine without 512-bit ones and two do not fill the
pipelines of one that has them; the faster of the two counts. `stream` is bound by memory.

All take flat uint64 words, at least `ROOM` of them, and write their result to the first eight, so
that no compiler can leave the work out.
"""

from __future__ import annotations

from ternary_engine.kernels.compile import inline, kernel
from ternary_engine.kernels.integers import multiply_bytes
from ternary_engine.kernels.nibble_product import LOW_NIBBLES
from ternary_engine.kernels.nibbles import add_bytes, add_shorts, look_up
from ternary_engine.kernels.simd import load, popcount, splat, store
from ternary_engine.kernels.tiles import begin_tiles, end_tiles, multiply_tiles

ROOM = 640  # words that a probe may touch
STREAMED = 64  # words that `stream` reads in a step


@kernel
def popcounts_of_8(a, steps):
    """Eight popcounts a step."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    x4, x5, x6, x7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    for _ in range(steps):
        x0, x1, x2, x3 = popcount(x0), popcount(x1), popcount(x2), popcount(x3)
        x4, x5, x6, x7 = popcount(x4), popcount(x5), popcount(x6), popcount(x7)
    store(a, 0, x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7)


@kernel
def popcounts_of_4(a, steps):
    """Four popcounts a step."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    for _ in range(steps):
        x0, x1, x2, x3 = popcount(x0), popcount(x1), popcount(x2), popcount(x3)
    store(a, 0, x0 + x1 + x2 + x3)


@kernel
def logic_and_adds_of_8(a, steps):
    """Eight exclusive ors and eight additions a step."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    x4, x5, x6, x7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    y = load(a, 64)
    for _ in range(steps):
        x0, x1, x2, x3 = (x0 ^ y) + y, (x1 ^ y) + y, (x2 ^ y) + y, (x3 ^ y) + y
        x4, x5, x6, x7 = (x4 ^ y) + y, (x5 ^ y) + y, (x6 ^ y) + y, (x7 ^ y) + y
    store(a, 0, x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7)


@kernel
def logic_and_adds_of_4(a, steps):
    """Four exclusive ors and four additions a step."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    y = load(a, 64)
    for _ in range(steps):
        x0, x1, x2, x3 = (x0 ^ y) + y, (x1 ^ y) + y, (x2 ^ y) + y, (x3 ^ y) + y
    store(a, 0, x0 + x1 + x2 + x3)


@kernel
def loads_of_8(a, steps):
    """Eight loads a step from 4 KiB, each with one exclusive or."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    x4, x5, x6, x7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    for step in range(steps):
        i = (step & 7) << 6
        x0 ^= load(a, i)
        x1 ^= load(a, i + 8)
        x2 ^= load(a, i + 16)
        x3 ^= load(a, i + 24)
        x4 ^= load(a, i + 32)
        x5 ^= load(a, i + 40)
        x6 ^= load(a, i + 48)
        x7 ^= load(a, i + 56)
    store(a, 0, x0 ^ x1 ^ x2 ^ x3 ^ x4 ^ x5 ^ x6 ^ x7)


@kernel
def loads_of_4(a, steps):
    """Four loads a step from 4 KiB, each with one exclusive or."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    for step in range(steps):
        i = (step & 15) << 5
        x0 ^= load(a, i)
        x1 ^= load(a, i + 8)
        x2 ^= load(a, i + 16)
        x3 ^= load(a, i + 24)
    store(a, 0, x0 ^ x1 ^ x2 ^ x3)


@kernel
def stream(a, steps):
    """Read `STREAMED` words a step, all of ``a`` from the first on."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    for step in range(steps):
        i = step << 6
        x0 ^= load(a, i) ^ load(a, i + 32)
        x1 ^= load(a, i + 8) ^ load(a, i + 40)
        x2 ^= load(a, i + 16) ^ load(a, i + 48)
        x3 ^= load(a, i + 24) ^ load(a, i + 56)
    store(a, 0, x0 ^ x1 ^ x2 ^ x3)


@inline
def _gated(n, g, m, s):
    """One word of a gated product: 2 logic, 2 popcounts and 2 additions."""
    t = m & n
    return n + popcount(t), g + popcount(t & (s ^ g))


@kernel
def gated_of_8(a, steps):
    """Eight words of a gated product a step."""
    n0, n1, n2, n3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    n4, n5, n6, n7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    g0, g1, g2, g3, g4, g5, g6, g7 = n0, n1, n2, n3, n4, n5, n6, n7
    m, s = load(a, 64), load(a, 72)
    for _ in range(steps):
        n0, g0 = _gated(n0, g0, m, s)
        n1, g1 = _gated(n1, g1, m, s)
        n2, g2 = _gated(n2, g2, m, s)
        n3, g3 = _gated(n3, g3, m, s)
        n4, g4 = _gated(n4, g4, m, s)
        n5, g5 = _gated(n5, g5, m, s)
        n6, g6 = _gated(n6, g6, m, s)
        n7, g7 = _gated(n7, g7, m, s)
    store(a, 0, n0 + n1 + n2 + n3 + n4 + n5 + n6 + n7)
    store(a, 8, g0 + g1 + g2 + g3 + g4 + g5 + g6 + g7)


@kernel
def gated_of_2(a, steps):
    """Two words of a gated product a step."""
    n0, n1 = load(a, 0), load(a, 8)
    g0, g1 = n0, n1
    m, s = load(a, 64), load(a, 72)
    for _ in range(steps):
        n0, g0 = _gated(n0, g0, m, s)
        n1, g1 = _gated(n1, g1, m, s)
    store(a, 0, n0 + n1)
    store(a, 8, g0 + g1)


@kernel
def masked_of_8(a, steps):
    """Eight words of a masked product a step: 1 logic, 1 popcount and 1 addition each."""
    c0, c1, c2, c3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    c4, c5, c6, c7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    m, s = load(a, 64), load(a, 72)
    for _ in range(steps):
        c0 += popcount((s ^ c0) & m)
        c1 += popcount((s ^ c1) & m)
        c2 += popcount((s ^ c2) & m)
        c3 += popcount((s ^ c3) & m)
        c4 += popcount((s ^ c4) & m)
        c5 += popcount((s ^ c5) & m)
        c6 += popcount((s ^ c6) & m)
        c7 += popcount((s ^ c7) & m)
    store(a, 0, c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7)


@kernel
def masked_of_4(a, steps):
    """Four words of a masked product a step."""
    c0, c1, c2, c3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    m, s = load(a, 64), load(a, 72)
    for _ in range(steps):
        c0 += popcount((s ^ c0) & m)
        c1 += popcount((s ^ c1) & m)
        c2 += popcount((s ^ c2) & m)
        c3 += popcount((s ^ c3) & m)
    store(a, 0, c0 + c1 + c2 + c3)


@kernel
def plain_of_8(a, steps):
    """Eight words of a plain product a step: 1 logic, 1 popcount and 1 addition each."""
    c0, c1, c2, c3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    c4, c5, c6, c7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    s = load(a, 72)
    for _ in range(steps):
        c0 += popcount(s ^ c0)
        c1 += popcount(s ^ c1)
        c2 += popcount(s ^ c2)
        c3 += popcount(s ^ c3)
        c4 += popcount(s ^ c4)
        c5 += popcount(s ^ c5)
        c6 += popcount(s ^ c6)
        c7 += popcount(s ^ c7)
    store(a, 0, c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7)


@kernel
def plain_of_4(a, steps):
    """Four words of a plain product a step."""
    c0, c1, c2, c3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    s = load(a, 72)
    for _ in range(steps):
        c0 += popcount(s ^ c0)
        c1 += popcount(s ^ c1)
        c2 += popcount(s ^ c2)
        c3 += popcount(s ^ c3)
    store(a, 0, c0 + c1 + c2 + c3)


@kernel
def look_ups_of_4(a, steps):
    """Four look-ups of 64 bytes a step, each with an addition of what was found (AVX2)."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    n = load(a, 64) & splat(LOW_NIBBLES)
    for _ in range(steps):
        x0 = add_bytes(x0, look_up(x0, n))
        x1 = add_bytes(x1, look_up(x1, n))
        x2 = add_bytes(x2, look_up(x2, n))
        x3 = add_bytes(x3, look_up(x3, n))
    store(a, 0, x0 ^ x1 ^ x2 ^ x3)


@kernel
def int8_products_of_6(a, steps):
    """Six products of 64 bytes a step, neighbours added, and all added up (AVX2)."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    x4, x5, w = load(a, 32), load(a, 40), load(a, 64)
    for _ in range(steps):
        x0 = add_shorts(x0, multiply_bytes(x0, w))
        x1 = add_shorts(x1, multiply_bytes(x1, w))
        x2 = add_shorts(x2, multiply_bytes(x2, w))
        x3 = add_shorts(x3, multiply_bytes(x3, w))
        x4 = add_shorts(x4, multiply_bytes(x4, w))
        x5 = add_shorts(x5, multiply_bytes(x5, w))
    store(a, 0, x0 ^ x1 ^ x2 ^ x3 ^ x4 ^ x5)


@kernel
def tile_products(a, steps):
    """Four products of 16 x 64 by 64 x 16 bytes a step, all in matrix tiles (Intel AMX)."""
    begin_tiles()
    for _ in range(steps):
        multiply_tiles(0, 4, 6)
        multiply_tiles(1, 4, 7)
        multiply_tiles(2, 5, 6)
        multiply_tiles(3, 5, 7)
    end_tiles()
