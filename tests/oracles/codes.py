"""Hamming codes, slow and obviously right: words as tuples of bits, decoding by trying."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from ternary_engine.ecc import HammingCode

Word = tuple[int, ...]


def encode(data: Word, extended: bool) -> Word:
    """Hamming's own way: number the places from 1; checks at powers of two make parities even.

    The word is given as data, checks, parity over everything.
    """
    places, left = {}, list(data)
    place = 0
    while left:
        place += 1
        if place & (place - 1):
            places[place] = left.pop(0)
    checks = []
    check = 1
    while check <= place:
        checks.append(sum(bit for at, bit in places.items() if at & check) % 2)
        check *= 2
    word = (*data, *checks)
    return (*word, sum(word) % 2) if extended else word


def is_code_word(word: Word, code: HammingCode) -> bool:
    """Whether the data of a word have just these checks."""
    return encode(word[: code.data], code.extended) == word


def decode(word: Word, code: HammingCode) -> tuple[Word, str]:
    """Data and what was done: nothing, the one bit flipped that makes a code word, or given up."""
    if is_code_word(word, code):
        return word[: code.data], "clean"
    for place in range(len(word)):
        tried = (*word[:place], 1 - word[place], *word[place + 1 :])
        if is_code_word(tried, code):
            return tried[: code.data], "corrected"
    return word[: code.data], "flagged"


def patterns(code: HammingCode) -> Iterator[tuple[int, int, bool]]:
    """All error patterns on a word of zeros: bits wrong, data bits wrong in the end, flagged."""
    for word in itertools.product((0, 1), repeat=code.length):
        data, done = decode(word, code)
        yield sum(word), sum(data), done == "flagged"
