"""Int8 products against the definition; with the JIT off, in words made of arrays."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels import epilogue, int8_layout, int8_product
from ternary_engine.kernels.int8_layout import QUAD, ByteForm
from ternary_engine.kernels.layout import PANEL, segments
from ternary_engine.kernels.nibbles import are_supported
from ternary_engine.runtime.layout import group_window
from ternary_engine.runtime.weights import place_in_window
from tests.kernels.operands import JIT, Finish, Operands, finish_codes, finish_sums, make

pytestmark = pytest.mark.skipif(JIT and not are_supported(), reason="this processor has no AVX2")

CODES = [
    ("ternary", 1), ("unsigned", 1), ("unsigned", 3), ("unsigned", 7), ("unsigned", 8),
    ("signed", 1), ("signed", 2), ("signed", 5), ("signed", 8),
]  # fmt: skip
codes = pytest.mark.parametrize(("kind", "bits"), CODES)


def form_of(made: Operands) -> ByteForm:
    return ByteForm(made.codes.kind, made.codes.planes)


def bytes_of(made: Operands) -> np.ndarray[Any, Any]:
    """Bytes of all pixels of the memory, with garbage behind them."""
    pixels, channels = made.memory.shape
    form = form_of(made)
    found = np.full(pixels * channels + 64, 77, np.uint8)
    int8_product.find_bytes(
        made.packed_codes(),
        made.codes.planes,
        channels,
        form.words(),
        np.arange(pixels) * made.pixel_words * made.codes.planes,
        np.arange(pixels) * channels,
        found,
    )
    return found


def run(made: Operands, finish: Finish) -> None:
    """Call the kernel and check."""
    form = form_of(made)
    outputs, runs, pixels, channels = made.weights.shape
    flat = made.weights.reshape(outputs, runs * pixels, channels)
    most = form.most_quads(int(np.abs(flat).max(initial=0)))
    walk = segments(made.offsets * channels, -(-pixels * channels // QUAD), QUAD, most)
    reached = np.zeros(0, np.uint64)
    if finish.mode in (epilogue.TERNARY, epilogue.BINARY):
        split = finish.thresholds.view(np.int64).reshape(made.panels, -1, PANEL)
        by_output = split.transpose(0, 2, 1).reshape(made.panels * PANEL, -1)[:outputs]
        reached = int8_layout.thresholds(by_output)
    base = -form.zero * flat.sum(axis=(1, 2), dtype=np.int64)
    int8_product.convolve_int8(
        bytes_of(made),
        int8_layout.pack_int8(flat, runs),
        made.starts * channels,
        walk,
        int(walk[:, 1].sum()),
        np.zeros(made.panels, np.int64),
        int8_layout.spread_ints(base),
        finish.mode,
        reached,
        finish.flips,
        finish.targets,
        finish.codes,
        finish.sums,
    )
    finish.check()


def check(made: Operands, mode: str = "sums") -> None:
    sums = made.sums()
    run(made, finish_sums(sums) if mode == "sums" else finish_codes(sums, mode))


@codes
@pytest.mark.parametrize("channels", [1, 2, 7, 8, 9, 63, 64, 65, 130])
def test_bytes_of_codes(kind: str, bits: int, channels: int) -> None:
    made = make(kind, channels, 1, 1, bits=bits)
    found, zero = bytes_of(made), form_of(made).zero
    held = found[: made.memory.size].reshape(made.memory.shape).astype(np.int64)
    np.testing.assert_array_equal(held - zero, made.memory)
    written = found[made.memory.size :]
    assert set(written[written != 77]) <= {zero}, "behind the last, only what stands for 0"


@codes
@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
def test_every_way_to_finish(kind: str, bits: int, mode: str) -> None:
    check(make(kind, 70, 35, 9, bits=bits), mode)


@codes
@pytest.mark.parametrize("channels", [1, 3, 4, 5, 8, 16, 31, 64, 130])
def test_channels(kind: str, bits: int, channels: int) -> None:
    check(make(kind, channels, 21, 6, bits=bits, runs=3, pixels=2))


@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 48, 64, 65, 70, 129])
@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
def test_outputs(outputs: int, mode: str) -> None:
    check(make("unsigned", 37, outputs, 9, bits=8), mode)


@pytest.mark.parametrize("positions", [0, 1, 2, 3, 4, 5, 8, 9, 255, 257, 300])
def test_positions(positions: int) -> None:
    if not JIT and positions > 9:
        pytest.skip("slow without the JIT")
    check(make("signed", 40, 20, positions, bits=6), "ternary")


@codes
@pytest.mark.parametrize("largest", [1, 2, 13, 40, 127])
def test_shorts_are_widened_in_time(kind: str, bits: int, largest: int) -> None:
    """Every product has the largest magnitude: one quad more before widening would be cut off."""
    made = make(kind, 700 if JIT else 300, 3, 5, bits=bits, runs=1)
    if form_of(made).most_quads(largest) == 0:
        assert 2 * form_of(made).largest * largest > 32767
        pytest.skip("a layer that does not suit")
    signs = np.array([1, -1, 1], np.int8)[:, None, None, None]
    made = replace(made, weights=np.full_like(made.weights, largest) * signs)
    for extreme in (made.memory.max(), made.memory.min()):
        made.memory[:] = extreme
        check(made)


@pytest.mark.parametrize(("outputs", "channels", "groups"), [
    (16, 16, 1), (32, 64, 2), (128, 128, 4), (40, 20, 5), (24, 24, 24), (6, 12, 3), (48, 6, 2),
])  # fmt: skip
def test_panels_read_the_channels_of_their_groups(outputs: int, channels: int, groups: int) -> None:
    random = np.random.default_rng([outputs, groups])
    weights = random.integers(-1, 2, (outputs, 3, channels // groups), np.int8)
    window = group_window(channels, outputs, groups, unit=1)
    begin, width = np.array(window.first), window.words
    placed = place_in_window(weights, window, groups)
    inputs = random.integers(-9, 10, (3, channels))
    for output in range(outputs):
        seen = output // (outputs // groups) * (channels // groups)
        right = (weights[output] * inputs[:, seen : seen + channels // groups]).sum()
        at = begin[output // PANEL]
        assert (placed[output] * inputs[:, at : at + width]).sum() == right
    assert (begin >= 0).all()
    assert (begin + width <= channels).all(), "nothing behind the last channel is read"


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(CODES), st.integers(1, 70), st.integers(1, 40), st.integers(1, 12),
    st.integers(1, 4), st.integers(1, 3), st.integers(0, 99),
    st.sampled_from(["sums", "ternary", "binary"]),
)  # fmt: skip
def test_any_shape(
    code: tuple[str, int],
    channels: int,
    outputs: int,
    positions: int,
    runs: int,
    pixels: int,
    seed: int,
    mode: str,
) -> None:
    kind, bits = code
    made = make(
        kind, channels, outputs, positions, bits=bits, runs=runs, pixels=pixels, seed=seed
    )  # fmt: skip
    check(made, mode)
