"""Channels of several images in one, against packing them together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels import join
from tests.kernels.operands import JIT
from tests.oracles import products

KINDS = (("binary", 1), ("ternary", 1), ("unsigned", 3), ("signed", 9))
LEFT_ALONE = 0xFEED


def check(kind: tuple[str, int], channels: list[int], positions: int, seed: int = 0) -> None:
    """The joined planes are those of all integers packed at once, whatever lay there before."""
    random = np.random.default_rng(seed)
    codes = products.make_codes(*kind)
    parts = [random.choice(np.array(codes.integers), (positions, count)) for count in channels]
    expected = products.pack(np.concatenate(parts, axis=1), codes)
    pitch = expected[0].size
    targets = random.permutation(positions).astype(np.int64) * (pitch + 1)
    room = random.integers(0, 1 << 63, positions * (pitch + 1), np.uint64)
    room[pitch :: pitch + 1] = LEFT_ALONE
    first = 0
    for part in parts:
        packed = products.pack(part, codes)
        starts = np.arange(positions, dtype=np.int64) * packed[0].size
        join.join_channels(
            packed.reshape(-1), codes.planes, part.shape[1], starts, first, targets, room
        )
        first += part.shape[1]
    rows = room.reshape(positions, pitch + 1)
    assert (rows[:, pitch] == LEFT_ALONE).all()
    np.testing.assert_array_equal(
        rows[targets // (pitch + 1), :pitch], expected.reshape(positions, -1)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "channels",
    [[64, 64], [1, 1], [63, 1], [63, 2], [64, 1, 64], [1, 128], [65, 127, 64], [40, 40, 40], [200]],
)
def test_sizes_around_words(kind: tuple[str, int], channels: list[int]) -> None:
    check(kind, channels, 3)


@settings(max_examples=80 if JIT else 8, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(1, 140), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(0, 99),
)
def test_any_size(kind: tuple[str, int], channels: list[int], positions: int, seed: int) -> None:
    check(kind, channels, positions, seed)
