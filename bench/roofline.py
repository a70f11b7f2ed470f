"""What this machine can issue: measured rates of the vector instructions the products are made of.

Each probe repeats a pattern over eight SIMD words that depend on themselves alone, so that nothing
but the issue of instructions limits it. The last three are the inner loops of the products with
their operands in registers: the mix decides which ports conflict, and that is the roof a product
stands under, whatever the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.simd import load, popcount, store

PRODUCTS = 512  # multiply-accumulates of one SIMD word
STEPS = 20_000
ROUNDS = 60


@kernel
def popcounts(a, steps):
    """Eight popcounts a step."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    x4, x5, x6, x7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    for _ in range(steps):
        x0, x1, x2, x3 = popcount(x0), popcount(x1), popcount(x2), popcount(x3)
        x4, x5, x6, x7 = popcount(x4), popcount(x5), popcount(x6), popcount(x7)
    store(a, 0, x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7)


@kernel
def logic_and_adds(a, steps):
    """Eight exclusive ors and eight additions a step."""
    x0, x1, x2, x3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    x4, x5, x6, x7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    y = load(a, 64)
    for _ in range(steps):
        x0, x1, x2, x3 = (x0 ^ y) + y, (x1 ^ y) + y, (x2 ^ y) + y, (x3 ^ y) + y
        x4, x5, x6, x7 = (x4 ^ y) + y, (x5 ^ y) + y, (x6 ^ y) + y, (x7 ^ y) + y
    store(a, 0, x0 + x1 + x2 + x3 + x4 + x5 + x6 + x7)


@kernel
def loads(a, steps):
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
def gated(a, steps):
    """Eight words of a gated product a step: 2 logic, 2 popcounts and 2 additions each."""
    n0, n1, n2, n3 = load(a, 0), load(a, 8), load(a, 16), load(a, 24)
    n4, n5, n6, n7 = load(a, 32), load(a, 40), load(a, 48), load(a, 56)
    g0, g1, g2, g3, g4, g5, g6, g7 = n0, n1, n2, n3, n4, n5, n6, n7
    m, s = load(a, 64), load(a, 72)
    for _ in range(steps):
        t = m & n0
        n0 += popcount(t)
        g0 += popcount(t & (s ^ g0))
        t = m & n1
        n1 += popcount(t)
        g1 += popcount(t & (s ^ g1))
        t = m & n2
        n2 += popcount(t)
        g2 += popcount(t & (s ^ g2))
        t = m & n3
        n3 += popcount(t)
        g3 += popcount(t & (s ^ g3))
        t = m & n4
        n4 += popcount(t)
        g4 += popcount(t & (s ^ g4))
        t = m & n5
        n5 += popcount(t)
        g5 += popcount(t & (s ^ g5))
        t = m & n6
        n6 += popcount(t)
        g6 += popcount(t & (s ^ g6))
        t = m & n7
        n7 += popcount(t)
        g7 += popcount(t & (s ^ g7))
    store(a, 0, n0 + n1 + n2 + n3 + n4 + n5 + n6 + n7)
    store(a, 8, g0 + g1 + g2 + g3 + g4 + g5 + g6 + g7)


@kernel
def masked(a, steps):
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
def plain(a, steps):
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


@dataclass(frozen=True)
class Roofline:
    """Rates of one core, in 1e9 per second.

    Attributes:
        popcount: SIMD popcounts.
        logic_add: SIMD exclusive ors and additions, in all.
        load: SIMD loads.
        gated, masked, plain: multiply-accumulates with operands in registers.
    """

    popcount: float
    logic_add: float
    load: float
    gated: float
    masked: float
    plain: float


def _best_seconds(probe: Callable[..., None], rounds: int) -> float:
    room = np.zeros(1024 + 8, np.uint64)  # words that cross no cache line
    first = -room.ctypes.data % 64 // 8
    a = room[first : first + 1024]
    a[:] = np.random.default_rng(1).integers(0, 2**63, 1024)
    probe(a, 1)
    best = np.inf
    for _ in range(rounds):
        before = time.perf_counter()
        probe(a, STEPS)
        best = min(best, time.perf_counter() - before)
    return best


def measure(rounds: int = ROUNDS) -> Roofline:
    """Probe this core; a tenth of a second or so."""
    per_step = {probe: 8 * STEPS / _best_seconds(probe, rounds) / 1e9
                for probe in (popcounts, logic_and_adds, loads, gated, masked, plain)}  # fmt: skip
    return Roofline(
        popcount=per_step[popcounts],
        logic_add=2 * per_step[logic_and_adds],
        load=per_step[loads],
        gated=PRODUCTS * per_step[gated],
        masked=PRODUCTS * per_step[masked],
        plain=PRODUCTS * per_step[plain],
    )


if __name__ == "__main__":
    for name, rate in vars(measure()).items():
        print(f"{name:10} {rate:8.2f} G/s")
