"""Products by look-up against the definition; with the JIT off, in words made of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels import epilogue, faults, nibble_layout, nibble_product
from ternary_engine.kernels.layout import PANEL, segments
from ternary_engine.kernels.nibble_layout import NARROW, WIDE, Digit
from ternary_engine.kernels.nibbles import are_supported
from tests.kernels.operands import JIT, Finish, Operands, finish_codes, finish_sums, make

pytestmark = pytest.mark.skipif(JIT and not are_supported(), reason="this processor has no AVX2")

CASES = {
    "ternary": ("ternary", 1, False),
    "binary codes": ("binary", 1, False),
    "binary": ("binary", 1, True),
    "1 bit": ("unsigned", 1, False),
    "2 bits": ("unsigned", 2, False),
    "3 bits": ("unsigned", 3, False),
    "4 bits": ("unsigned", 4, False),
    "2 bits signed": ("signed", 2, False),
    "4 bits signed": ("signed", 4, False),
}
cases = pytest.mark.parametrize("name", CASES)
lanes = pytest.mark.parametrize("lanes", [WIDE, NARROW])


def digit_of(made: Operands, *, binary_weights: bool) -> Digit:
    kind, planes = made.codes.kind, made.codes.planes
    (digit,) = nibble_layout.digits_of(kind, planes, 1, binary_weights=binary_weights)
    return digit


def places_of(made: Operands, digit: Digit) -> np.ndarray[Any, Any]:
    """Places of all pixels of the memory, with garbage behind them."""
    pixels, channels = made.memory.shape
    steps = digit.steps(channels)
    places = np.full(pixels * steps + 32, 6, digit.dtype)
    finder, how = nibble_product.place_finder(digit, made.codes.kind, channels)
    finder(
        made.packed_codes(),
        made.codes.planes,
        *how,
        np.arange(pixels) * made.pixel_words * made.codes.planes,
        np.arange(pixels) * steps,
        places,
    )
    return places


def run(made: Operands, finish: Finish, lanes: int, *, binary_weights: bool = False) -> None:
    """Call the kernel and check."""
    digit = digit_of(made, binary_weights=binary_weights)
    outputs, runs, pixels, channels = made.weights.shape
    steps = digit.steps(channels)
    flat = made.weights.reshape(outputs, runs * pixels, channels)
    walk = segments(made.offsets * steps, -(-pixels * steps // 2), 2, digit.most_steps // 2)
    offset = digit.center * flat.sum(axis=(1, 2), dtype=np.int64)
    pairs = int(walk[:, 1].sum())
    reached, flips = nibble_layout.NO_THRESHOLDS, nibble_layout.NO_THRESHOLDS
    if finish.mode in (epilogue.TERNARY, epilogue.BINARY):
        split = finish.thresholds.view(np.int64).reshape(made.panels, -1, PANEL)
        by_output = split.transpose(0, 2, 1).reshape(made.panels * PANEL, -1)[:outputs]
        reached = nibble_layout.thresholds(by_output, lanes)
        falling = np.unpackbits(finish.flips.view(np.uint8), bitorder="little")
        flips = nibble_layout.flip_words(falling[:outputs].astype(np.bool_), lanes)
    nibble_product.convolve_nibbles(
        places_of(made, digit),
        nibble_layout.pack_nibbles(flat, runs, digit, lanes),
        made.starts * steps,
        walk,
        pairs,
        digit.tables(),
        nibble_layout.spread_shorts(offset - 2 * pairs * digit.bias, lanes),
        lanes,
        made.panels * PANEL,
        finish.mode,
        finish.factor,
        reached,
        flips,
        finish.targets,
        finish.codes,
        finish.sums,
    )
    finish.check()


def some(name: str, channels: int, outputs: int, positions: int, **more: Any) -> Operands:
    kind, bits, binary_weights = CASES[name]
    return make(
        kind, channels, outputs, positions, bits=bits, binary_weights=binary_weights, **more
    )


def check(name: str, made: Operands, mode: str, lanes: int) -> None:
    sums = made.sums()
    finish = {
        "sums": lambda: finish_sums(sums),
        "add": lambda: finish_sums(sums, add=True, factor=3),
    }.get(mode, lambda: finish_codes(sums, mode))()
    run(made, finish, lanes, binary_weights=CASES[name][2])


@cases
@lanes
@pytest.mark.parametrize("mode", ["sums", "add", "ternary", "binary"])
def test_every_way_to_finish(name: str, mode: str, lanes: int) -> None:
    check(name, some(name, 70, 35, 9), mode, lanes)


@cases
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 16, 31, 33, 63, 64, 65, 128, 130])
def test_channels(name: str, channels: int) -> None:
    check(name, some(name, channels, 20, 9, runs=2, pixels=3), "sums", NARROW)
    check(name, some(name, channels, 20, 5, runs=1), "ternary", WIDE)


@lanes
@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 31, 32, 33, 48, 64, 65, 70, 97, 129])
@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
def test_outputs(outputs: int, mode: str, lanes: int) -> None:
    check("ternary", some("ternary", 37, outputs, 9), mode, lanes)


@lanes
@pytest.mark.parametrize("positions", [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 257, 300])
@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
def test_positions(positions: int, mode: str, lanes: int) -> None:
    if not JIT and positions > 17:
        pytest.skip("slow without the JIT")
    check("ternary", some("ternary", 40, 40, positions), mode, lanes)


@cases
@lanes
@pytest.mark.parametrize("channels", [300, 1200] if JIT else [200])
def test_bytes_are_widened_in_time(name: str, lanes: int, channels: int) -> None:
    """Every product has the largest magnitude: one step more before widening would overflow."""
    made = some(name, channels, 5, 3, runs=1)
    highest, lowest = int(made.memory.max(initial=0)), int(made.memory.min(initial=0))
    made.memory[:] = highest
    made.weights[:] = 1
    made.weights[1::2] = -1
    check(name, made, "sums", lanes)
    made.memory[:] = lowest
    check(name, made, "sums", lanes)


@pytest.mark.parametrize("digit", [
    Digit("binary", 0, 1), Digit("ternary", 0, 2), *(Digit("unsigned", 0, n) for n in (1, 2, 3, 4)),
    *(Digit("signed", 0, n) for n in (1, 2, 3, 4)),
], ids=str)  # fmt: skip
def test_tables_hold_every_product(digit: Digit) -> None:
    entries = digit.tables().view(np.uint8).reshape(-1, 16).astype(np.int64)
    codes = digit.codes()
    assert len(entries) == len(codes)
    nibble = 0b0110 if digit.kind == "binary" else 0b1011  # (1, -1, -1, 1); (1, -) with one 1 -1
    weights = [1, -1, -1, 1] if digit.kind == "binary" else [1, 1]
    if digit.kind != "binary":
        nibble = 0b1011  # both not zero, the second negative
        weights = [1, -1]
    np.testing.assert_array_equal(entries[:, nibble] - digit.bias, codes @ np.array(weights))
    assert entries.max() <= 2 * digit.bias
    assert digit.most_steps * 2 * digit.bias <= 255
    assert digit.most_steps >= 2, "a pair of steps fits"


def test_segments_never_exceed_what_a_byte_holds() -> None:
    random = np.random.default_rng()
    for _ in range(200):
        digit = Digit("unsigned", 0, int(random.integers(1, 5)))
        steps, runs = int(random.integers(0, 100)), int(random.integers(0, 6))
        offsets = np.cumsum(random.integers(0, 300, runs))
        walk = segments(offsets, -(-steps // 2), 2, digit.most_steps // 2)
        assert walk[:, 1].sum() == runs * -(-steps // 2)
        held = 0
        for _, pairs, widen in walk:
            held += 2 * pairs
            assert held <= digit.most_steps
            held = 0 if widen else held
        assert held == 0


@lanes
@pytest.mark.parametrize("by_output", [True, False])
@pytest.mark.parametrize(
    "digit", [Digit("ternary", 0, 2), Digit("binary", 0, 1), Digit("unsigned", 0, 3)], ids=str
)
@pytest.mark.parametrize(("channels", "runs"), [(1, 3), (5, 2), (64, 1), (70, 6)])
def test_writing_trits(
    channels: int, runs: int, digit: Digit, by_output: bool, lanes: int, seed: int
) -> None:
    """Written into packed weights or packed afterwards: the same, and back."""
    draw, outputs, taps = np.random.default_rng(seed), 70, 6
    values = [-1, 1] if digit.kind == "binary" else [-1, 0, 1]
    before, after = draw.choice(np.array(values, np.int8), (2, outputs, channels, taps))
    where = np.flatnonzero(draw.random(before.size) < 0.3)
    if not by_output:
        before, after = before.transpose(1, 2, 0).copy(), after.transpose(1, 2, 0).copy()
    mixed = before.copy()
    mixed.reshape(-1)[where] = after.reshape(-1)[where]
    steps = digit.steps(channels)
    pairs = runs * -(-steps * (taps // runs) // 2)

    def packed(trits: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        by_channel = trits if by_output else trits.transpose(2, 0, 1)
        by_tap = np.ascontiguousarray(by_channel.transpose(0, 2, 1))
        base = digit.center * by_tap.sum(axis=(1, 2), dtype=np.int64)
        nibbles = nibble_layout.pack_nibbles(by_tap, runs, digit, lanes)
        return [nibbles, nibble_layout.spread_shorts(base, lanes)]

    held, room = packed(before), np.empty((len(where), 4), np.int64)
    views = held[0].view(np.uint8), held[1].view(np.int16)
    order = where if seed % 2 else draw.permutation(where)
    faults.write_nibbles(
        order, after.reshape(-1)[order], channels * taps if by_output else outputs, by_output,
        nibble_layout.spots(channels, taps, runs, digit, lanes), pairs * lanes, lanes,
        digit.center, digit.kind == "binary", *views, room,
    )  # fmt: skip
    for got, right in zip(held, packed(mixed), strict=True):
        np.testing.assert_array_equal(got, right)
    faults.restore_nibbles(room, lanes, *views)
    for got, right in zip(held, packed(before), strict=True):
        np.testing.assert_array_equal(got, right)


@settings(max_examples=60 if JIT else 10, deadline=None)
@given(
    st.sampled_from(sorted(CASES)),
    st.sampled_from(["sums", "add", "ternary", "binary"]),
    st.sampled_from([WIDE, NARROW]),
    st.integers(0, 140),
    st.integers(1, 140),
    st.integers(0, 19),
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_any_size(
    name: str, mode: str, lanes: int, channels: int, outputs: int, positions: int, runs: int,
    pixels: int, seed: int,
) -> None:  # fmt: skip
    made = some(name, channels, outputs, positions, runs=runs, pixels=pixels, seed=seed)
    check(name, made, mode, lanes)
