"""Matrix tiles (Intel AMX) for Numba: products of int8 in int32, 16 x 16 x 64 an instruction.

A machine has eight tiles of sixteen rows of 64 bytes, addressed by number; a kernel that uses them
calls `begin_tiles` first and `end_tiles` last. Tile numbers are constants in the source. Whoever
calls such a kernel has asked `are_supported`, which gets the system's permission, or the program
dies of an illegal instruction.

As in `simd`, the Python bodies run with the JIT off.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import sys
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin

from ternary_engine.kernels.bytes import _BYTE, _POINTER, Bytes, Int8Array, _call
from ternary_engine.kernels.compile import features
from ternary_engine.kernels.simd import _as_index, _declare, _element_pointer

TILE_ROWS = 16
TILE_BYTES = 64

# AMX, and what `bytes` needs to make operands for it.
_FEATURES = ("amx-tile", "amx-int8", "avx512f", "avx512bw", "avx512vl", "avx512vbmi", "gfni")
_ARCH_PRCTL, _ASK_FOR_STATE, _TILE_DATA = 158, 0x1023, 18  # Linux on x86-64


def _is_permitted() -> bool:
    """Ask the system to keep the tiles of this process, which it does not unasked."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    try:
        system = ctypes.CDLL(None).syscall
    except (OSError, AttributeError):
        return False
    return int(system(_ARCH_PRCTL, _ASK_FOR_STATE, _TILE_DATA)) == 0


@functools.cache
def are_supported() -> bool:
    """Whether compiled kernels may use tiles: the processor has them, the system lends them.

    Not with the JIT off, nor where Numba is told to compile for another processor.
    """
    settings: Any = numba.config  # its fields are made at run time
    if settings.DISABLE_JIT or settings.CPU_NAME or settings.CPU_FEATURES:
        return False
    return features().issuperset(_FEATURES) and _is_permitted()


# What runs with the JIT off

_tiles = np.zeros((8, TILE_ROWS, TILE_BYTES), np.int8)


def begin_tiles() -> None:
    """Make all tiles sixteen rows of 64 bytes."""
    _tiles[:] = 0


def end_tiles() -> None:
    """Give the tiles back; switching threads is cheaper while none is in use."""
    _tiles[:] = 0


def _rows(array: Bytes, index: int, stride: int) -> Int8Array:
    first = array[index:].view(np.int8)
    return np.lib.stride_tricks.as_strided(first, (TILE_ROWS, TILE_BYTES), (stride, 1))


def load_tile(tile: int, array: Bytes, index: int, stride: int) -> None:
    """Load sixteen rows of 64 bytes from an element of an array on, ``stride`` bytes apart."""
    _tiles[tile] = _rows(array, index, stride)


def stream_tile(tile: int, array: Bytes, index: int, stride: int) -> None:
    """Like `load_tile`, for data too large for the first cache: what is there may stay."""
    _tiles[tile] = _rows(array, index, stride)


def store_tile(tile: int, array: Bytes, index: int, stride: int) -> None:
    """Store sixteen rows of 64 bytes from an element of an array on, ``stride`` bytes apart."""
    _rows(array, index, stride)[...] = _tiles[tile]


def multiply_tiles(sums: int, left: int, right: int) -> None:
    """Add a product: int32 [16, 16] += int8 [16, 64] @ [64, 16].

    The right tile holds four neighbours of the shared axis side by side: [64 / 4][16][4].
    """
    wide = _tiles[right].reshape(16, 16, 4).transpose(0, 2, 1).reshape(64, 16)
    product = _tiles[left].astype(np.int32) @ wide.astype(np.int32)
    _tiles[sums].view(np.int32)[...] += product


# What the compiler sees

_declare(begin_tiles, types.none)
_declare(end_tiles, types.none)


def _declare_numbered(function: Any) -> None:
    @infer_global(function)
    class _Typing(AbstractTemplate):
        key = function
        prefer_literal = True

        def generic(self, args: Any, kws: Any) -> Any:
            if not isinstance(args[0], types.IntegerLiteral):
                return None
            return signature(types.none, *args)


for _numbered in (load_tile, stream_tile, store_tile, multiply_tiles):
    _declare_numbered(_numbered)


def _shapes() -> bytes:
    """What LDTILECFG reads: palette 1, then the bytes of a row and the rows of every tile."""
    shapes = bytearray(64)
    shapes[0] = 1
    shapes[16:32] = TILE_BYTES.to_bytes(2, "little") * 8
    shapes[48:56] = bytes([TILE_ROWS]) * 8
    return bytes(shapes)


@lower_builtin(begin_tiles)
def _begin_tiles(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    shapes = cgutils.global_constant(
        builder, "tile_shapes", ir.Constant(ir.ArrayType(_BYTE, 64), bytearray(_shapes()))
    )
    _call(builder, "llvm.x86.ldtilecfg", ir.VoidType(), builder.bitcast(shapes, _POINTER))
    return context.get_dummy_value()


@lower_builtin(end_tiles)
def _end_tiles(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    _call(builder, "llvm.x86.tilerelease", ir.VoidType())
    return context.get_dummy_value()


def _lower_memory(function: Any, name: str) -> None:
    @lower_builtin(function, types.IntegerLiteral, types.Array, types.Integer, types.Integer)
    def _lowering(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        number, array, index, stride = sig.args
        at = _as_index(context, builder, args[2], index)
        pointer = builder.bitcast(_element_pointer(context, builder, array, args[1], at), _POINTER)
        step = _as_index(context, builder, args[3], stride)
        tile = ir.Constant(_BYTE, number.literal_value)
        _call(builder, name, ir.VoidType(), tile, pointer, step)
        return context.get_dummy_value()


_lower_memory(load_tile, "llvm.x86.tileloadd64")
_lower_memory(stream_tile, "llvm.x86.tileloaddt164")
_lower_memory(store_tile, "llvm.x86.tilestored64")


@lower_builtin(multiply_tiles, types.IntegerLiteral, types.IntegerLiteral, types.IntegerLiteral)
def _multiply_tiles(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    numbers = (ir.Constant(_BYTE, number.literal_value) for number in sig.args)
    _call(builder, "llvm.x86.tdpbssd", ir.VoidType(), *numbers)
    return context.get_dummy_value()
