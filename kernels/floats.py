"""A vector of floating-point lanes for Numba, with the operators of arithmetic.

``load`` of a float32 array gives 16 lanes, of a float64 array 8; the type of everything else
follows from its operands, so one source serves both precisions. With the JIT off a vector is a
NumPy array and the same source runs unchanged.

The functions below are what a kernel may do with vectors. Their Python bodies run with the JIT
off; the lowerings at the end of the file replace them in compiled code.
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

BYTES = 64
MOST_LANES = 16
Floats = Any  # a vector to the compiler, a NumPy array with the JIT off
FloatArray = npt.NDArray[np.float32] | npt.NDArray[np.float64]

# What runs with the JIT off


def load(array: FloatArray, index: int) -> Floats:
    """Consecutive elements of a flat array, as many as make 64 bytes."""
    return array[index : index + BYTES // array.itemsize].copy()


def store(array: FloatArray, index: int, vector: Floats) -> None:
    """Write a vector to consecutive elements of a flat array of its own type."""
    array[index : index + len(vector)] = vector


def like(vector: Floats, value: float) -> Floats:
    """A vector of the type of ``vector`` with the same value in every lane."""
    return np.full_like(vector, value)


def fma(a: Floats, b: Floats, c: Floats) -> Floats:
    """``a * b + c``, in one rounding where the machine has such an instruction."""
    return a * b + c


def larger(a: Floats, b: Floats) -> Floats:
    """The larger of two, lane by lane."""
    return np.maximum(a, b)


def smaller(a: Floats, b: Floats) -> Floats:
    """The smaller of two, lane by lane."""
    return np.minimum(a, b)


def magnitude(a: Floats) -> Floats:
    """Absolute value."""
    return np.abs(a)


def root(a: Floats) -> Floats:
    """Square root."""
    return np.sqrt(a)


def where_less(a: Floats, b: Floats, then: Floats, otherwise: Floats) -> Floats:
    """``then`` in the lanes where ``a < b``, else ``otherwise``."""
    return np.where(a < b, then, otherwise)


def any_less(a: Floats, b: Floats) -> bool:
    """Whether ``a < b`` in some lane."""
    return bool((a < b).any())


def is_single(a: Floats) -> bool:
    """Whether the lanes are float32; the compiler knows, and leaves out the other branch."""
    return bool(a.dtype == np.float32)


def power_of_two(a: Floats) -> Floats:
    """2 to the power of whole numbers from -126 to 127."""
    return np.exp2(a)


def nearest(a: Floats) -> Floats:
    """The nearest whole number."""
    return np.rint(a)


# What the compiler sees


class FloatsType(types.Type):
    """Numba type of a vector: lanes of 32 or 64 bits."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.lanes = BYTES * 8 // bits
        super().__init__(name=f"Floats{bits}")

    @property
    def element(self) -> Any:
        """LLVM type of a lane."""
        return ir.FloatType() if self.bits == 32 else ir.DoubleType()

    @property
    def vector(self) -> Any:
        """LLVM type of the vector."""
        return ir.VectorType(self.element, self.lanes)

    @property
    def whole(self) -> Any:
        """LLVM type of as many integers of the same width."""
        return ir.VectorType(ir.IntType(self.bits), self.lanes)


_OF = {types.float32: FloatsType(32), types.float64: FloatsType(64)}


@register_model(FloatsType)
class _FloatsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, numba_type.vector)


def _declare(function: Callable[..., Any], vectors: int, result: Any = None) -> None:
    """Tell Numba the types of a function whose first arguments are vectors of one type."""

    @infer_global(function)
    class _Typing(AbstractTemplate):
        key = function

        def generic(self, args: Any, kws: Any) -> Any:
            first = args[:vectors]
            if not isinstance(first[0], FloatsType) or any(one != first[0] for one in first):
                return None
            return signature(result or first[0], *args)


