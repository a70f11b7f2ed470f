"""Bits on their way through devices: encoded, stored, read wrong here and there, decoded."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.ecc.hamming import HammingCode
from ternary_engine.ecc.schemes import Scheme
from ternary_engine.ecc.words import BoolArray, PlaneArray, count_ones, from_planes, to_planes
from ternary_engine.physics.binary_reads import BitRates

__all__ = ["Counts", "stored_and_read", "wrong_places"]

_MOST_BITS = 1 << 24  # stored at a time
_DENSE = 0.2  # rate from which a draw for every bit costs less than skipping


@dataclass(frozen=True)
class Counts:
    """What became of bits.

    Attributes:
        bits: bits of data. devices: that they took.
        raw_errors: stored bits read wrong, those of the checks among them.
        corrected: words with a bit flipped by the decoder. flagged: words with an error that was
            detected and left alone. wrong: bits of data wrong in the end.
    """

    bits: int = 0
    devices: int = 0
    raw_errors: int = 0
    corrected: int = 0
    flagged: int = 0
    wrong: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Counts(*(one + more for one, more in pairs))

    @property
    def rate(self) -> float:
        """Share of the bits of data that are wrong in the end."""
        return self.wrong / self.bits if self.bits else 0.0


def stored_and_read(
    bits: BoolArray, scheme: Scheme, rates: BitRates, numbers: np.random.Generator
) -> tuple[BoolArray, Counts]:
    """Store bits once and read them.

    Args:
        bits: bool, flat. A code takes them in order, word by word; the last word is filled up
            with zeros.
        scheme: how they are stored.
        rates: of the stored bits: of a device alone, or, for pairs, of a pair.
        numbers: random ones; every stored bit errs independently.

    Returns:
        The bits as they come out, and what happened.
    """
    if scheme.code is not None:
        return _through_code(bits, scheme.code, rates, numbers)
    wrong = wrong_places(bits, rates, numbers)
    read = bits.copy()
    read[wrong] ^= True
    devices = round(bits.size * scheme.devices_per_bit)
    return read, Counts(bits.size, devices, raw_errors=wrong.size, wrong=wrong.size)


def wrong_places(
    bits: BoolArray, rates: BitRates, numbers: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Indices of the bits that are read wrong, ascending.

    Candidates are drawn at the larger of the two rates, by the gaps between them, which are
    geometric; one whose own rate is lower is taken with the ratio of the two.
    """
    most = max(rates.lrs, rates.hrs)
    places = _candidates(bits.size, most, numbers)
    if rates.lrs == rates.hrs:
        return places
    own = np.where(bits[places], rates.lrs, rates.hrs)
    return places[numbers.random(places.size) * most < own]


def _candidates(cells: int, rate: float, numbers: np.random.Generator) -> npt.NDArray[np.int64]:
    if rate == 0.0 or not cells:
        return np.empty(0, np.int64)
    if rate >= _DENSE:
        return np.flatnonzero(numbers.random(cells) < rate)
    room = int(cells * rate + 6.0 * np.sqrt(cells * rate)) + 16
    found, last = [], -1
    while last < cells:
        gaps = np.minimum(numbers.geometric(rate, room), cells + 1)
        places = last + np.cumsum(gaps)
        found.append(places[places < cells])
        last = int(places[-1])
    return np.concatenate(found)


def _through_code(
    bits: BoolArray, code: HammingCode, rates: BitRates, numbers: np.random.Generator
) -> tuple[BoolArray, Counts]:
    read = np.empty_like(bits)
    counts = Counts()
    chunk = max(_MOST_BITS // code.length, 1) * code.data
    for start in range(0, bits.size, chunk):
        part = slice(start, min(start + chunk, bits.size))
        read[part], found = _words(bits[part], code, rates, numbers)
        counts += found
    return read, counts


def _words(
    bits: BoolArray, code: HammingCode, rates: BitRates, numbers: np.random.Generator
) -> tuple[BoolArray, Counts]:
    words = -(-bits.size // code.data)
    filled = np.zeros(words * code.data, np.bool_)
    filled[: bits.size] = bits
    stored = code.encode_planes(to_planes(filled.reshape(words, code.data)))
    wrong, raw_errors = _wrong_planes(stored, words, rates, numbers)
    data, *flags = code.decode_planes(stored ^ wrong)
    read = from_planes(data, words).reshape(-1)[: bits.size]
    corrected, flagged = (count_ones(one) for one in flags)
    devices, failed = words * code.length, int(np.count_nonzero(read != bits))
    return read, Counts(bits.size, devices, raw_errors, corrected, flagged, failed)


def _wrong_planes(
    stored: PlaneArray, words: int, rates: BitRates, numbers: np.random.Generator
) -> tuple[PlaneArray, int]:
    """The bits of stored words that are read wrong, as planes, and their number."""
    bits = from_planes(stored, words)
    wrong = np.zeros_like(bits)
    places = wrong_places(bits.reshape(-1), rates, numbers)
    wrong.reshape(-1)[places] = True
    return to_planes(wrong), places.size
