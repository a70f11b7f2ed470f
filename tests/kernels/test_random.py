"""Random words: what they are by definition, and that nothing in them can be foreseen."""

from __future__ import annotations

import numba as nb
import numpy as np
import pytest
from scipy import stats

from ternary_engine.kernels import random as kernels
from ternary_engine.kernels.simd import add64, multiply64, store
from tests import statistics
from tests.kernels.operands import JIT

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
WORDS = 1 << (14 if JIT else 6)  # of eight numbers
KEYS = np.array([0x0123456789ABCDEF, 0xFEDCBA9876543210], np.uint64)
HALF = stats.binom.pmf(np.arange(65), 64, 0.5)


def number(key0: int, key1: int, counter: int) -> int:
    """The definition, in whole numbers."""
    z = (key0 + counter * GOLDEN) & MASK
    z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9 + key1) & MASK
    z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
    return z ^ z >> 31


@nb.njit
def fill(start, key1, out):
    for word in range(out.size // 8):
        at = add64(start, multiply64(kernels.NEXT_WORD, word))
        store(out, word * 8, kernels.random_word(at, key1))


def stream(key0: int, key1: int, counter: int = 0, words: int = WORDS) -> np.ndarray:
    """Numbers of a stream from a counter on."""
    out = np.empty(words * 8, np.uint64)
    fill(np.uint64((int(key0) + counter * GOLDEN) & MASK), np.uint64(key1), out)
    return out


@pytest.mark.parametrize("counter", [0, 5, 1 << 44, 63 << 58, (3 << 58) + (16383 << 44) + 12345])
def test_words_are_numbers_of_the_stream(counter: int) -> None:
    for key0, key1 in (KEYS.tolist(), (0, 0), (MASK, MASK)):
        expected = [number(key0, key1, counter + i) for i in range(24)]
        assert stream(key0, key1, counter, 3).tolist() == expected
        start = np.uint64((key0 + counter * GOLDEN) & MASK)
        assert int(kernels.random_number(start, np.uint64(key1))) == expected[0]


def test_steps_of_the_counter() -> None:
    for step, bits in (("NEXT_WORD", 3), ("NEXT_DRAW", 44)):
        assert int(getattr(kernels, step)) == (GOLDEN << bits) & MASK


def test_keys_of_samples() -> None:
    key0, key1 = KEYS.tolist()
    keys = kernels.sample_keys(KEYS, 1000, 5)
    expected = [[number(key0, key1, 2 * (1000 + i) + s) for s in (0, 1)] for i in range(5)]
    assert keys.tolist() == expected
    assert kernels.sample_keys(KEYS, 1003, 1).tolist() == expected[3:4]
    assert kernels.sample_keys(KEYS, 0, 0).shape == (0, 2)


def test_keys_of_a_seed_stay_what_they_are() -> None:
    """A seed names the same numbers on every machine, and in later versions unless it is said."""
    assert [hex(key) for key in kernels.stream_keys(7, "conv1/read").tolist()] == [
        "0xb741e655375728b4", "0xc6d97a9c200b0acf",
    ]  # fmt: skip
    keys = {tuple(kernels.stream_keys(s, p).tolist()) for s in (0, 1, 2**70) for p in ("a", "b")}
    assert len(keys) == 6
    assert kernels.stream_keys(1, "2").tolist() != kernels.stream_keys(12, "").tolist()


# Quality: fresh keys every time


def keys_of(seed: int, samples: int = 2) -> list[list[int]]:
    return kernels.sample_keys(kernels.stream_keys(seed, "test"), 0, samples).tolist()


def assert_unrelated(a: np.ndarray, b: np.ndarray, what: str) -> None:
    """The bits in which two streams differ are those of fair coins."""
    different = a ^ b
    counts = np.bincount(np.bitwise_count(different), minlength=65)
    statistics.assert_counts(counts, HALF, f"{what}: bits that differ")
    for bit in range(64):
        ones = int((different >> np.uint64(bit) & np.uint64(1)).sum())
        statistics.assert_rate(ones, different.size, 0.5, f"{what}: bit {bit}")


def test_every_byte_is_uniform(seed: int) -> None:
    numbers = stream(*keys_of(seed)[0]).view(np.uint8).reshape(-1, 8)
    for byte in range(8):
        counts = np.bincount(numbers[:, byte], minlength=256)
        statistics.assert_uniform(counts, f"byte {byte}")
    pairs = (numbers[:, 0].astype(int) & 15) << 4 | numbers[:, 7] >> 4
    statistics.assert_uniform(np.bincount(pairs, minlength=256), "low and high bits")


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 10, 43, 44, 45, 46, 50, 54])
def test_counters_that_differ_in_one_bit(bits: int, seed: int) -> None:
    """Neighbours in lane, word, position and draw have nothing in common."""
    key0, key1 = keys_of(seed)[0]
    assert_unrelated(stream(key0, key1), stream(key0, key1, 1 << bits), f"counter bit {bits}")


@pytest.mark.parametrize("apart", [1, 2, 1000])
def test_neighbouring_samples(apart: int, seed: int) -> None:
    keys = keys_of(seed, apart + 1)
    assert_unrelated(stream(*keys[0]), stream(*keys[apart]), f"samples {apart} apart")


@pytest.mark.parametrize("bit", [0, 1, 31, 32, 62, 63])
@pytest.mark.parametrize("side", [0, 1])
def test_keys_that_differ_in_one_bit(side: int, bit: int, seed: int) -> None:
    near = keys_of(seed)[0]
    key = list(near)
    near[side] ^= 1 << bit
    a, b = stream(*key), stream(*near)
    ones = np.bitwise_count(a ^ b).astype(float)
    assert not (a == b).any()
    if side == 0 or bit < 60:  # the top bits of the second key pass one multiplication only
        assert abs(ones.mean() - 32) < 4, f"{ones.mean():.2f} bits differ on average"


def test_bits_that_follow_one_another(seed: int) -> None:
    numbers = stream(*keys_of(seed)[0])
    bits = np.unpackbits(numbers.view(np.uint8), bitorder="little").reshape(-1, 64).astype(int)
    for bit in (0, 1, 31, 52, 63):
        column = bits[:, bit]
        patterns = sum(column[i : column.size - 7 + i] << i for i in range(8))[::8]
        statistics.assert_uniform(np.bincount(patterns, minlength=256), f"runs of bit {bit}")
    for shift in (1, 8, 16):
        assert_unrelated(numbers[shift:], numbers[:-shift], f"numbers {shift} apart")


def test_streams_share_no_number(seed: int) -> None:
    """Plain SplitMix64 streams would be pieces of one sequence."""
    keys = keys_of(seed, 64)
    words = WORDS // 64 + 1
    numbers = np.concatenate([stream(k0, k1, words=words) for k0, k1 in keys])
    assert np.unique(numbers).size == numbers.size
    # nor does a stream come back with the key of another, or shifted by the same key
    shifted = stream(keys[0][0], keys[0][1] ^ 1, words=words)
    assert np.intersect1d(shifted, numbers).size == 0
