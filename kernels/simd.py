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

Word = npt.NDArray[np.uint64]

# What runs with the JIT off


def zero() -> Word:
    """A word of zeros."""
    return np.zeros(LANES, np.uint64)


def splat(value: int) -> Word:
    """A word with the same value in every lane."""
    return np.full(LANES, np.uint64(int(value) & 0xFFFFFFFFFFFFFFFF))


def load(array: npt.NDArray[np.uint64], index: int) -> Word:
    """Eight consecutive elements of a flat uint64 array."""
    return array[index : index + LANES].copy()


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


def floats_at_least(
    array: npt.NDArray[np.float32], i: int, thresholds: npt.NDArray[np.float32], j: int
) -> int:
    """Bit k set where ``array[i + k] >= thresholds[j + k]``, for 16 consecutive float32."""
    bits = array[i : i + 16] >= thresholds[j : j + 16]
    return int(np.packbits(bits, bitorder="little").view(np.uint16)[0])


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
    (load_int32, word_type),
    (store, types.none),
    (store_int32, types.none),
    (popcount, word_type),
    (at_least, types.uint64),
    (floats_at_least, types.uint64),
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


_FLOATS = ir.VectorType(ir.FloatType(), 16)


@lower_builtin(floats_at_least, types.Array, types.Integer, types.Array, types.Integer)
def _floats_at_least(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    def vector(array: int) -> Any:
        index = _as_index(context, builder, args[array + 1], sig.args[array + 1])
        pointer = _element_pointer(context, builder, sig.args[array], args[array], index)
        return builder.load(builder.bitcast(pointer, _FLOATS.as_pointer()), align=4)

    bits = builder.fcmp_ordered(">=", vector(0), vector(2))
    return builder.zext(builder.bitcast(bits, ir.IntType(16)), ir.IntType(64))


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
