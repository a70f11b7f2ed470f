"""The limits of this machine, measured: what one core issues, and what it reads from memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MEANINGS", "measure"]

WORD_MACS = 512  # multiply-accumulates of one SIMD word
WORD_BYTES = 64
TILE_MACS = 16 * 16 * 64  # of one product of tiles
STEPS = 20_000
ROUNDS = 40
STREAMED_BYTES = 1 << 28  # far more than any cache holds
STREAM_BLOCK = 1 << 22  # timed at a time: over before another program has its turn

MEANINGS: Mapping[str, tuple[str, str]] = {
    "popcount": ("G/s", "popcounts of 512 bits"),
    "logic and add": ("G/s", "exclusive ors and additions of 512 bits"),
    "load": ("G/s", "loads of 512 bits, first cache"),
    "gated": ("GMAC/s", "ternary x ternary by popcounts, operands in registers"),
    "masked": ("GMAC/s", "ternary x binary by popcounts, operands in registers"),
    "plain": ("GMAC/s", "binary x binary by popcounts, operands in registers"),
    "look-up": ("G/s", "look-ups of 64 bytes by nibbles, each added (128 ternary products)"),
    "int8": ("GMAC/s", "int8 products by bytes, operands in registers"),
    "tiles": ("GMAC/s", "int8 products of matrix tiles (AMX)"),
    "memory": ("GB/s", "bytes read from memory"),
}

Probe = tuple[Callable[..., None], float]  # a kernel, and what it does in a step


def measure(names: Iterable[str] = tuple(MEANINGS), rounds: int = ROUNDS) -> dict[str, float]:
    """Probe one core; half a second or so for all.

    Args:
        names: which limits; defaults to all. Those that the machine has not got are left out.
        rounds: how often each is tried; the best counts.

    Returns:
        Rates in 1e9 a second, by name; what they mean is in `MEANINGS`.
    """
    probes = _probes()
    found = {}
    for name in names:
        if name == "memory":
            found[name] = _stream_rate(max(3, rounds // 8))
        elif name in probes:
            found[name] = max(
                work * STEPS / _best_seconds(probe, rounds) / 1e9 for probe, work in probes[name]
            )
    return found


def _probes() -> dict[str, list[Probe]]:
    from ternary_engine.kernels import nibbles, probes
    from ternary_engine.runtime import tiles

    known: dict[str, list[Probe]] = {
        "popcount": [(probes.popcounts_of_8, 8), (probes.popcounts_of_4, 4)],
        "logic and add": [(probes.logic_and_adds_of_8, 16), (probes.logic_and_adds_of_4, 8)],
        "load": [(probes.loads_of_8, 8), (probes.loads_of_4, 4)],
        "gated": [(probes.gated_of_8, 8 * WORD_MACS), (probes.gated_of_2, 2 * WORD_MACS)],
        "masked": [(probes.masked_of_8, 8 * WORD_MACS), (probes.masked_of_4, 4 * WORD_MACS)],
        "plain": [(probes.plain_of_8, 8 * WORD_MACS), (probes.plain_of_4, 4 * WORD_MACS)],
    }
    if nibbles.are_supported():
        known["look-up"] = [(probes.look_ups_of_4, 4)]
        known["int8"] = [(probes.int8_products_of_6, 6 * WORD_BYTES)]
    if tiles.available():
        known["tiles"] = [(probes.tile_products, 4 * TILE_MACS)]
    return known


def _words(count: int) -> npt.NDArray[np.uint64]:
    """Random words that start a cache line."""
    from ternary_engine.kernels.layout import aligned

    return aligned(np.random.default_rng(1).integers(0, 2**63, count, np.uint64))


def _best_seconds(probe: Callable[..., Any], rounds: int) -> float:
    from ternary_engine.kernels.probes import ROOM

    words = _words(ROOM)
    probe(words, 1)
    best = np.inf
    for _ in range(rounds):
        before = time.perf_counter()
        probe(words, STEPS)
        best = min(best, time.perf_counter() - before)
    return float(best)


def _stream_rate(rounds: int) -> float:
    """Read memory in 1e9 bytes a second, by one core."""
    from ternary_engine.kernels.layout import aligned
    from ternary_engine.kernels.probes import STREAMED, stream

    words = aligned(np.ones(STREAMED_BYTES // 8, np.uint64))
    steps = STREAM_BLOCK // 8 // STREAMED
    stream(words, 1)
    best = np.inf
    for _ in range(rounds):
        for first in range(0, words.size - steps * STREAMED + 1, steps * STREAMED):
            before = time.perf_counter()
            stream(words[first:], steps)
            best = min(best, time.perf_counter() - before)
    return float(steps * STREAMED * 8 / best / 1e9)
