"""Hamming codes: single errors corrected (SEC), double ones also detected (SECDED).

After Hamming, Bell System Technical Journal 1950. Bit ``j`` of a word has a column of the check
matrix, a number; the syndrome of a word is the exclusive or of the columns of its wrong bits. A
syndrome that is the column of a bit has that bit flipped; any other is an error that is detected
and left alone, so the data stay as read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.ecc.words import BoolArray, PlaneArray, from_planes, to_planes

__all__ = ["Decoded", "HammingCode"]

MOST_DATA = 1024
_NAME = re.compile(r"(sec|secded) ?\( ?(\d+) ?, ?(\d+) ?\)")


@dataclass(frozen=True, eq=False)
class Decoded:
    """Words after decoding.

    Attributes:
        data: bool [words, data].
        corrected: bool [words]: a bit, of the data or of the checks, was flipped.
        flagged: bool [words]: an error was detected and not corrected; the data are as read.
    """

    data: BoolArray
    corrected: BoolArray
    flagged: BoolArray


@dataclass(frozen=True)
class HammingCode:
    """A Hamming code, shortened to any number of data bits; with SECDED, one parity bit more.

    The columns are the positions of Hamming's own order: check bits at the powers of two, data
    bits at the other numbers, ascending. In a word the data come first, then the checks, then the
    parity over everything.

    Attributes:
        data: bits of data in a word.
        extended: whether it has the parity bit, and so detects double errors.

    Examples:
        >>> code = HammingCode.named("secded(72,64)")
        >>> code.data, code.length
        (64, 72)
        >>> word = code.encode(np.ones((1, 64), bool))
        >>> word[0, 3] = False
        >>> bool(code.decode(word).data.all()), bool(code.decode(word).corrected.all())
        (True, True)
    """

    data: int
    extended: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.data, int) or not 1 <= self.data <= MOST_DATA:
            raise ValueError(f"data: got {self.data!r}; a code takes 1 to {MOST_DATA} data bits")

    @classmethod
    def named(cls, name: str) -> HammingCode:
        """A code by name.

        Args:
            name: ``"sec(n,k)"`` or ``"secded(n,k)"``: n bits in all, of which k are data.

        Raises:
            ValueError: not such a name, or there is no such code.
        """
        found = _NAME.fullmatch(name.strip().lower())
        if found is None:
            raise ValueError(f"code: got {name!r}; it takes sec(n,k) or secded(n,k)")
        code = cls(int(found[3]), found[1] == "secded")
        if code.length != int(found[2]):
            raise ValueError(f"code: got {name!r}; with {code.data} data bits it is {code.name}")
        return code

    @property
    def name(self) -> str:
        """Such as ``secded(72,64)``."""
        return f"{'secded' if self.extended else 'sec'}({self.length},{self.data})"

    @property
    def checks(self) -> int:
        """Check bits, the parity among them."""
        checks = 2
        while (1 << checks) < self.data + checks + 1:
            checks += 1
        return checks + self.extended

    @property
    def length(self) -> int:
        """Bits of a word."""
        return self.data + self.checks

    @property
    def columns(self) -> tuple[int, ...]:
        """Syndrome of each bit of a word; the parity is the highest bit."""
        plain = self.checks - self.extended
        positions = [p for p in range(1, 1 << plain) if p & (p - 1)][: self.data]
        positions += [1 << check for check in range(plain)]
        if not self.extended:
            return tuple(positions)
        return tuple(p | 1 << plain for p in (*positions, 0))

    def encode(self, bits: npt.NDArray[np.generic]) -> BoolArray:
        """Add the checks to data: bool or 0/1 [words, data] to bool [words, length]."""
        held = self._checked(bits, self.data)
        return from_planes(self.encode_planes(to_planes(held)), len(held))

    def decode(self, bits: npt.NDArray[np.generic]) -> Decoded:
        """Correct words as they were read: bool or 0/1 [words, length]."""
        held = self._checked(bits, self.length)
        data, *flags = self.decode_planes(to_planes(held))
        corrected, flagged = (from_planes(one[None], len(held))[:, 0] for one in flags)
        return Decoded(from_planes(data, len(held)), corrected, flagged)

    def _checked(self, bits: npt.NDArray[np.generic], width: int) -> npt.NDArray[np.generic]:
        held = np.asarray(bits)
        if held.ndim != 2 or held.shape[1] != width:
            raise ValueError(f"bits: got shape {held.shape}; {self.name} takes [words, {width}]")
        if held.dtype != np.bool_ and not np.isin(held, (0, 1)).all():
            raise ValueError("bits: got a value that is neither 0 nor 1")
        return held

    def encode_planes(self, data: PlaneArray) -> PlaneArray:
        """Add the checks to bit-sliced data: uint64 [data, n] to [length, n]."""
        columns = np.array(self.columns)
        word = np.empty((self.length, data.shape[1]), np.uint64)
        word[: self.data] = data
        for check in range(self.checks - self.extended):
            covered = columns[: self.data] >> check & 1 == 1
            word[self.data + check] = np.bitwise_xor.reduce(data[covered], axis=0)
        if self.extended:
            word[-1] = np.bitwise_xor.reduce(word[:-1], axis=0)
        return word

    def decode_planes(self, word: PlaneArray) -> tuple[PlaneArray, PlaneArray, PlaneArray]:
        """Correct bit-sliced words: uint64 [length, n].

        Returns:
            The data [data, n], and which words were corrected and which flagged, each [n].
        """
        columns = np.array(self.columns)
        syndrome = np.stack(
            [
                np.bitwise_xor.reduce(word[columns >> check & 1 == 1], axis=0)
                for check in range(self.checks)
            ]
        )
        either = (~syndrome, syndrome)
        data = word[: self.data].copy()
        corrected = np.zeros(word.shape[1], np.uint64)
        for bit, column in enumerate(self.columns):
            match = either[column & 1][0].copy()
            for check in range(1, self.checks):
                match &= either[column >> check & 1][check]
            corrected |= match
            if bit < self.data:
                data[bit] ^= match
        return data, corrected, np.bitwise_or.reduce(syndrome, axis=0) & ~corrected
