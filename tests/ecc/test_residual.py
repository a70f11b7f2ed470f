"""What codes leave wrong: the enumeration against all patterns, weight formulas and simulation."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from ternary_engine.ecc import SCHEMES, Counts, HammingCode, Scheme, find_scheme, simulate
from ternary_engine.ecc.residual import error_counts, flag_counts, rate_of
from tests import statistics
from tests.oracles import codes as oracle

# The table of the project's facts, to its printed digits.
TABLE = """
1e-1    3.50e-2  6.69e-2  5.63e-2
3.3e-2  4.66e-3  8.90e-3  7.12e-3
1e-2    5.01e-4  8.74e-4  6.86e-4
1e-3    6.21e-6  8.97e-6  6.99e-6
1e-4    7.22e-8  9.00e-8  7.00e-8
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_the_table_of_facts(row: str) -> None:
    raw, *expected = row.split()
    for name, told in zip(SCHEMES[1:4], expected, strict=True):
        assert f"{float(find_scheme(name).residual(float(raw))):.2e}" == f"{float(told):.2e}", name


@pytest.mark.parametrize(
    "name",
    ["sec(3,1)", "sec(7,4)", "secded(8,4)", "sec(6,3)", "secded(7,3)", "sec(9,5)", "secded(10,5)"],
)
def test_counts_are_those_of_a_walk_through_all_patterns(name: str) -> None:
    code = HammingCode.named(name)
    wrong, flagged = [0] * (code.length + 1), [0] * (code.length + 1)
    for weight, left, flag in oracle.patterns(code):
        wrong[weight] += left
        flagged[weight] += flag
    assert error_counts(code) == tuple(wrong)
    assert flag_counts(code) == tuple(flagged)


def test_two_errors_of_72_64_counted_one_by_one() -> None:
    """Pairs are left as read: each data bit is in 71 of them."""
    code = HammingCode.named("secded(72,64)")
    assert error_counts(code)[:3] == (0, 0, 64 * 71)
    assert flag_counts(code)[:3] == (0, 0, math.comb(72, 2))


def test_three_errors_of_72_64_decoded_one_by_one() -> None:
    code = HammingCode.named("secded(72,64)")
    triples = np.array(list(combinations(range(code.length), 3)))
    words = np.zeros((len(triples), code.length), bool)
    words[np.arange(len(triples))[:, None], triples] = True
    found = code.decode(words)
    assert error_counts(code)[3] == found.data.sum()
    assert flag_counts(code)[3] == found.flagged.sum()


