"""How weights lie for matrix tiles, and the tables that spread packed codes out to bytes."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.layout import PANEL, WORD_BITS, words_for

Int8Array = npt.NDArray[np.int8]
Int32Array = npt.NDArray[np.int32]
Int64Array = npt.NDArray[np.int64]

PAIR = 2 * PANEL  # outputs that a step computes
# Most words of inputs spread out at a time. 32 windows of them fill half the first cache; the codes
# they come from, weights on their way and sums need the rest (18 words: a tenth slower).
BLOCK = 12
ROWS = 32  # windows of a step
SHARED = 256  # windows whose sums wait for the next block of inputs; a multiple of ROWS
MAX_PLANES = 8


def block_edges(inputs: int) -> Int64Array:
    """int64 [blocks + 1]: the words of dense inputs, split into even blocks."""
    words = words_for(inputs)
    blocks = max(1, -(-words // BLOCK))
    return np.arange(blocks + 1, dtype=np.int64) * words // blocks


def pack_tiles(weights: Int8Array) -> Int8Array:
    """Weights [outputs, inputs] as tiles: flat int8 [block][pair][word][2][16][16 outputs][4]."""
    outputs, inputs = weights.shape
    words, pairs = words_for(inputs), -(-outputs // PAIR)
    padded = np.zeros((pairs * PAIR, words * WORD_BITS), np.int8)
    padded[:outputs, :inputs] = weights
    tiles = padded.reshape(pairs, 2, PANEL, words, 16, 4).transpose(0, 3, 1, 4, 2, 5)
    edges = block_edges(inputs)
    return np.concatenate([tiles[:, i:j].reshape(-1) for i, j in itertools.pairwise(edges)])


def spread_steps(
    offsets: Int64Array, channels: int, planes: int
) -> tuple[Int64Array, Int64Array, Int64Array]:
    """Tables that lead through the words of a window.

    Args:
        offsets: int64 [taps], where every tap lies. channels: channels of a tap.
        planes: planes of a word.

    Returns:
        ``sources``, ``places`` and ``blocks`` of `tile_product.convolve_tiles`.
    """
    words = np.arange(words_for(channels))
    sources = (offsets[:, None] + words * planes).reshape(-1)
    places = (np.arange(offsets.size)[:, None] * channels + words * WORD_BITS).reshape(-1)
    edges = block_edges(offsets.size * channels)
    first = np.searchsorted(places, edges[:-1] * WORD_BITS - WORD_BITS, side="right")
    last = np.searchsorted(places, edges[1:] * WORD_BITS)
    blocks = np.stack([edges[:-1], edges[1:], first, last], axis=1)
    return sources.astype(np.int64), places.astype(np.int64), blocks.astype(np.int64)


def byte_form(kind: str, planes: int) -> tuple[npt.NDArray[np.uint64], int]:
    """How planes become bytes.

    Args:
        kind: ``binary``, ``ternary``, ``signed`` or ``unsigned``. planes: planes of a word.

    Returns:
        uint64 [11]: for every byte of the squares of bits to transpose, which byte of the planes
        it is; which bits to keep of the result; which to turn; the number of planes. And how much
        smaller bytes are than codes: 128 for unsigned codes of eight bits, else 0.
    """
    plane_of_bit = {
        "binary": [0] * 8,
        "ternary": [0] + [1] * 7,
        "signed": [min(bit, planes - 1) for bit in range(8)],
        "unsigned": [min(bit, planes - 1) for bit in range(8)],
    }[kind]
    indices = [[plane * 8 + group for plane in plane_of_bit[::-1]] for group in range(8)]
    low = kind == "unsigned" and planes == 8
    keep = {"binary": 0xFE, "unsigned": (1 << planes) - 1}.get(kind, 0xFF)
    turn = 0x80 if low else 1 if kind == "binary" else 0
    form = np.zeros(11, np.uint64)
    form[:8] = np.array(indices, np.uint8).reshape(-1).view(np.uint64)
    form[8:10] = np.array([keep, turn], np.uint64) * np.uint64(0x0101010101010101)
    form[10] = planes
    return form, 128 if low else 0


def spread_pairs(values: Int64Array) -> Int32Array:
    """Per-output numbers [classes, outputs], flat [class][pairs * 32], zeros behind."""
    classes, outputs = values.shape
    padded = np.zeros((classes, -(-outputs // PAIR) * PAIR), np.int32)
    padded[:, :outputs] = values
    return padded.reshape(-1)


def thresholds(reached: npt.NDArray[np.integer[Any]], falling: npt.NDArray[np.bool_]) -> Int32Array:
    """Thresholds of ``tile_product.convolve_tiles``, flat [pair][threshold][32].

    Args:
        reached: integers [outputs, 1 or 2], ascending; a sum is compared as ``sum >= threshold``.
        falling: bool [outputs], the code falls as the sum rises; weights have changed sign there.

    Returns:
        int32; sums of spare outputs, which are 0, lie between theirs and give zero bits.
    """
    outputs, steps = reached.shape
    limits = np.iinfo(np.int32)
    upward = reached.clip(limits.min, limits.max).astype(np.int64)
    upward = np.where(falling[:, None], 1 - upward[:, ::-1], upward)
    pairs = -(-outputs // PAIR)
    padded = np.empty((pairs * PAIR, steps), np.int32)
    padded[:] = [limits.min, limits.max][:steps]
    padded[:outputs] = upward.clip(limits.min, limits.max)
    return np.ascontiguousarray(padded.reshape(pairs, PAIR, steps).transpose(0, 2, 1)).reshape(-1)


def room_for(blocks: Int64Array, outputs: int) -> tuple[int, int]:
    """Elements of ``rows`` and ``part`` of `tile_product.convolve_tiles`."""
    widest = int((blocks[:, 1] - blocks[:, 0]).max())
    pairs = -(-outputs // PAIR)
    tiles = 2 + (SHARED // ROWS * pairs if len(blocks) > 1 else 0)
    return 64 + 32 * (widest + 1) * 64, tiles * 1024
