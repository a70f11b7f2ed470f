"""SIMD words as 16 int32, and as bytes that multiply to int16: int8 products, and samplers.

Products of unsigned and signed bytes and sums of neighbours are instructions of x86 (AVX2
`vpmaddubsw`, `vpmaddwd`): compiled kernels that use them ask `nibbles.are_supported` first. As in
`simd`, the Python bodies run with the JIT off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import lower_builtin

from ternary_engine.kernels.bytes import _BYTES, _INTS, _VECTOR, _call, _ints
from ternary_engine.kernels.compile import features
from ternary_engine.kernels.nibbles import _SHORTS, _lower_add, _shuffle
from ternary_engine.kernels.simd import (
    Number,
    Word,
    _as_index,
    _broadcast,
    _declare,
    _element_pointer,
)
from ternary_engine.kernels.simd import word_type as _word

Int32Array = npt.NDArray[np.int32]

# What runs with the JIT off


def spread_four(array: npt.NDArray[np.uint8], index: int) -> Word:
    """Four consecutive elements of a flat uint8 array, sixteen times."""
    return np.tile(array[index : index + 4], 16).view(np.uint64)


def multiply_bytes(codes: Word, weights: Word) -> Word:
    """Products of unsigned bytes with signed ones, those of neighbours added: 32 int16.

    Sums outside int16 are cut off at its ends.
    """
    products = codes.view(np.uint8).astype(np.int32) * weights.view(np.int8)
    pairs = products.reshape(-1, 2).sum(axis=1)
    return pairs.clip(-(1 << 15), (1 << 15) - 1).astype(np.int16).view(np.uint64)


def add_neighbours(word: Word) -> Word:
    """Sums of neighbouring int16 of a word: 16 int32."""
    pairs = word.view(np.int16).astype(np.int32).reshape(-1, 2).sum(axis=1)
    return pairs.astype(np.int32).view(np.uint64)


def add_ints(left: Word, right: Word) -> Word:
    """Sums of the 16 int32, modulo 2**32."""
    return (left.view(np.uint32) + right.view(np.uint32)).view(np.uint64)


def subtract_ints(left: Word, right: Word) -> Word:
    """Differences of the 16 int32, modulo 2**32."""
    return (left.view(np.uint32) - right.view(np.uint32)).view(np.uint64)


def multiply_ints(left: Word, right: Word) -> Word:
    """Products of the 16 int32, modulo 2**32."""
    return (left.view(np.uint32) * right.view(np.uint32)).view(np.uint64)


def shift_ints_left(word: Word, bits: int) -> Word:
    """Every int32 shifted left by ``bits`` (less than 32)."""
    return (word.view(np.uint32) << np.uint32(bits)).view(np.uint64)


def shift_ints_right(word: Word, bits: int) -> Word:
    """Every int32 shifted right by ``bits`` (less than 32), zeros coming in."""
    return (word.view(np.uint32) >> np.uint32(bits)).view(np.uint64)


def splat_ints(value: Number) -> Word:
    """A word with the same int32 sixteen times."""
    return np.full(16, int(value) & 0xFFFFFFFF, np.uint32).view(np.uint64)


def load_ints(array: Int32Array, index: int) -> Word:
    """Sixteen consecutive int32 of a flat array."""
    return array[index : index + 16].copy().view(np.uint64)


def gather_ints(array: Int32Array, indices: Word) -> Word:
    """One element of a flat int32 array for each of 16 int32 indices, which count from 0 up."""
    return array[indices.view(np.int32)].view(np.uint64)


def select_ints_below(left: Word, right: Word, then: Word, otherwise: Word) -> Word:
    """``then`` in the int32 where ``left < right``, else ``otherwise``."""
    below = left.view(np.int32) < right.view(np.int32)
    return np.where(below, then.view(np.int32), otherwise.view(np.int32)).view(np.uint64)


def any_ints_equal(left: Word, right: Word) -> bool:
    """Whether any of the 16 int32 are equal."""
    return bool((left.view(np.int32) == right.view(np.int32)).any())


def ints_at_least(sums: Word, levels: Word) -> int:
    """Bit i set where int32 i of ``sums`` reaches that of ``levels``."""
    reached = sums.view(np.int32) >= levels.view(np.int32)
    return int(np.packbits(reached, bitorder="little").view(np.uint16)[0])


def store_ints(array: Int32Array, index: int, word: Word) -> None:
    """Write the 16 int32 of a word to consecutive places of a flat array."""
    array[index : index + 16] = word.view(np.int32)


def bytes_with(word: Word, bits: Word) -> Word:
    """Bytes of ones where a byte of ``word`` has any of the bits of that of ``bits``, or zeros."""
    found = (word.view(np.uint8) & bits.view(np.uint8)) != 0
    return (found * np.uint8(255)).view(np.uint64)


# What the compiler sees

for _function, _result in (
    (spread_four, _word),
    (multiply_bytes, _word),
    (add_neighbours, _word),
    (add_ints, _word),
    (subtract_ints, _word),
    (multiply_ints, _word),
    (shift_ints_left, _word),
    (shift_ints_right, _word),
    (splat_ints, _word),
    (load_ints, _word),
    (gather_ints, _word),
    (select_ints_below, _word),
    (any_ints_equal, types.boolean),
    (ints_at_least, types.uint64),
    (store_ints, types.none),
    (bytes_with, _word),
):
    _declare(_function, _result)

_INT = ir.IntType(32)


@lower_builtin(spread_four, types.Array, types.Integer)
def _spread_four(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    four = builder.load(builder.bitcast(pointer, _INT.as_pointer()), align=1)
    return builder.bitcast(_broadcast(builder, four, _INTS), _VECTOR)


def _lower_x86(
    builder: Any, operands: tuple[Any, Any], element: Any, result: Any, names: tuple[str, str]
) -> Any:
    """An instruction of x86 on whole words, or on their halves where AVX-512BW is not to be used.

    Args:
        builder: as Numba gives it. operands: two vectors of 512 bits of one type.
        element: type of an element of the result. result: vector type of the result.
        names: of the instruction for halves and for words.
    """
    if "avx512bw" in features():
        return _call(builder, names[1], result, *operands)
    each, half = operands[0].type.count // 2, ir.VectorType(element, result.count // 2)
    halves = [
        _call(
            builder, names[0], half, *(_shuffle(builder, [o], range(i, i + each)) for o in operands)
        )
        for i in (0, each)
    ]
    return _shuffle(builder, halves, range(result.count))


@lower_builtin(multiply_bytes, _word, _word)
def _multiply_bytes(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    operands = tuple(builder.bitcast(arg, _BYTES) for arg in args)
    names = ("llvm.x86.avx2.pmadd.ub.sw", "llvm.x86.avx512.pmaddubs.w.512")
    pairs = _lower_x86(builder, operands, ir.IntType(16), _SHORTS, names)
    return builder.bitcast(pairs, _VECTOR)


@lower_builtin(add_neighbours, _word)
def _add_neighbours(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    ones = ir.Constant(_SHORTS, [1] * _SHORTS.count)
    names = ("llvm.x86.avx2.pmadd.wd", "llvm.x86.avx512.pmaddw.d.512")
    operands = (builder.bitcast(args[0], _SHORTS), ones)
    return builder.bitcast(_lower_x86(builder, operands, _INT, _INTS, names), _VECTOR)


_lower_add(add_ints, _INTS)


def _lower_ints(function: Any, emit: str) -> None:
    @lower_builtin(function, _word, _word)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        both = (builder.bitcast(arg, _INTS) for arg in args)
        return builder.bitcast(getattr(builder, emit)(*both), _VECTOR)


_lower_ints(subtract_ints, "sub")
_lower_ints(multiply_ints, "mul")


def _splat(context: Any, builder: Any, value: Any, numba_type: Any) -> Any:
    return _broadcast(builder, context.cast(builder, value, numba_type, types.int32), _INTS)


def _lower_shift(function: Any, emit: str) -> None:
    @lower_builtin(function, _word, types.Integer)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = _splat(context, builder, args[1], sig.args[1])
        return builder.bitcast(
            getattr(builder, emit)(builder.bitcast(args[0], _INTS), bits), _VECTOR
        )


_lower_shift(shift_ints_left, "shl")
_lower_shift(shift_ints_right, "lshr")


@lower_builtin(splat_ints, types.Integer)
def _splat_ints(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.bitcast(_splat(context, builder, args[0], sig.args[0]), _VECTOR)


@lower_builtin(load_ints, types.Array, types.Integer)
def _load_ints(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.bitcast(builder.load(_ints(context, builder, sig, args, 0), align=4), _VECTOR)


@lower_builtin(gather_ints, types.Array, _word)
def _gather_ints(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    # Indices through memory: loads have ports of their own, taking lanes out of a vector needs
    # those of the arithmetic. The loads are atomic so that LLVM does not take that way after all.
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    room = cgutils.alloca_once(builder, _INTS)
    room.align = 64
    builder.store(builder.bitcast(args[1], _INTS), room)
    lanes, found = builder.bitcast(room, _INT.as_pointer()), ir.Constant(_INTS, ir.Undefined)
    for i in range(_INTS.count):
        number = ir.Constant(_INT, i)
        index = builder.load_atomic(builder.gep(lanes, [number]), "monotonic", 4)
        at = builder.gep(data, [builder.zext(index, ir.IntType(64))])
        found = builder.insert_element(found, builder.load(at), number)
    return builder.bitcast(found, _VECTOR)


@lower_builtin(select_ints_below, _word, _word, _word, _word)
def _select_ints_below(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    left, right, then, otherwise = (builder.bitcast(arg, _INTS) for arg in args)
    below = builder.icmp_signed("<", left, right)
    return builder.bitcast(builder.select(below, then, otherwise), _VECTOR)


@lower_builtin(any_ints_equal, _word, _word)
def _any_ints_equal(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    equal = builder.icmp_signed("==", *(builder.bitcast(arg, _INTS) for arg in args))
    bits = builder.bitcast(equal, ir.IntType(16))
    return builder.icmp_unsigned("!=", bits, ir.Constant(bits.type, 0))


@lower_builtin(ints_at_least, _word, _word)
def _ints_at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    reached = builder.icmp_signed(">=", *(builder.bitcast(arg, _INTS) for arg in args))
    return builder.zext(builder.bitcast(reached, ir.IntType(16)), ir.IntType(64))


@lower_builtin(store_ints, types.Array, types.Integer, _word)
def _store_ints(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    to = _ints(context, builder, sig, args, 0)
    builder.store(builder.bitcast(args[2], _INTS), to, align=4)
    return context.get_dummy_value()


@lower_builtin(bytes_with, _word, _word)
def _bytes_with(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    both = builder.and_(*(builder.bitcast(arg, _BYTES) for arg in args))
    found = builder.icmp_unsigned("!=", both, ir.Constant(_BYTES, [0] * _BYTES.count))
    return builder.bitcast(builder.sext(found, _BYTES), _VECTOR)