for _function, _vectors, _result in (
    (like, 1, None),
    (fma, 3, None),
    (larger, 2, None),
    (smaller, 2, None),
    (magnitude, 1, None),
    (root, 1, None),
    (where_less, 4, None),
    (any_less, 2, types.boolean),
    (is_single, 1, types.boolean),
    (power_of_two, 1, None),
    (nearest, 1, None),
):
    _declare(_function, _vectors, _result)


@infer_global(load)
class _LoadTyping(AbstractTemplate):
    key = load

    def generic(self, args: Any, kws: Any) -> Any:
        return signature(_OF[args[0].dtype], *args)


@infer_global(store)
class _StoreTyping(AbstractTemplate):
    key = store

    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.none, *args) if _OF[args[0].dtype] == args[2] else None


def _pointer(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    data = context.make_array(sig.args[0])(context, builder, args[0]).data
    index = context.cast(builder, args[1], sig.args[1], types.intp)
    return builder.bitcast(builder.gep(data, [index]), _OF[sig.args[0].dtype].vector.as_pointer())


@lower_builtin(load, types.Array, types.Integer)
def _load(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_pointer(context, builder, sig, args), align=4)


@lower_builtin(store, types.Array, types.Integer, FloatsType)
def _store(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    builder.store(args[2], _pointer(context, builder, sig, args), align=4)
    return context.get_dummy_value()


@lower_builtin(like, FloatsType, types.Float)
def _like(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    width = types.float32 if kind.bits == 32 else types.float64
    value = context.cast(builder, args[1], sig.args[1], width)
    undefined = ir.Constant(kind.vector, ir.Undefined)
    single = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), kind.lanes), [0] * kind.lanes)
    return builder.shuffle_vector(single, undefined, lanes)


def _intrinsic(function: Callable[..., Any], name: str, vectors: int) -> None:
    @lower_builtin(function, *[FloatsType] * vectors)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = sig.args[0]
        callee = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(kind.vector, [kind.vector] * vectors),
            f"llvm.{name}.v{kind.lanes}f{kind.bits}",
        )
        return builder.call(callee, args)


for _function, _name, _vectors in (
    (fma, "fmuladd", 3),
    (magnitude, "fabs", 1),
    (root, "sqrt", 1),
    (nearest, "rint", 1),
):
    _intrinsic(_function, _name, _vectors)


def _choice(function: Callable[..., Any], comparison: str) -> None:
    @lower_builtin(function, FloatsType, FloatsType)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(comparison, *args), *args)


_choice(larger, ">")
_choice(smaller, "<")


@lower_builtin(where_less, FloatsType, FloatsType, FloatsType, FloatsType)
def _where_less(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", args[0], args[1]), args[2], args[3])


@lower_builtin(any_less, FloatsType, FloatsType)
def _any_less(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    mask = ir.IntType(sig.args[0].lanes)
    bits = builder.bitcast(builder.fcmp_ordered("<", *args), mask)
    return builder.icmp_unsigned("!=", bits, ir.Constant(mask, 0))


@lower_builtin(is_single, FloatsType)
def _is_single(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return ir.Constant(ir.IntType(1), int(sig.args[0].bits == 32))


@lower_builtin(power_of_two, FloatsType)
def _power_of_two(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    kind = sig.args[0]
    bias, shift = (127, 23) if kind.bits == 32 else (1023, 52)
    exponent = builder.fptosi(args[0], kind.whole)
    exponent = builder.add(exponent, ir.Constant(kind.whole, [bias] * kind.lanes))
    exponent = builder.shl(exponent, ir.Constant(kind.whole, [shift] * kind.lanes))
    return builder.bitcast(exponent, kind.vector)


def _operator(symbol: Callable[..., Any], emit: str) -> None:
    _declare(symbol, 2)

    @lower_builtin(symbol, FloatsType, FloatsType)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, emit)(*args)


for _symbol, _emit in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _operator(_symbol, _emit)
