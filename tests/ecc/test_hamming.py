"""Hamming codes: words, decoding, names, against the oracle that tries."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from ternary_engine.ecc import HammingCode
from ternary_engine.ecc.words import count_ones, from_planes, to_planes
from tests.oracles import codes as oracle

SMALL = ("sec(3,1)", "sec(7,4)", "secded(8,4)", "sec(6,3)", "secded(7,3)", "sec(15,11)")
LARGE = ("sec(71,64)", "secded(72,64)", "secded(39,32)", "secded(128,120)", "secded(64,57)")


def random_bits(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < 0.5


@pytest.mark.parametrize("words", [0, 1, 63, 64, 65, 200])
def test_planes_and_back(words: int, seed: int) -> None:
    bits = random_bits((words, 11), seed)
    planes = to_planes(bits)
    assert planes.shape == (11, -(-words // 64))
    assert (from_planes(planes, words) == bits).all()
    assert count_ones(planes) == bits.sum()
    for word, bit in ((0, 3), (words - 1, 10)):
        if words:
            assert (
                bool(planes[bit, word // 64] >> np.uint64(word % 64) & np.uint64(1))
                == (bits[word, bit])
            )


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_words_are_those_of_the_oracle(name: str, seed: int) -> None:
    code = HammingCode.named(name)
    data = random_bits((70, code.data), seed)
    words = code.encode(data)
    assert words.shape == (70, code.length)
    for row, word in zip(data.astype(int).tolist(), words.astype(int).tolist(), strict=True):
        assert tuple(word) == oracle.encode(tuple(row), code.extended)


@pytest.mark.parametrize("name", SMALL[:5])
def test_every_word_is_decoded_as_the_oracle_does(name: str) -> None:
    code = HammingCode.named(name)
    words = list(itertools.product((0, 1), repeat=code.length))
    found = code.decode(np.array(words))
    for place, word in enumerate(words):
        data, done = oracle.decode(word, code)
        assert tuple(found.data[place].astype(int).tolist()) == data
        assert (found.corrected[place], found.flagged[place]) == (
            done == "corrected",
            done == "flagged",
        )


@pytest.mark.parametrize("name", LARGE)
def test_words_with_some_errors_are_decoded_as_the_oracle_does(name: str, seed: int) -> None:
    code = HammingCode.named(name)
    rng = np.random.default_rng(seed)
    words = code.encode(random_bits((40, code.data), seed))
    for word, errors in zip(words, itertools.cycle(range(5)), strict=False):
        word[rng.choice(code.length, errors, replace=False)] ^= True
    found = code.decode(words)
    for place, word in enumerate(words.astype(int).tolist()):
        data, done = oracle.decode(tuple(word), code)
        assert tuple(found.data[place].astype(int).tolist()) == data
        assert found.corrected[place] == (done == "corrected")
        assert found.flagged[place] == (done == "flagged")


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_one_error_is_corrected_wherever_it_is(name: str, seed: int) -> None:
    code = HammingCode.named(name)
    data = random_bits((code.length, code.data), seed)
    words = code.encode(data) ^ np.eye(code.length, dtype=bool)
    found = code.decode(words)
    assert (found.data == data).all()
    assert found.corrected.all()
    assert not found.flagged.any()


@pytest.mark.parametrize("name", ["secded(8,4)", "secded(72,64)", "secded(39,32)"])
def test_two_errors_are_detected_and_leave_the_data_as_read(name: str, seed: int) -> None:
    code = HammingCode.named(name)
    pairs = list(itertools.combinations(range(code.length), 2))
    data = random_bits((len(pairs), code.data), seed)
    words = code.encode(data)
    for word, pair in zip(words, pairs, strict=True):
        word[list(pair)] ^= True
    found = code.decode(words)
    assert found.flagged.all()
    assert not found.corrected.any()
    assert (found.data == words[:, : code.data]).all()


def test_columns_are_all_different() -> None:
    for data in (1, 4, 11, 26, 57, 64, 120, 247, 512):
        for extended in (False, True):
            columns = HammingCode(data, extended).columns
            assert len(set(columns)) == len(columns) == HammingCode(data, extended).length
            assert 0 not in columns


def test_names() -> None:
    for name in (*SMALL, *LARGE):
        assert HammingCode.named(name).name == name
    assert HammingCode.named(" SECDED(72, 64) ") == HammingCode(64, extended=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: HammingCode.named("sec(8,4)"), "got 'sec(8,4)'; with 4 data bits it is sec(7,4)"),
        (lambda: HammingCode.named("hamming"), "it takes sec(n,k) or secded(n,k)"),
        (lambda: HammingCode(0), "data: got 0; a code takes 1 to 1024 data bits"),
        (
            lambda: HammingCode(4).encode(np.zeros((2, 5))),
            "got shape (2, 5); sec(7,4) takes",
        ),
        (lambda: HammingCode(4).decode(np.full((1, 7), 2)), "neither 0 nor 1"),
    ],
)
def test_bad_codes_and_bits_say_what_is_wrong(make, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        make()
