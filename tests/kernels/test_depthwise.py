"""Depthwise convolutions on bit slices against sums counted one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels import depthwise, epilogue
from ternary_engine.kernels.layout import pack_channels
from tests.kernels.operands import JIT
from tests.oracles import products


@settings(max_examples=80 if JIT else 8, deadline=None)
@given(
    st.sampled_from(["ternary", "binary"]),
    st.sampled_from([epilogue.STORE, epilogue.TERNARY, epilogue.BINARY]),
    st.integers(1, 140),
    st.sampled_from([1, 2, 9, 25, depthwise.MOST_TAPS]),
    st.sampled_from([1, 3, 8, 9, 15, 17]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_any_size(
    kind: str, mode: int, channels: int, taps: int, width: int, near: bool, seed: int
) -> None:
    """Two rows of windows over a row of pixels, some taps of binary codes outside the image."""
    draw = np.random.default_rng(seed)
    codes, positions = products.make_codes(kind), 2 * width
    pixels = taps + positions - 1
    x = draw.choice(np.array(codes.integers), (pixels, channels))
    trits = draw.integers(-1, 2, (channels, taps)).astype(np.int8)
    if draw.random() < 0.2:
        x[:], trits[:] = 1, draw.choice([-1, 1])  # the largest sums
    packed = products.pack(x, codes)
    pitch = packed[0].size
    valid = draw.random((positions, taps)) < 0.8
    if kind == "ternary":  # padding is a code 0
        valid[:] = True
    windows = np.stack([x[p : p + taps] for p in range(positions)]) * valid[:, :, None]
    expected = (windows * trits.T).sum(axis=1)

    levels = np.sort(draw.integers(-taps - 2, taps + 3, (channels, 1 + (mode == epilogue.TERNARY))))
    flips = draw.random(channels) < 0.3
    words, planes = -(-channels // 64), codes.planes
    out_planes = 2 if mode == epilogue.TERNARY else 1
    out = np.full(positions * words * out_planes, 7, np.uint64)
    stored = -(-channels // 16) * 16
    sums = np.full(positions * stored, -99, np.int32)
    split = np.full(pixels * pitch + 8, 11, np.uint64)
    depthwise.split_planes(packed.reshape(-1), pitch, pixels, split)
    np.testing.assert_array_equal(split[:-8].reshape(pitch, pixels).T, packed.reshape(-1, pitch))
    outside = np.concatenate([np.where(valid.T, 0, 2**64 - 1).astype(np.uint64).ravel(), split[:8]])
    depthwise.convolve_depthwise(
        split, pixels, planes, words, np.arange(positions), width, near and width >= 8, outside,
        np.arange(taps), depthwise.pack_depthwise(trits),
        pack_channels(np.ones(channels, np.bool_)), mode,
        depthwise.slice_thresholds(levels, taps), pack_channels(flips),
        np.arange(positions) * words * out_planes, out, stored, sums,
    )  # fmt: skip
    if mode == epilogue.STORE:
        got = sums.reshape(positions, stored)
        np.testing.assert_array_equal(got[:, :channels], expected)
        assert not got[:, channels:].any()
        return
    reached = (expected[:, :, None] >= levels).sum(axis=2)
    rising = reached - 1 if mode == epilogue.TERNARY else 2 * reached - 1
    right = np.where(flips, -rising, rising)
    after = products.make_codes("ternary" if mode == epilogue.TERNARY else "binary")
    np.testing.assert_array_equal(out, products.pack(right, after).reshape(-1))


@pytest.mark.parametrize("taps", [1, 9, depthwise.MOST_TAPS])
def test_thresholds_beyond_all_sums(taps: int) -> None:
    wide = np.array([[-(2**31)], [-taps], [-taps + 1], [taps], [taps + 1], [2**31 - 1]])
    slices = depthwise.slice_thresholds(wide, taps)
    assert slices.size == depthwise.SLICES
    bits = (slices[:, None] >> np.arange(6, dtype=np.uint64)) & np.uint64(1)
    levels = (bits.T.astype(np.int64) << np.arange(depthwise.SLICES)).sum(axis=1)
    assert levels.tolist() == [0, 0, 1, 2 * taps, 63, 63]
    assert 2 * taps < 63
