"""The SIMD word: operators and memory, compiled, against its own Python bodies."""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pytest

from ternary_engine.kernels import simd
from ternary_engine.kernels.compile import kernel
from ternary_engine.kernels.simd import (
    LANES,
    load,
    load_int32,
    splat,
    spread,
    store,
    store_int32,
    zero,
)
from tests.kernels.compiled import both, words


def _with_and(a, b, out):
    store(out, 0, load(a, 0) & load(b, 0))


def _with_or(a, b, out):
    store(out, 0, load(a, 0) | load(b, 0))


def _with_xor(a, b, out):
    store(out, 0, load(a, 0) ^ load(b, 0))


def _with_add(a, b, out):
    store(out, 0, load(a, 0) + load(b, 0))


def _with_sub(a, b, out):
    store(out, 0, load(a, 0) - load(b, 0))


def _with_mul(a, b, out):
    store(out, 0, load(a, 0) * load(b, 0))


def _with_iand(a, b, out):
    word = load(a, 0)
    word &= load(b, 0)
    store(out, 0, word)


def _with_ior(a, b, out):
    word = load(a, 0)
    word |= load(b, 0)
    store(out, 0, word)


def _with_ixor(a, b, out):
    word = load(a, 0)
    word ^= load(b, 0)
    store(out, 0, word)


def _with_iadd(a, b, out):
    word = load(a, 0)
    word += load(b, 0)
    store(out, 0, word)


def _with_isub(a, b, out):
    word = load(a, 0)
    word -= load(b, 0)
    store(out, 0, word)


def _with_imul(a, b, out):
    word = load(a, 0)
    word *= load(b, 0)
    store(out, 0, word)


OPERATORS = {
    (operator.and_): (_with_and, lambda x, y: x & y),
    (operator.iand): (_with_iand, lambda x, y: x & y),
    (operator.or_): (_with_or, lambda x, y: x | y),
    (operator.ior): (_with_ior, lambda x, y: x | y),
    (operator.xor): (_with_xor, lambda x, y: x ^ y),
    (operator.ixor): (_with_ixor, lambda x, y: x ^ y),
    (operator.add): (_with_add, lambda x, y: x + y),
    (operator.iadd): (_with_iadd, lambda x, y: x + y),
    (operator.sub): (_with_sub, lambda x, y: x - y),
    (operator.isub): (_with_isub, lambda x, y: x - y),
    (operator.mul): (_with_mul, lambda x, y: x * y),
    (operator.imul): (_with_imul, lambda x, y: x * y),
}


@pytest.mark.parametrize("symbol", OPERATORS, ids=lambda symbol: symbol.__name__)
def test_operators(symbol: Callable[..., Any]) -> None:
    function, meaning = OPERATORS[symbol]
    a, b, out = words(1), words(2), np.zeros(LANES, np.uint64)
    both(function, a, b, out)
    function(a, b, out)
    for i in range(LANES):
        assert int(out[i]) == meaning(int(a[i]), int(b[i])) % 2**64


def test_every_operation_has_a_test() -> None:
    public = {
        name
        for name, value in vars(simd).items()
        if inspect.isfunction(value) and value.__module__ == simd.__name__ and name[0] != "_"
    }
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_simd*.py"))
    assert set(re.findall(r"^def test_of_(\w+)\(", tests, re.MULTILINE)) == public


def test_of_zero() -> None:
    def function(out):
        store(out, 0, zero())

    both(function, words(3))
    assert (zero() == 0).all()


@pytest.mark.parametrize("value", [0, 1, -1, -(2**63), 2**63 - 1])
def test_of_splat(value: int) -> None:
    def function(value, out):
        store(out, 0, splat(value))

    both(function, value, words(4))
    assert (splat(value) == value % 2**64).all()


def test_splat_of_every_integer_type() -> None:
    def function(values, out):
        store(out, 0, splat(values[0]))

    for value in (np.int8(-3), np.int32(-7), np.uint8(200), np.uint32(2**31), np.uint64(2**63)):
        both(function, np.array([value]), words(5))


@pytest.mark.parametrize("index", [0, 1, 7, 24])
def test_of_load(index: int) -> None:
    def function(a, index, out):
        store(out, 0, load(a, index))

    a, out = words(6), np.zeros(LANES, np.uint64)
    both(function, a, index, out)
    function(a, index, out)
    np.testing.assert_array_equal(out, a[index : index + LANES])


@pytest.mark.parametrize("index", [0, 1, 31])
def test_of_spread(index: int) -> None:
    def function(a, index, out):
        store(out, 0, spread(a, index))

    both(function, words(28), index, words(29))
    assert (spread(words(28), index) == words(28)[index]).all()


@pytest.mark.parametrize("index", [0, 3, 24])
def test_of_store(index: int) -> None:
    def function(out, index, a):
        store(out, index, load(a, 8))

    both(function, words(7), index, words(8))


@pytest.mark.parametrize("index", [0, 5, 24])
def test_of_store_int32(index: int) -> None:
    def function(out, index, a):
        store_int32(out, index, load(a, 0))

    both(function, np.arange(32, dtype=np.int32), index, words(9))
    out = np.zeros(LANES, np.int32)
    function(out, 0, words(9))
    assert out.tolist()[:4] == [0, 1, 0, -1]  # the low halves of EDGES


@pytest.mark.parametrize("index", [0, 5, 24])
def test_of_load_int32(index: int) -> None:
    def function(a, index, out):
        store(out, 0, load_int32(a, index))

    a = np.random.default_rng(10).integers(-(2**31), 2**31, 32).astype(np.int32)
    both(function, a, index, words(11))
    np.testing.assert_array_equal(load_int32(a, index).view(np.int64), a[index : index + LANES])


def test_the_decorator_compiles_for_all_threads() -> None:
    def function(a, out):
        store(out, 0, load(a, 0) + load(a, 8))

    made = kernel(function)
    if nb.config.DISABLE_JIT:
        assert made is function
        return
    out = np.zeros(LANES, np.uint64)
    made(words(16), out)
    np.testing.assert_array_equal(out, words(16)[:8] + words(16)[8:16])
    assert made.targetoptions["nogil"]
    assert not made.targetoptions.get("fastmath")
