"""Every kernel that draws errors, run at fixed keys: for comparing the ways to run them.

As a program it prints the digest of every case, for a process with the JIT off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import numba as nb
import numpy as np

from ternary_engine.encoding import pack_trits
from ternary_engine.kernels import (
    cell_reads,
    convolution,
    expand,
    faults,
    noisy,
    pack,
    random,
    sampling,
)
from ternary_engine.kernels.integers import load_ints, store_ints
from ternary_engine.kernels.simd import add64, multiply64
from ternary_engine.runtime import noise
from ternary_engine.runtime.read_tables import Changes, frequent_tables, rare_tables
from tests.kernels.operands import NO_CODES, NO_THRESHOLDS, make
from tests.oracles import products

Arrays = tuple[np.ndarray, ...]
KEYS = random.stream_keys(5, "fixed")
EVEN: Changes = ((0.02, 0.01), (0.02, 0.01), (0.015, 0.015))
MEANINGS = {
    "binary": pack.BINARY_PLANES, "ternary": pack.TERNARY_PLANES,
    "unsigned": pack.DIGIT_PLANES, "signed": pack.DIGIT_PLANES,
}  # fmt: skip
UNEVEN: Changes = ((0.02, 0.0), (0.001, 0.03), (0.01, 0.02))
TABLE = np.array([[0.9, 0.02, 0.08], [0.1, 0.7, 0.2], [0.05, 0.05, 0.9]])


@nb.njit
def draw_frequent(cells, positive, negative, firsts, seconds, shapes, start, key1, out):
    """`out`: changes of sixteen times as many outputs as there are words, by `frequent_change`.

    Returns whether there was a tie.
    """
    ties = False
    for word in range(out.size // 16):
        at = word * 16
        change, tied = sampling.frequent_change(
            load_ints(cells, at), load_ints(positive, at), load_ints(negative, at), noisy.MOST,
            firsts, seconds, shapes, add64(start, multiply64(random.NEXT_WORD, word)), key1,
        )  # fmt: skip
        store_ints(out, at, change)
        ties |= tied
    return ties


def rare(
    changes: Changes, cells: int, positive: np.ndarray, negative: np.ndarray, keys: np.ndarray
) -> np.ndarray:
    """Changes of outputs that sense ``cells`` cells each, by candidates.

    A layer of three times as many inputs, of which every third is on; signs of inputs take turns.
    """
    outputs = positive.size
    product = np.zeros((outputs, cells), np.int8)
    order = np.arange(cells)
    product[order < positive[:, None]] = 1
    product[(order >= positive[:, None]) & (order < (positive + negative)[:, None])] = -1
    x = np.zeros(3 * cells, np.int8)
    x[::3] = np.where(order % 2, -1, 1)
    trits = np.ones((outputs, 3 * cells), np.int8)
    trits[:, ::3] = product * x[::3]
    codes = products.pack(x[None].astype(np.int64), products.make_codes("ternary")).reshape(-1)
    order = np.arange(3 * cells)
    places = (order >> 6) * 2 << 6 | order & 63
    few = rare_tables(changes, 3 * cells, outputs)
    sums = np.zeros(outputs, np.int32)
    noisy.change_rarely(
        np.append(codes, np.zeros(2, np.uint64)), np.zeros(1, np.int64), places.astype(np.int32),
        np.zeros(outputs, np.int64), 3 * cells, pack_trits(trits), few.block, few.tails, few.guide,
        few.levels, few.changes, keys[None], outputs, sums,
    )  # fmt: skip
    return sums.astype(np.int64)


def frequent(
    changes: Changes, cells: np.ndarray, positive: np.ndarray, negative: np.ndarray,
    keys: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Changes of outputs with their own numbers of cells, by tables."""
    tables = frequent_tables(changes)
    spare = -positive.size % 16
    counts = (np.pad(one, (0, spare)).astype(np.int32) for one in (cells, positive, negative))
    out = np.zeros(positive.size + spare, np.int32)
    draw_frequent(*counts, tables.firsts, tables.seconds, tables.shapes, *keys, out)
    return out[: positive.size].astype(np.int64)