@pytest.mark.parametrize("checks", [2, 3, 4, 6])
def test_perfect_codes_by_their_weight_enumerator(checks: int) -> None:
    """(2**r - 1, 2**r - r - 1): every pattern lies within one bit of one code word.

    Code words of weight w number A(w), by ((1 + x)**n + n (1 + x)**((n - 1) / 2)
    (1 - x)**((n + 1) / 2)) / (n + 1); all places being alike, a share w / n of their bits is wrong.
    """
    n = 2**checks - 1
    one = np.polynomial.Polynomial
    plus, minus = one([1, 1]), one([1, -1])
    enumerator = (plus**n + n * plus ** ((n - 1) // 2) * minus ** ((n + 1) // 2)) / (n + 1)
    for p in (0.3, 0.05, 1e-3):
        q = 1 - p
        rate = sum(
            a * w / n * (p**w * q ** (n - w) + _beside(w, n, p))
            for w, a in enumerate(enumerator.coef)
        )
        code = HammingCode(n - checks)
        assert code.length == n
        assert float(rate_of(error_counts(code), code.data, p)) == pytest.approx(rate, rel=1e-9)


def _beside(w: int, n: int, p: float) -> float:
    """P(a pattern is one bit away from a given one of weight w)."""
    q = 1 - p
    fewer = w * p ** (w - 1) * q ** (n - w + 1) if w else 0.0
    more = (n - w) * p ** (w + 1) * q ** (n - w - 1) if w < n else 0.0
    return fewer + more


@pytest.mark.parametrize("checks", [3, 4, 6])
def test_extended_codes_by_their_weight_enumerator(checks: int) -> None:
    """(2**r, 2**r - r - 1): of an even pattern the data stay as read; odd ones as above."""
    n = 2**checks
    one = np.polynomial.Polynomial
    plus, minus, square = one([1, 1]), one([1, -1]), one([1, 0, -1])
    enumerator = (plus**n + minus**n + 2 * (n - 1) * square ** (n // 2)) / (2 * n)
    code = HammingCode(n - checks - 1, extended=True)
    assert code.length == n
    for p in (0.3, 0.05, 1e-3):
        as_read = 0.5 * p * (1 - (1 - 2 * p) ** (n - 1))
        rate = as_read + sum(a * w / n * _beside(w, n, p) for w, a in enumerate(enumerator.coef))
        assert float(rate_of(error_counts(code), code.data, p)) == pytest.approx(rate, rel=1e-9)


@pytest.mark.parametrize("raw", [1e-1, 3.3e-2, 1e-2, 1e-3])
@pytest.mark.parametrize("name", SCHEMES)
def test_the_real_thing_errs_as_often_as_told(name: str, raw: float, seed: int) -> None:
    scheme = find_scheme(name)
    found = simulate(scheme, raw, 1_000_000, seed)
    _assert_wrong(found, scheme, raw)
    assert found.devices == pytest.approx(found.bits * scheme.devices_per_bit, rel=1e-4)
    statistics.assert_rate(found.raw_errors, found.devices, raw, "raw")
    if scheme.code:
        words = -(-found.bits // scheme.code.data)
        flagged = float(rate_of(flag_counts(scheme.code), 1, raw))
        statistics.assert_rate(found.flagged, words, flagged, "flagged")


def _assert_wrong(found: Counts, scheme: Scheme, raw: float) -> None:
    """Bits wrong in the end; those of a word go together, of w wrong bits at most w + 1."""
    rate = float(scheme.residual(raw))
    if scheme.code is None:
        statistics.assert_rate(found.wrong, found.bits, rate, "wrong bits")
        return
    words, length = found.bits / scheme.code.data, scheme.code.length
    weights = np.arange(2, length + 1)
    square = float(stats.binom.pmf(weights, length, raw) @ (weights + 1.0) ** 2)
    error = statistics.SIGMAS * math.sqrt(words * square)
    assert abs(found.wrong - found.bits * rate) <= error + 10, (found, rate)


@pytest.mark.parametrize("name", ["sec(7,4)", "secded(8,4)", "secded(72,64)"])
def test_wrong_bits_a_word_are_distributed_as_enumerated(name: str, seed: int) -> None:
    """Exact test of the decoder: words that end wrong, from the patterns' weights."""
    code = HammingCode.named(name)
    rng = np.random.default_rng(seed)
    n, p = 200_000 // code.length, 0.04
    weights = rng.binomial(code.length, p, n)
    stored = np.zeros((n, code.length), bool)
    for word, weight in zip(stored, weights, strict=True):
        word[rng.choice(code.length, weight, replace=False)] = True
    left = code.decode(stored).data.sum(axis=1)
    for weight in range(2, 5):
        here = left[weights == weight]
        if here.size > 200:
            mean = error_counts(code)[weight] / math.comb(code.length, weight)
            error = max(here.std(), 0.1) / math.sqrt(here.size)
            assert abs(here.mean() - mean) <= statistics.SIGMAS * error, weight


@pytest.mark.slow
@pytest.mark.parametrize("name", SCHEMES[1:])
def test_the_real_thing_at_length(name: str, seed: int) -> None:
    scheme = find_scheme(name)
    for raw in (1e-2, 1e-3):
        found = simulate(scheme, raw, 40_000_000, seed)
        _assert_wrong(found, scheme, raw)


def test_rates_far_below_what_counting_reaches() -> None:
    for name, factor in (("sec(7,4)", 9.0), ("secded(8,4)", 7.0), ("secded(72,64)", 71.0)):
        assert float(find_scheme(name).residual(1e-9)) == pytest.approx(factor * 1e-18, rel=1e-5)


def test_ends() -> None:
    for name in SCHEMES:
        rates = find_scheme(name).residual([0.0, 1e-12, 0.5])
        assert rates[0] == 0.0
        assert 0.0 < rates[1] <= 1e-12
        assert rates[2] == pytest.approx(0.5)


def test_devices_a_bit() -> None:
    devices = {name: find_scheme(name).devices_per_bit for name in SCHEMES}
    assert devices == {
        "1t1r": 1.0,
        "2t2r": 2.0,
        "sec(7,4)": 1.75,
        "secded(8,4)": 2.0,
        "secded(72,64)": 1.125,
    }


def test_pairs_are_two_normals() -> None:
    for raw in (0.1, 1e-3):
        deviations = stats.norm.isf(raw)
        expected = stats.norm.sf(math.sqrt(2) * deviations)
        assert float(find_scheme("2T2R").residual(raw)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: find_scheme("ldpc"), ValueError, "it takes 1t1r, 2t2r, sec"),
        (lambda: find_scheme(3), TypeError, "code: got 3; it takes a name"),
        (lambda: find_scheme("1t1r").residual(1.5), ValueError, "error rates from 0 to 1"),
        (lambda: simulate("1t1r", 0.6, 10), ValueError, "raw: got 0.6"),
        (lambda: simulate("1t1r", 0.1, -1), ValueError, "bits: got -1"),
    ],
)
def test_bad_input_says_what_is_wrong(make, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()
