"""A SIMD word for Numba: eight unsigned 64-bit lanes with operators.

Compiled code sees an LLVM vector ``<8 x i64>``: one 512-bit register, or two or four narrower ones
where the machine has no wider. With the JIT off (``NUMBA_DISABLE_JIT=1``) a word is a NumPy array
of eight uint64 and the same source runs unchanged.

The functions below are what a kernel may do with words. Their Python bodies run with the JIT off;
the lowerings at the end of the file replace them in compiled code.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

LANES = 8
_MASK = 0xFFFFFFFFFFFFFFFF

Word = Any  # a word to the compiler, an array of eight uint64 with the JIT off
Number = int | np.integer[Any]

# What runs with the JIT off


def zero() -> Word:
    """A word of zeros."""
    return np.zeros(LANES, np.uint64)


def splat(value: Number) -> Word:
    """A word with the same value in every lane."""
    return np.full(LANES, np.uint64(int(value) & _MASK))


def load(array: npt.NDArray[np.uint64], index: int) -> Word:
    """Eight consecutive elements of a flat uint64 array."""
    return array[index : index + LANES].copy()


def spread(array: npt.NDArray[np.uint64], index: int) -> Word:
    """A word with one element of a flat uint64 array in every lane; the index counts from 0 up."""
    return np.full(LANES, array[index])


def store(array: npt.NDArray[np.uint64], index: int, word: Word) -> None:
    """Write a word to eight consecutive elements of a flat uint64 array."""
    array[index : index + LANES] = word


def store_int32(array: npt.NDArray[np.int32], index: int, word: Word) -> None:
    """Write the low 32 bits of every lane to eight consecutive int32."""
    array[index : index + LANES] = word.astype(np.uint32).view(np.int32)


def load_int32(array: npt.NDArray[np.int32], index: int) -> Word:
    """Eight consecutive int32, sign-extended."""
    return array[index : index + LANES].astype(np.int64).view(np.uint64)


def popcount(word: Word) -> Word:
    """Number of set bits of every lane."""
    return np.bitwise_count(word).astype(np.uint64)


def at_least(left: Word, right: Word) -> int:
    """Bit i set where lane i of ``left`` is at least that of ``right``, as signed integers."""
    bits = left.view(np.int64) >= right.view(np.int64)
    return int(np.packbits(bits, bitorder="little")[0])


def shift_right(word: Word, bits: int) -> Word:
    """Every lane shifted right by ``bits`` (less than 64), zeros coming in."""
    return word >> np.uint64(bits)


def shift_left(word: Word, bits: int) -> Word:
    """Every lane shifted left by ``bits`` (less than 64)."""
    return word << np.uint64(bits)


def gather(array: npt.NDArray[np.uint64], indices: Word) -> Word:
    """One element of a flat uint64 array per lane."""
    return array[indices.astype(np.int64)]


def lane_numbers() -> Word:
    """0 in lane 0, 1 in lane 1, and so on."""
    return np.arange(LANES, dtype=np.uint64)


def popcount64(value: Number) -> int:
    """Number of set bits of one 64-bit number."""
    return int(value).bit_count()


def lowest_bit(value: Number) -> int:
    """Number of the lowest set bit of a 64-bit number that is not 0."""
    return (int(value) & -int(value)).bit_length() - 1


def add64(left: Number, right: Number) -> np.uint64:
    """Sum of two 64-bit numbers, modulo 2**64."""
    return np.uint64((int(left) + int(right)) & _MASK)


def multiply64(left: Number, right: Number) -> np.uint64:
    """Product of two 64-bit numbers, modulo 2**64."""
    return np.uint64((int(left) * int(right)) & _MASK)


def high64(left: Number, right: Number) -> int:
    """Upper half of the 128-bit product of two 64-bit numbers."""
    return (int(left) & _MASK) * (int(right) & _MASK) >> 64


def floats_at_least(
    array: npt.NDArray[np.float32], i: int, thresholds: npt.NDArray[np.float32], j: int
) -> int:
    """Bit k set where ``array[i + k] >= thresholds[j + k]``, for 16 consecutive float32."""
    bits = array[i : i + 16] >= thresholds[j : j + 16]
    return int(np.packbits(bits, bitorder="little").view(np.uint16)[0])


def choose_at_least(
    array: npt.NDArray[np.float32], index: int, threshold: float, then: Word, otherwise: Word
) -> Word:
    """``then`` in the lanes where one of eight consecutive float32 reaches the threshold."""
    return np.where(array[index : index + LANES] >= threshold, then, otherwise)


def lane(word: Word, index: int) -> int:
    """One lane."""
    return int(word[index])


# What the compiler sees


class WordType(types.Type):
    """Numba type of a word."""

    def __init__(self) -> None:
        super().__init__(name="Word")


word_type = WordType()
_VECTOR = ir.VectorType(ir.IntType(64), LANES)


@register_model(WordType)
class _WordModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


def _declare(function: Callable[..., Any], result: Any, *, words: bool = False) -> None:
    """Tell Numba the result type of a function; ``words`` limits it to two word arguments."""

    @infer_global(function)
    class _Typing(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            if words and args != (word_type, word_type):
                return None
            return signature(result, *args)


for _function, _result in (
    (zero, word_type),
    (splat, word_type),
    (load, word_type),
    (spread, word_type),
    (load_int32, word_type),
    (store, types.none),
    (store_int32, types.none),
    (popcount, word_type),
    (at_least, types.uint64),
    (popcount64, types.int64),
    (lowest_bit, types.int64),
    (add64, types.uint64),
    (multiply64, types.uint64),
    (high64, types.int64),
    (shift_right, word_type),
    (shift_left, word_type),
    (gather, word_type),
    (lane_numbers, word_type),
    (floats_at_least, types.uint64),
    (choose_at_least, word_type),
    (lane, types.uint64),
):
    _declare(_function, _result)


def _element_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def _as_index(context: Any, builder: Any, value: Any, numba_type: Any) -> Any:
    return context.cast(builder, value, numba_type, types.intp)


@lower_builtin(zero)
def _zero(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return ir.Constant(_VECTOR, [0] * LANES)


def _broadcast(builder: Any, value: Any, vector: Any) -> Any:
    single = builder.insert_element(
        ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
    )
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(single, ir.Constant(vector, ir.Undefined), lanes)


@lower_builtin(splat, types.Integer)
def _splat(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    wide = types.int64 if sig.args[0].signed else types.uint64
    return _broadcast(builder, context.cast(builder, args[0], sig.args[0], wide), _VECTOR)


@lower_builtin(load, types.Array, types.Integer)
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=8)


@lower_builtin(spread, types.Array, types.Integer)
def _spread(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    # Not splat(array[index]): that takes negative indices, which costs five instructions a load.
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    return _broadcast(builder, builder.load(pointer), _VECTOR)


@lower_builtin(store, types.Array, types.Integer, word_type)
def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    builder.store(args[2], builder.bitcast(pointer, _VECTOR.as_pointer()), align=8)
    return context.get_dummy_value()


_HALVES = ir.VectorType(ir.IntType(32), LANES)


@lower_builtin(store_int32, types.Array, types.Integer, word_type)
def _store_int32(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    low = builder.trunc(args[2], _HALVES)
    builder.store(low, builder.bitcast(pointer, _HALVES.as_pointer()), align=4)
    return context.get_dummy_value()


@lower_builtin(load_int32, types.Array, types.Integer)
def _load_int32(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    narrow = builder.load(builder.bitcast(pointer, _HALVES.as_pointer()), align=4)
    return builder.sext(narrow, _VECTOR)


@lower_builtin(popcount, word_type)
def _popcount(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), f"llvm.ctpop.v{LANES}i64"
    )
    return builder.call(function, args)


@lower_builtin(at_least, word_type, word_type)
def _at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    bits = builder.icmp_signed(">=", args[0], args[1])
    return builder.zext(builder.bitcast(bits, ir.IntType(LANES)), ir.IntType(64))


def _shift_amount(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    bits = context.cast(builder, args[1], sig.args[1], types.uint64)
    return _broadcast(builder, bits, _VECTOR)


@lower_builtin(shift_right, word_type, types.Integer)
def _shift_right(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.lshr(args[0], _shift_amount(context, builder, sig, args))


@lower_builtin(shift_left, word_type, types.Integer)
def _shift_left(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.shl(args[0], _shift_amount(context, builder, sig, args))


@lower_builtin(gather, types.Array, word_type)
def _gather(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    # Through memory: loads and stores have ports of their own, where moving lanes in and out of a
    # vector register takes those of the arithmetic.
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    room = cgutils.alloca_once(builder, _VECTOR)
    room.align = 64
    lanes = builder.bitcast(room, ir.IntType(64).as_pointer())
    builder.store(args[1], room)
    for i in range(LANES):
        at = builder.gep(lanes, [ir.Constant(ir.IntType(32), i)])
        builder.store(builder.load(builder.gep(data, [builder.load(at)])), at)
    return builder.load(room)


@lower_builtin(lane_numbers)
def _lane_numbers(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return ir.Constant(_VECTOR, list(range(LANES)))


@lower_builtin(popcount64, types.Integer)
def _popcount64(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.ctpop(context.cast(builder, args[0], sig.args[0], types.uint64))


@lower_builtin(lowest_bit, types.Integer)
def _lowest_bit(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    value = context.cast(builder, args[0], sig.args[0], types.uint64)
    return builder.cttz(value, ir.Constant(ir.IntType(1), 1))


def _number_operator(function: Callable[..., Any], emit: str) -> None:
    @lower_builtin(function, types.Integer, types.Integer)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        wide = (
            context.cast(builder, value, kind, types.uint64)
            for value, kind in zip(args, sig.args, strict=True)
        )
        return getattr(builder, emit)(*wide)


_number_operator(add64, "add")
_number_operator(multiply64, "mul")


@lower_builtin(high64, types.Integer, types.Integer)
def _high64(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    long = ir.IntType(128)
    left, right = (
        builder.zext(context.cast(builder, value, kind, types.uint64), long)
        for value, kind in zip(args, sig.args, strict=True)
    )
    upper = builder.lshr(builder.mul(left, right), ir.Constant(long, 64))
    return builder.trunc(upper, ir.IntType(64))


_FLOATS = ir.VectorType(ir.FloatType(), 16)


@lower_builtin(floats_at_least, types.Array, types.Integer, types.Array, types.Integer)
def _floats_at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    def vector(array: int) -> Any:
        index = _as_index(context, builder, args[array + 1], sig.args[array + 1])
        pointer = _element_pointer(context, builder, sig.args[array], args[array], index)
        return builder.load(builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)

    bits = builder.fcmp_ordered(">=", vector(0), vector(2))
    return builder.zext(builder.bitcast(bits, ir.IntType(16)), ir.IntType(64))


_EIGHT_FLOATS = ir.VectorType(ir.FloatType(), LANES)


@lower_builtin(choose_at_least, types.Array, types.Integer, types.float32, word_type, word_type)
def _choose_at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = _as_index(context, builder, args[1], sig.args[1])
    pointer = _element_pointer(context, builder, sig.args[0], args[0], index)
    values = builder.load(builder.bitcast(pointer, _EIGHT_FLOATS.as_pointer()), align=4)
    reached = builder.fcmp_ordered(">=", values, _broadcast(builder, args[2], _EIGHT_FLOATS))
    return builder.select(reached, args[3], args[4])


@lower_builtin(lane, word_type, types.Integer)
def _lane(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    index = context.cast(builder, args[1], sig.args[1], types.int32)
    return builder.extract_element(args[0], index)


def _operator(symbols: tuple[Callable[..., Any], ...], emit: str) -> None:
    for symbol in symbols:
        _declare(symbol, word_type, words=True)

        @lower_builtin(symbol, word_type, word_type)
        def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return getattr(builder, emit)(*args)


_operator((operator.and_, operator.iand), "and_")
_operator((operator.or_, operator.ior), "or_")
_operator((operator.xor, operator.ixor), "xor")
_operator((operator.add, operator.iadd), "add")
_operator((operator.sub, operator.isub), "sub")
_operator((operator.mul, operator.imul), "mul")
