"""SIMD words as 64 bytes that multiply to 32 int16, and as 16 int32: what int8 products work on.

Products of unsigned and signed bytes are an instruction of x86 (AVX2 `vpmaddubsw`): compiled
kernels that use it ask `nibbles.are_supported` first. As in `simd`, the Python bodies run with the
JIT off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import lower_builtin

from ternary_engine.kernels.bytes import _BYTES, _INTS, _VECTOR, _call, _ints
from ternary_engine.kernels.compile import features
from ternary_engine.kernels.nibbles import _SHORTS, _lower_add, _shuffle
from ternary_engine.kernels.simd import Word, _as_index, _broadcast, _declare, _element_pointer
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
