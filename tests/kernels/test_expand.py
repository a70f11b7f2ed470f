"""One read's inputs as planes, for every code and presentation."""

from __future__ import annotations

import numpy as np
import pytest

from ternary_engine.kernels import expand
from tests.kernels.sampled import MEANINGS
from tests.oracles import products

UNTOUCHED = 0xFEED


def presented(integers: np.ndarray, kind: str, which: int) -> np.ndarray:
    """The inputs that a read switches on, as -1, 0, +1."""
    if kind in ("unsigned", "signed"):
        return integers >> which & 1
    if which == expand.BOTH_SIGNS:
        return integers
    return (integers == (1, -1)[which]).astype(np.int64)


@pytest.mark.parametrize("channels", [1, 3, 63, 64, 65, 130])
@pytest.mark.parametrize(
    ("kind", "bits"),
    [("binary", 1), ("ternary", 1), ("unsigned", 1), ("unsigned", 4), ("signed", 9)],
)
def test_planes(kind: str, bits: int, channels: int) -> None:
    codes, ternary = products.make_codes(kind, bits), products.make_codes("ternary")
    random = np.random.default_rng([channels, bits])
    integers = random.choice(np.array(codes.integers), (9, channels))
    packed = products.pack(integers, codes)
    words = packed.shape[1]
    real = np.packbits(np.arange(words * 64) < channels, bitorder="little").view(np.uint64)
    sources = np.arange(9)[::-1] * packed[0].size
    targets = np.arange(9)[::-1] * (2 * words + 1)
    reads = range(bits) if kind in ("unsigned", "signed") else (expand.BOTH_SIGNS, 0, 1)
    for which in reads:
        out = np.full(9 * (2 * words + 1), UNTOUCHED, np.uint64)
        expand.expand_planes(
            packed.reshape(-1), words, codes.planes, MEANINGS[kind], which, real, sources, targets,
            out,
        )  # fmt: skip
        expected = np.full((9, 2 * words + 1), UNTOUCHED, np.uint64)
        shown = products.pack(presented(integers, kind, which), ternary)
        expected[:, :-1] = shown.reshape(9, -1)
        np.testing.assert_array_equal(out.reshape(9, -1), expected)