def entries(firsts: np.ndarray, seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares (thresholds as fractions of 1) and aliases of an alias table."""
    first = firsts.astype(np.int64) & 0xFFFFFFFF
    units = first >> sampling.ALIAS_BITS << sampling.SECOND_BITS | seconds.astype(np.int64)
    return units / 2.0**56, first & 0xFF


def _classes(seed: int, cells: int, outputs: int = 72) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    positive = draw.integers(0, cells + 1, outputs)
    return positive, draw.integers(0, cells - positive + 1)


def _rare() -> Arrays:
    cases = [(changes, cells) for changes in (EVEN, UNEVEN) for cells in (0, 1, 30, 77)]
    return tuple(rare(changes, n, *_classes(1, n), KEYS) for changes, n in cases)


def _frequent() -> Arrays:
    found = []
    for changes in (EVEN, UNEVEN, ((0.5, 0.5), (0.0, 0.0), (0.9, 0.1))):
        for cells in (0, 1, 30, 700):
            all_cells = np.full(72, cells)
            found.append(frequent(changes, all_cells, *_classes(2, cells), KEYS))
    return tuple(found)


def _alias() -> Arrays:
    draw = np.random.default_rng(3)
    mass = draw.random((20, 16)) ** 4
    mass[3] = 0.0
    mass[3, 5] = 1.0
    table = np.empty(mass.size, np.int32), np.empty(mass.size, np.uint32)
    sampling.fill_alias(mass / mass.sum(1, keepdims=True), *table)
    return table


def _faults() -> Arrays:
    trits = np.random.default_rng(4).integers(-1, 2, 1003)
    found = []
    for rate in (1e-3, 0.05, 0.9, 1.0):
        table = np.eye(3) + rate * (np.array([[0, 0.3, 0.7], [0.5, 0, 0.5], [0.2, 0.1, 0.7]]))
        table -= np.diag(table.sum(1) - 1.0)
        most, levels = noise.share_levels(table)
        where, read = np.full(1003, -9), np.full(1003, -9, np.int8)
        count = faults.draw_faults(
            pack_trits(trits.astype(np.int8)), 1003, noise.log_keep(most), levels, KEYS, where, read
        )
        found += [np.array(count), where, read]
    return tuple(found)


def _expand() -> Arrays:
    found = []
    for kind, bits in (("binary", 1), ("ternary", 1), ("signed", 3)):
        codes = products.make_codes(kind, bits)
        integers = np.random.default_rng(5).choice(np.array(codes.integers), (6, 70))
        packed = products.pack(integers, codes)
        sources = np.arange(6) * packed[0].size
        for which in (-1, 0, 1) if bits == 1 else (0, 2):
            out = np.full(6 * 4, 7, np.uint64)
            real = np.array([2**64 - 1, 63], np.uint64)
            expand.expand_planes(
                packed.reshape(-1), 2, codes.planes, MEANINGS[kind], which, real,
                sources, np.arange(6) * 4, out,
            )  # fmt: skip
            found.append(out)
    return tuple(found)


def noisy_sums(seed: int, *, changes: Changes, keys: np.ndarray) -> Arrays:
    """`count_products` and `change_frequently`: sums, those without errors, and cells sensed."""
    operands = make("ternary", 70, 35, 7, runs=2, pixels=2, seed=seed)
    counts = np.zeros(len(operands.starts), np.int32)
    codes, tables = operands.packed_codes(), operands.tables()
    noisy.count_inputs(codes, tables[0], tables[1], tables[2], counts)
    streams = np.stack([keys + np.array([i << 20, 0], np.uint64) for i in range(len(counts))])
    many = frequent_tables(changes)
    pitch = operands.panels * 16
    sums, nonzero, clean = (np.zeros(len(counts) * pitch, np.int32) for _ in range(3))
    noisy.count_products(codes, operands.packed_weights(), *tables, sums, nonzero)
    results = sums.copy()
    noisy.change_frequently(
        sums, nonzero, pitch, counts, 1, streams, many.firsts, many.seconds, many.shapes, 1, results
    )
    targets = np.arange(len(counts)) * pitch
    finish = (0, 1, NO_THRESHOLDS, np.zeros(0, np.uint16), targets, NO_CODES)
    convolution.convolve_gated(codes, operands.packed_weights(), *tables, *finish, clean)
    return results, clean, counts


def _cell_reads() -> Arrays:
    draw = np.random.default_rng(6)
    x = draw.integers(-1, 2, 2 * 4 * 12).astype(np.float32)
    trits = draw.integers(-1, 2, (6, 4, 2), np.int8)
    window = np.array([3, 4, 2, 4, 2, 2, 1, 1, 0, 1, 1])
    most, levels = noise.share_levels(TABLE)
    keys = random.sample_keys(KEYS, 0, 2)
    found = []
    for by_output in (True, False):
        cells = (x, (48, 12, 1), window, 2, trits, by_output)
        where, read = np.full((400, 3), -9), np.full(400, -9, np.int8)
        count = cell_reads.draw_read_events(*cells, noise.log_keep(most), levels, keys, where, read)
        out = np.zeros(2 * 6 * 8, np.float32)
        values = np.tile(np.array([-1, 0, 1], np.float32), (6, 1))
        cell_reads.apply_read_events(*cells, where[:count], read[:count], values, out, (48, 8, 1))
        found += [np.array(count), where, read, out]
    return tuple(found)


CASES: dict[str, Callable[[], Arrays]] = {
    "rare": _rare,
    "frequent": _frequent,
    "alias tables": _alias,
    "faults": _faults,
    "expand": _expand,
    "noisy products": lambda: noisy_sums(1, changes=EVEN, keys=KEYS),
    "cell reads": _cell_reads,
}


def digest(arrays: Arrays) -> str:
    """Of all bits of some arrays."""
    text = hashlib.sha256()
    for array in arrays:
        text.update(f"{array.dtype.str} {array.shape}".encode() + array.tobytes())
    return text.hexdigest()


if __name__ == "__main__":
    print(json.dumps({name: digest(case()) for name, case in CASES.items()}))
