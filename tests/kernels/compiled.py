"""Runs a function both ways: compiled, and as the Python it is written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
from numba.core.registry import CPUDispatcher

from ternary_engine.kernels.simd import LANES

Array = np.ndarray[Any, Any]
EDGES = [0, 1, 2**63, 2**63 - 1, 2**64 - 1, 2**32, 2**32 - 1, 0x5555555555555555]


def both(function: Callable[..., Any], *arguments: Any) -> None:
    """Run a function compiled and not, on copies of its arrays; all must agree after."""

    def run(call: Callable[..., Any]) -> list[Any]:
        held = [a.copy() if isinstance(a, np.ndarray) else a for a in arguments]
        result = call(*held)
        return [result, *held]

    compiled = nb.njit(function)
    if not nb.config.DISABLE_JIT:
        assert isinstance(compiled, CPUDispatcher)
    for got, expected in zip(run(compiled), run(function), strict=True):
        np.testing.assert_array_equal(got, expected)


def words(seed: int, count: int = 4 * LANES) -> Array:
    """Random lanes with the values at which lanes go wrong among them."""
    random = np.random.default_rng(seed)
    lanes = random.integers(0, 2**64, count, np.uint64, endpoint=False)
    lanes[: len(EDGES)] = EDGES
    lanes[-len(EDGES) :] = random.permutation(np.array(EDGES, np.uint64))
    return lanes
