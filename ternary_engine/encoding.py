"""Trits and the states of device pairs, four pairs to a byte.

A synapse is two resistive devices, on bit line BL and its complement BLb (Laborieux et al., AICAS
2020): LRS/HRS stores +1, HRS/HRS stores 0, HRS/LRS stores -1. LRS/LRS is no code word. A stored
pair takes two bits, bit 0 set where BL is in the low-resistance state, bit 1 where BLb is; the
first pair of a byte sits in its least significant bits.

Weights of more than three levels take several pairs each, one per digit of their balanced
ternary form: ``w = sum(3**j * trit[j])``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.exceptions import FormatError

Int8Array = npt.NDArray[np.int8]
BytesArray = npt.NDArray[np.uint8]

LRS_HRS, HRS_HRS, HRS_LRS = 0b01, 0b00, 0b10

_STATE_TO_TRIT = np.array([0, 1, -1, 0], np.int8)
_BYTE_TO_TRITS = _STATE_TO_TRIT[(np.arange(256)[:, None] >> np.array([0, 2, 4, 6])) & 3]
_FIRST_BITS = np.uint8(0b01_01_01_01)
_BYTE_HAS_ZERO = np.any(_BYTE_TO_TRITS == 0, axis=1)


def pack_trits(trits: Int8Array) -> BytesArray:
    """Pack trits into device-pair states.

    Args:
        trits: int8 values -1, 0, +1 of any shape, taken in C order.

    Returns:
        uint8 [ceil(size / 4)]; the spare pairs of the last byte are HRS/HRS.

    Raises:
        ValueError: a value is not a trit.
    """
    flat = np.ascontiguousarray(trits, np.int8).reshape(-1)
    if flat.size and (flat.min() < -1 or flat.max() > 1):
        raise ValueError(f"trits are -1, 0 or +1; got values {flat.min()} to {flat.max()}")
    padded = np.zeros(-(-flat.size // 4) * 4, np.uint8)
    padded[: flat.size] = np.where(flat < 0, HRS_LRS, flat)
    quads = padded.reshape(-1, 4)
    states: BytesArray = quads << np.array([0, 2, 4, 6], np.uint8)
    packed: BytesArray = np.bitwise_or.reduce(states, axis=1)
    return packed


def unpack_trits(packed: BytesArray, shape: tuple[int, ...]) -> Int8Array:
    """Read trits back from device-pair states.

    Args:
        packed: uint8 array from `pack_trits`.
        shape: shape of the trits.

    Returns:
        int8 array of that shape.

    Raises:
        FormatError: too few or too many bytes, or a pair in the state LRS/LRS.
    """
    check_pairs(packed, shape)
    size = int(np.prod(shape, dtype=np.int64))
    trits: Int8Array = _BYTE_TO_TRITS[packed].reshape(-1)[:size].reshape(shape)
    return trits


def check_pairs(packed: BytesArray, shape: tuple[int, ...]) -> None:
    """Check that packed pairs are trits of some shape; far faster than unpacking them.

    Args:
        packed: uint8 array, as from `pack_trits`.
        shape: shape of the trits.

    Raises:
        FormatError: too few or too many bytes, or a pair in the state LRS/LRS.
    """
    size = int(np.prod(shape, dtype=np.int64))
    if packed.size != -(-size // 4):
        raise FormatError(f"{size} device pairs take {-(-size // 4)} bytes; got {packed.size}")
    if (packed & (packed >> 1) & _FIRST_BITS).any():
        raise FormatError("a device pair is in the state LRS/LRS, which stores no weight")


def has_zero(packed: BytesArray, shape: tuple[int, ...]) -> bool:
    """Whether any of some packed pairs stores 0; spare pairs of the last byte do not count."""
    size = int(np.prod(shape, dtype=np.int64))
    whole = size // 4
    if bool(_BYTE_HAS_ZERO[packed[:whole]].any()):
        return True
    return bool((_BYTE_TO_TRITS[packed[whole:]].reshape(-1)[: size - 4 * whole] == 0).any())


def to_trit_planes(codes: npt.NDArray[np.signedinteger[Any]]) -> Int8Array:
    """Split integer weights into balanced-ternary digits.

    Args:
        codes: integers of any shape: five digits reach -121 .. 121, six -364 .. 364.

    Returns:
        int8 [planes, *shape], least significant digit first; one plane for plain trits.
    """
    rest = np.asarray(codes, np.int16)
    digits = []
    while True:
        digit = (rest + 1) % 3 - 1
        digits.append(digit.astype(np.int8))
        rest = (rest - digit) // 3
        if not rest.any():
            return np.stack(digits)


def from_trit_planes(planes: Int8Array) -> npt.NDArray[np.int16]:
    """Add balanced-ternary digits up again; the inverse of `to_trit_planes`."""
    weights = 3 ** np.arange(len(planes), dtype=np.int16)
    return np.tensordot(weights, planes.astype(np.int16), axes=1)
