"""What a Hamming code leaves wrong, exactly: error patterns counted by their weight.

Of all patterns of w wrong bits in a word, how many bits of the decoded data are wrong? For a bit
error rate p that is the same for all bits, independently, the rate after correction is

    sum over w of counts[w] / data * p**w * (1 - p)**(length - w)

The counts come without a walk through all 2**length patterns. The patterns of the bits other than
bit i, of weight w and with syndrome v, number

    2**-checks * sum over u of (-1)**(u.v) * [x**w] (1 - x)**m(u) (1 + x)**(length - 1 - m(u))

where u runs through all sets of checks, u.v is the parity of u & v, and m(u) counts the other bits
whose column has u.h = 1 (MacWilliams's identity for a coset; all in whole numbers). Bit i ends
wrong if it was wrong and the others' syndrome is not 0, as the word's is then not that of bit i
alone, or if it was right and the others' syndrome is its column, so that it is flipped.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.ecc.hamming import HammingCode

__all__ = ["error_counts", "flag_counts", "rate_of"]

FloatArray = npt.NDArray[np.float64]


def _parity(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    values = values.copy()
    for shift in (8, 4, 2, 1):
        values ^= values >> shift
    return values & 1


def _expanded(minus: int, plus: int) -> list[int]:
    """Coefficients of (1 - x)**minus * (1 + x)**plus, by Krawtchouk's recurrence."""
    found = [1, plus - minus]
    for w in range(1, minus + plus):
        later = (plus - minus) * found[w] - (minus + plus - w + 1) * found[w - 1]
        found.append(later // (w + 1))
    return found


def _enumerated(terms: Counter[int], length: int, checks: int) -> list[int]:
    """Patterns by weight: ``terms`` has the signed number of sets of checks by m(u)."""
    total = [0] * (length + 1)
    for m, factor in terms.items():
        if factor:
            for w, coefficient in enumerate(_expanded(m, length - m)):
                total[w] += factor * coefficient
    return [count >> checks for count in total]


@functools.lru_cache(maxsize=64)
def error_counts(code: HammingCode) -> tuple[int, ...]:
    """Wrong data bits after decoding, summed over all patterns of each number of wrong bits.

    Args:
        code: the code.

    Returns:
        Whole numbers, for 0 to ``code.length`` wrong bits.
    """
    n, checks = code.length, code.checks
    columns = np.array(code.columns, np.int64)
    sets = np.arange(1 << checks, dtype=np.int64)
    hit = _parity(sets[:, None] & columns[None, :])
    whole = hit.sum(axis=1)
    untouched: Counter[int] = Counter()  # of the others: no syndrome
    mistaken: Counter[int] = Counter()  # of the others: the syndrome of bit i
    for bit in range(code.data):
        others = (whole - hit[:, bit]).tolist()
        untouched.update(others)
        for m, sign in zip(others, (1 - 2 * hit[:, bit]).tolist(), strict=True):
            mistaken[m] += sign
    corrected = _enumerated(untouched, n - 1, checks)
    flipped = _enumerated(mistaken, n - 1, checks)
    counts = [0] * (n + 1)
    for w in range(n):
        counts[w + 1] += code.data * math.comb(n - 1, w) - corrected[w]
        counts[w] += flipped[w]
    return tuple(counts)


@functools.lru_cache(maxsize=64)
def flag_counts(code: HammingCode) -> tuple[int, ...]:
    """Words in which an error is detected and left, among all patterns of each weight."""
    n, checks = code.length, code.checks
    columns = np.array(code.columns, np.int64)
    sets = np.arange(1 << checks, dtype=np.int64)
    hit = _parity(sets[:, None] & columns[None, :])
    whole = hit.sum(axis=1)
    accepted = 1 + n - 2 * whole  # of syndrome 0 and of every column: the sum of (-1)**(u.v)
    terms: Counter[int] = Counter()
    for m, sum_of_signs in zip(whole.tolist(), accepted.tolist(), strict=True):
        terms[m] -= sum_of_signs
    terms[0] += 1 << checks  # all syndromes together: only the empty set of checks is left
    return tuple(_enumerated(terms, n, checks))


def rate_of(counts: tuple[int, ...], per: int, ber: Any) -> FloatArray:
    """Sum over w of counts[w] / per * p**w * (1 - p)**(length - w), every term positive.

    Args:
        counts: by number of wrong bits.
        per: what the counts are shared by: data bits for bits, 1 for words.
        ber: bit error rates, 0 to 1.
    """
    p = np.asarray(ber, np.float64)
    length = len(counts) - 1
    weights = np.array([w for w, count in enumerate(counts) if count], np.float64)
    logs = np.array([math.log(count) - math.log(per) for count in counts if count])
    with np.errstate(divide="ignore", invalid="ignore"):
        log_wrong, log_right = np.log(p)[..., None], np.log1p(-p)[..., None]
        terms = np.where(weights == 0.0, 0.0, weights * log_wrong)
        terms = terms + np.where(weights == length, 0.0, (length - weights) * log_right)
    found: FloatArray = np.exp(logs + terms).sum(axis=-1)
    return found
