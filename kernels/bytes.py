"""SIMD words as bytes and as int32, beside the 64-bit lanes of `simd`: what matrix tiles work on.

Also bit planes turned into bytes (GFNI and VBMI of x86), and hints to the caches. As in `simd`, the
Python bodies run with the JIT off.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from ternary_engine.kernels.simd import (
    LANES,
    Number,
    Word,
    _as_index,
    _declare,
    _element_pointer,
    word_type,
)

Int8Array = npt.NDArray[np.int8]
Bytes = npt.NDArray[Any]

# What runs with the JIT off


def load_some(array: npt.NDArray[np.uint64], index: int, count: int) -> Word:
    """``count`` consecutive elements of a flat uint64 array, at most eight, and zeros behind."""
    word = np.zeros(LANES, np.uint64)
    word[: int(count)] = array[index : index + int(count)]
    return word


def element(array: npt.NDArray[Any], index: int) -> Any:
    """An element of a flat array; the index counts from 0 up."""
    return array[index]


def put(array: npt.NDArray[Any], index: int, value: Number) -> None:
    """Write an element of a flat array of integers; the index counts from 0 up."""
    array[index] = np.array(value).astype(array.dtype)


def prefetch_to_write(array: Bytes, index: int) -> None:
    """Ask for the cache line of an element, which is going to be changed."""


def prefetch_far(array: Bytes, index: int) -> None:
    """Ask for the cache line of an element, into the second cache."""


def spread_two(array: npt.NDArray[np.uint64], index: int) -> Word:
    """Two consecutive elements of a flat uint64 array, four times over."""
    return np.tile(array[index : index + 2], LANES // 2)


def permute_bytes(word: Word, indices: Word) -> Word:
    """Byte i of the result is the byte of ``word`` that byte i of ``indices`` names."""
    return word.view(np.uint8)[indices.view(np.uint8)].view(np.uint64)


def transpose_bits(word: Word) -> Word:
    """In each lane, bit j of byte i becomes bit 7 - i of byte j."""
    bits = np.unpackbits(word.view(np.uint8).reshape(LANES, 8), axis=1, bitorder="little")
    square = bits.reshape(LANES, 8, 8).transpose(0, 2, 1)
    return np.packbits(square, axis=2, bitorder="big").reshape(-1).view(np.uint64)


def store_bytes(array: Bytes, index: int, word: Word) -> None:
    """Write the 64 bytes of a word anywhere in an array of bytes."""
    array[index : index + 64] = word.view(array.dtype)


def int32_at_least(
    array: npt.NDArray[np.int32], i: int, thresholds: npt.NDArray[np.int32], j: int
) -> int:
    """Compare two rows of neighbouring tiles of sums with 32 consecutive thresholds.

    Returns:
        bit k set where the sum of output k reaches its threshold; outputs 0-15 start at
        ``array[i]``, 16-31 at ``array[i + 256]``.
    """
    both = np.concatenate([array[i : i + 16], array[i + 256 : i + 272]])
    bits = both >= thresholds[j : j + 32]
    return int(np.packbits(bits, bitorder="little").view(np.uint32)[0])


def store_bits(codes: npt.NDArray[np.uint16], index: int, bits: Number) -> None:
    """Write 32 bits to two consecutive uint16."""
    codes[index : index + 2] = np.array([int(bits) & 0xFFFFFFFF], np.uint32).view(np.uint16)


def copy_int32(source: npt.NDArray[np.int32], i: int, to: npt.NDArray[np.int32], j: int) -> None:
    """Copy 16 consecutive int32."""
    to[j : j + 16] = source[i : i + 16]


# What the compiler sees

for _function, _result in (
    (load_some, word_type),
    (spread_two, word_type),
    (permute_bytes, word_type),
    (transpose_bits, word_type),
    (store_bytes, types.none),
    (put, types.none),
    (int32_at_least, types.uint64),
    (store_bits, types.none),
    (prefetch_to_write, types.none),
    (prefetch_far, types.none),
    (copy_int32, types.none),
):
    _declare(_function, _result)


@infer_global(element)
class _ElementTyping(AbstractTemplate):
    key = element

    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0].dtype, *args)


_BYTE, _LONG = ir.IntType(8), ir.IntType(64)
_POINTER = _BYTE.as_pointer()
_BYTES = ir.VectorType(_BYTE, 64)
_VECTOR = ir.VectorType(_LONG, LANES)
_INTS = ir.VectorType(ir.IntType(32), 16)


def _call(builder: Any, name: str, result: Any, *args: Any) -> Any:
    kind = ir.FunctionType(result, [arg.type for arg in args])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), args)


@lower_builtin(load_some, types.Array, types.Integer, types.Integer)
def _load_some(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    count = context.cast(builder, args[2], sig.args[2], types.int64)
    ones = builder.sub(builder.shl(ir.Constant(_LONG, 1), count), ir.Constant(_LONG, 1))
    bits = ir.VectorType(ir.IntType(1), LANES)
    mask = builder.bitcast(builder.trunc(ones, _BYTE), bits)
    return _call(
        builder,
        "llvm.masked.load.v8i64.p0",
        _VECTOR,
        builder.bitcast(pointer, _VECTOR.as_pointer()),
        ir.Constant(ir.IntType(32), 8),
        mask,
        ir.Constant(_VECTOR, [0] * LANES),
    )


@lower_builtin(element, types.Array, types.Integer)
def _element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    return builder.load(_element_pointer(context, builder, sig.args[0], args[0], index))


@lower_builtin(put, types.Array, types.Integer, types.Integer)
def _put(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    builder.store(context.cast(builder, args[2], sig.args[2], sig.args[0].dtype), pointer)
    return context.get_dummy_value()


def _lower_prefetch(function: Any, write: int, locality: int) -> None:
    @lower_builtin(function, types.Array, types.Integer)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        index = _as_index(context, builder, args[1], sig.args[1])
        pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
        numbers = (ir.Constant(ir.IntType(32), number) for number in (write, locality, 1))
        pointer = builder.bitcast(pointer, _POINTER)
        _call(builder, "llvm.prefetch.p0", ir.VoidType(), pointer, *numbers)
        return context.get_dummy_value()


_lower_prefetch(prefetch_to_write, 1, 3)
_lower_prefetch(prefetch_far, 0, 2)

_TWO = ir.VectorType(_LONG, 2)


@lower_builtin(spread_two, types.Array, types.Integer)
def _spread_two(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    two = builder.load(builder.bitcast(pointer, _TWO.as_pointer()), align=8)
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0, 1] * (LANES // 2))
    return builder.shuffle_vector(two, ir.Constant(_TWO, ir.Undefined), lanes)


@lower_builtin(permute_bytes, word_type, word_type)
def _permute_bytes(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    word, indices = (builder.bitcast(arg, _BYTES) for arg in args)
    moved = _call(builder, "llvm.x86.avx512.permvar.qi.512", _BYTES, word, indices)
    return builder.bitcast(moved, _VECTOR)


@lower_builtin(transpose_bits, word_type)
def _transpose_bits(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    # Byte j of the first operand picks column j of the 8 x 8 bits that the second holds.
    unit = ir.Constant(_VECTOR, [0x8040201008040201] * LANES)
    turned = _call(
        builder,
        "llvm.x86.vgf2p8affineqb.512",
        _BYTES,
        builder.bitcast(unit, _BYTES),
        builder.bitcast(args[0], _BYTES),
        ir.Constant(_BYTE, 0),
    )
    return builder.bitcast(turned, _VECTOR)


@lower_builtin(store_bytes, types.Array, types.Integer, word_type)
def _store_bytes(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    builder.store(args[2], builder.bitcast(pointer, _VECTOR.as_pointer()), align=1)
    return context.get_dummy_value()


def _ints(context: Any, builder: Any, sig: Any, args: Any, array: int, further: int = 0) -> Any:
    index = _as_index(context, builder, args[array + 1], sig.args[array + 1])
    index = builder.add(index, ir.Constant(index.type, further))
    pointer = _element_pointer(context, builder, sig.args[array], args[array], index)
    return builder.bitcast(pointer, _INTS.as_pointer())


@lower_builtin(int32_at_least, types.Array, types.Integer, types.Array, types.Integer)
def _int32_at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    def compare(further: int, level: int) -> Any:
        left = builder.load(_ints(context, builder, sig, args, 0, further), align=4)
        right = builder.load(_ints(context, builder, sig, args, 2, level), align=4)
        bits = builder.bitcast(builder.icmp_signed(">=", left, right), ir.IntType(16))
        return builder.zext(bits, _LONG)

    high = builder.shl(compare(256, 16), ir.Constant(_LONG, 16))
    return builder.or_(compare(0, 0), high)


@lower_builtin(store_bits, types.Array, types.Integer, types.Integer)
def _store_bits(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    bits = context.cast(builder, args[2], sig.args[2], types.uint32)
    builder.store(bits, builder.bitcast(pointer, ir.IntType(32).as_pointer()), align=2)
    return context.get_dummy_value()


@lower_builtin(copy_int32, types.Array, types.Integer, types.Array, types.Integer)
def _copy_int32(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    values = builder.load(_ints(context, builder, sig, args, 0), align=4)
    builder.store(values, _ints(context, builder, sig, args, 2), align=4)
    return context.get_dummy_value()
