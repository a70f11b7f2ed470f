"""SIMD words as 64 bytes or 32 int16, beside the 64-bit lanes of `simd`: what look-ups work on.

The look-up itself, sixteen bytes by a nibble, is an instruction of x86 (AVX2 `vpshufb`): compiled
kernels that use it ask `are_supported` first. As in `simd`, the Python bodies run with the JIT off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import lower_builtin

from ternary_engine.kernels.bytes import _BYTE, _BYTES, _TWO, _VECTOR, _call
from ternary_engine.kernels.compile import features
from ternary_engine.kernels.simd import LANES, Number, Word, _as_index, _declare, _element_pointer
from ternary_engine.kernels.simd import word_type as _word

UInt64Array = npt.NDArray[np.uint64]


def are_supported() -> bool:
    """Whether compiled kernels may look nibbles up: Numba compiles for a processor with AVX2."""
    settings: Any = numba.config  # its fields are made at run time
    return not settings.DISABLE_JIT and "avx2" in features()


def pay_here() -> bool:
    """Whether look-ups are faster than popcounts: not where popcounts are instructions."""
    return are_supported() and "avx512vpopcntdq" not in features()


# What runs with the JIT off


def load_half(array: UInt64Array, index: int) -> Word:
    """Four consecutive elements of a flat uint64 array, twice."""
    return np.tile(array[index : index + 4], 2)


def spread_pair(array: UInt64Array, i: int, j: int) -> Word:
    """Two elements of a flat uint64 array from ``i`` on, twice, then two from ``j`` on, twice."""
    return np.concatenate([np.tile(array[at : at + 2], 2) for at in (int(i), int(j))])


def look_up(table: Word, nibbles: Word) -> Word:
    """Byte i of the result is one of the sixteen bytes of ``table`` around byte i.

    ``table`` holds four tables of sixteen bytes, each for the sixteen bytes of ``nibbles`` (0 to
    15) in its place.
    """
    quarter = np.repeat(np.arange(4), 16) * 16
    return table.view(np.uint8)[quarter + nibbles.view(np.uint8)].view(np.uint64)


def add_bytes(left: Word, right: Word) -> Word:
    """Sums of the 64 bytes, modulo 256."""
    return (left.view(np.uint8) + right.view(np.uint8)).view(np.uint64)


def add_shorts(left: Word, right: Word) -> Word:
    """Sums of the 32 int16, modulo 2**16."""
    return (left.view(np.uint16) + right.view(np.uint16)).view(np.uint64)


def even_bytes(word: Word) -> Word:
    """Bytes 0, 2, 4, ... as 32 int16."""
    return (word.view(np.uint16) & np.uint16(0xFF)).view(np.uint64)


def odd_bytes(word: Word) -> Word:
    """Bytes 1, 3, 5, ... as 32 int16."""
    return (word.view(np.uint16) >> np.uint16(8)).view(np.uint64)


def shorts_at_least(even: Word, odd: Word, even_levels: Word, odd_levels: Word) -> int:
    """Bit 2 i set where int16 i of ``even`` reaches its level, bit 2 i + 1 where ``odd`` does."""
    pairs = ((even, even_levels), (odd, odd_levels))
    reached = np.stack([a.view(np.int16) >= b.view(np.int16) for a, b in pairs], axis=1)
    bits: int = np.packbits(reached.reshape(-1), bitorder="little").view(np.uint64)[0]
    return bits


def store_in_turn(array: npt.NDArray[np.int16], index: int, even: Word, odd: Word) -> None:
    """Write the int16 of two words in turn to 64 consecutive places of a flat array."""
    array[index : index + 64 : 2] = even.view(np.int16)
    array[index + 1 : index + 65 : 2] = odd.view(np.int16)


def store_eight(array: npt.NDArray[Any], index: int, value: Number) -> None:
    """Write a 64-bit number over eight bytes of a flat array, from an element on."""
    size = 8 // array.itemsize
    array[index : index + size] = np.array([value], np.uint64).view(array.dtype)


def store_folded(array: npt.NDArray[np.uint8], index: int, word: Word) -> None:
    """Write the bits of either half of a word to 32 consecutive bytes."""
    array[index : index + 32] = (word[:4] | word[4:]).view(np.uint8)


# What the compiler sees

for _function, _result in (
    (load_half, _word),
    (spread_pair, _word),
    (look_up, _word),
    (add_bytes, _word),
    (add_shorts, _word),
    (even_bytes, _word),
    (odd_bytes, _word),
    (shorts_at_least, types.uint64),
    (store_in_turn, types.none),
    (store_eight, types.none),
    (store_folded, types.none),
):
    _declare(_function, _result)

_SHORTS = ir.VectorType(ir.IntType(16), 4 * LANES)
_HALF = ir.VectorType(_BYTE, 32)
_FOUR = ir.VectorType(ir.IntType(64), 4)


def _shuffle(builder: Any, vectors: Sequence[Any], lanes: Sequence[int]) -> Any:
    """Lanes of one vector, or of two one behind the other."""
    places = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
    return builder.shuffle_vector(vectors[0], vectors[-1], places)


def _loaded(context: Any, builder: Any, sig: Any, args: Any, which: int, vector: Any) -> Any:
    index = _as_index(context, builder, args[which], sig.args[which])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=8)


@lower_builtin(load_half, types.Array, types.Integer)
def _load_half(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    half = _loaded(context, builder, sig, args, 1, _FOUR)
    return _shuffle(builder, [half], [0, 1, 2, 3] * 2)


@lower_builtin(spread_pair, types.Array, types.Integer, types.Integer)
def _spread_pair(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    pair = [_loaded(context, builder, sig, args, which, _TWO) for which in (1, 2)]
    return _shuffle(builder, pair, [0, 1, 0, 1, 2, 3, 2, 3])


@lower_builtin(look_up, _word, _word)
def _look_up(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    found = []
    for first in (0, 32):
        halves = []
        for arg in args:
            all_bytes = builder.bitcast(arg, _BYTES)
            halves.append(_shuffle(builder, [all_bytes], range(first, first + 32)))
        found.append(_call(builder, "llvm.x86.avx2.pshuf.b", _HALF, *halves))
    return builder.bitcast(_shuffle(builder, found, range(64)), _VECTOR)


def _lower_add(function: Any, vector: Any) -> None:
    @lower_builtin(function, _word, _word)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        left, right = (builder.bitcast(arg, vector) for arg in args)
        return builder.bitcast(builder.add(left, right), _VECTOR)


_lower_add(add_bytes, _BYTES)
_lower_add(add_shorts, _SHORTS)


def _lower_split(function: Any, emit: str, by: int) -> None:
    @lower_builtin(function, _word)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number = ir.Constant(_SHORTS, [by] * _SHORTS.count)
        split = getattr(builder, emit)(builder.bitcast(args[0], _SHORTS), number)
        return builder.bitcast(split, _VECTOR)


_lower_split(even_bytes, "and_", 0xFF)
_lower_split(odd_bytes, "lshr", 8)


@lower_builtin(shorts_at_least, _word, _word, _word, _word)
def _shorts_at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    shorts = [builder.bitcast(arg, _SHORTS) for arg in args]
    below = [
        builder.bitcast(builder.sext(builder.icmp_signed("<", sums, levels), _SHORTS), _BYTES)
        for sums, levels in zip(shorts[:2], shorts[2:], strict=True)
    ]
    # Each comparison fills both bytes of a lane: one from each gives the bytes back their order.
    both = _shuffle(builder, below, [i if i % 2 == 0 else 64 + i for i in range(64)])
    bits = builder.icmp_signed("<", both, ir.Constant(_BYTES, [0] * 64))
    return builder.not_(builder.bitcast(bits, ir.IntType(64)))


@lower_builtin(store_in_turn, types.Array, types.Integer, _word, _word)
def _store_in_turn(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    even, odd = (builder.bitcast(arg, _SHORTS) for arg in args[2:])
    for half in (0, 1):
        lanes = [lane for i in range(16) for lane in (16 * half + i, 32 + 16 * half + i)]
        further = builder.add(index, ir.Constant(index.type, 32 * half))
        pointer = _element_pointer(context, builder, sig.args[0], args[0], further)
        pointer = builder.bitcast(pointer, _SHORTS.as_pointer())
        builder.store(_shuffle(builder, [even, odd], lanes), pointer, align=2)
    return context.get_dummy_value()


@lower_builtin(store_eight, types.Array, types.Integer, types.Integer)
def _store_eight(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    value = context.cast(builder, args[2], sig.args[2], types.uint64)
    builder.store(value, builder.bitcast(pointer, ir.IntType(64).as_pointer()), align=1)
    return context.get_dummy_value()


@lower_builtin(store_folded, types.Array, types.Integer, _word)
def _store_folded(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    low, high = (_shuffle(builder, args[2:], lanes) for lanes in (range(4), range(4, 8)))
    pointer = builder.bitcast(pointer, _FOUR.as_pointer())
    builder.store(builder.or_(low, high), pointer, align=1)
    return context.get_dummy_value()
