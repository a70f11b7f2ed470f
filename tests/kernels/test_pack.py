"""Encoding and decoding of real values, against comparison one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.codes import Codes
from ternary_engine.kernels import pack
from tests.kernels.operands import JIT
from tests.oracles import products

CHANNELS = (1, 3, 15, 16, 17, 63, 64, 65, 127, 128, 145)
KINDS = ("binary", "ternary", "unsigned 1", "unsigned 3", "unsigned 8", "signed 4", "signed 9")
MEANING = {"binary": pack.BINARY_PLANES, "ternary": pack.TERNARY_PLANES}
LEFT_ALONE = 0xFEED
Array = npt.NDArray[Any]


def code(kind: str) -> Codes:
    name, _, bits = kind.partition(" ")
    return products.make_codes(name, int(bits or 1))


def _targets(images: int, positions: int, pitch: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Distinct places in random order, with a gap behind each."""
    order = np.random.default_rng(seed).permutation(images * positions)
    return order.astype(np.int64) * (pitch + 1)


def _room(targets: npt.NDArray[np.int64], pitch: int) -> npt.NDArray[np.uint64]:
    return np.full(targets.size * (pitch + 1), LEFT_ALONE, np.uint64)


def _check(
    codes: Codes,
    integers: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
    room: npt.NDArray[np.uint64],
) -> None:
    """Room holds the packed integers [place, channel] at its targets and nothing else is new."""
    packed = products.pack(integers, codes)
    flat = packed.reshape(len(packed), packed.shape[1] * packed.shape[2])
    expected = np.full_like(room, LEFT_ALONE)
    for place, target in enumerate(targets):
        expected[target : target + flat.shape[1]] = flat[place]
    np.testing.assert_array_equal(room, expected)
    assert products.spare_bits(packed, integers.shape[1]) == 0


def _problem(
    codes: Codes, images: int, channels: int, positions: int, rows: int, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Values (N, C, P) that often equal a threshold, thresholds [rows, levels - 1], directions."""
    random = np.random.default_rng(seed)
    steps = len(codes.values) - 1
    thresholds = np.sort(random.normal(0, 1, (rows, steps)).astype(np.float32), axis=1)
    thresholds[random.random(rows) < 0.2, 0] = -np.inf
    thresholds[random.random(rows) < 0.2, -1] = np.inf
    values = random.normal(0, 1, (images, channels, positions)).astype(np.float32)
    on = random.random(values.shape) < 0.3
    chosen = random.choice(np.append(thresholds, 0), values.shape)
    values = np.where(on, chosen, values).astype(np.float32)
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e-45], np.float32)
    values.reshape(-1)[: special.size] = special[: values.size]
    return values, thresholds, random.random(rows) < 0.5


def _by_place(integers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(N, C, P) as [place, channel]."""
    images, channels, positions = integers.shape
    return integers.transpose(0, 2, 1).reshape(images * positions, channels)


def check_levels(
    kind: str, images: int, channels: int, positions: int, *, per_channel: bool, seed: int = 0
) -> None:
    codes = code(kind)
    rows = channels if per_channel else 1
    values, thresholds, decreasing = _problem(codes, images, channels, positions, rows, seed)
    pitch = -(-channels // 64) * codes.planes
    targets = _targets(images, positions, pitch, seed)
    room = _room(targets, pitch)
    for last in (False, True):  # channels last in memory, or positions
        order = values.transpose(0, 2, 1) if last else values
        flat = np.ascontiguousarray(order).reshape(-1)
        size = channels * positions
        room[:] = LEFT_ALONE
        pack.encode_levels(
            flat,
            channels,
            *((size, 1, channels) if last else (size, positions, 1)),
            positions,
            thresholds.reshape(-1),
            per_channel,
            False,
            decreasing,
            np.array(codes.integers),
            MEANING.get(codes.kind, pack.DIGIT_PLANES),
            codes.planes,
            targets,
            room,
        )
        expected = products.encode(values, thresholds, decreasing, codes)
        _check(codes, _by_place(expected), targets, room)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("per_channel", [False, True])
def test_levels(kind: str, per_channel: bool) -> None:
    check_levels(kind, 2, 67, 3, per_channel=per_channel)


@pytest.mark.parametrize("channels", CHANNELS)
def test_levels_of_any_channels(channels: int) -> None:
    check_levels("signed 4", 1, channels, 2, per_channel=True)


def test_levels_of_integers() -> None:
    """Sums are encoded by the same kernel, from int32."""
    random = np.random.default_rng(5)
    codes = code("unsigned 3")
    values = random.integers(-9, 9, (2, 20, 3)).astype(np.int32)
    thresholds = np.sort(random.integers(-10, 10, (20, 7)), axis=1).astype(np.int32)
    decreasing = random.random(20) < 0.5
    targets = _targets(2, 3, 3)
    room = _room(targets, 3)
    pack.encode_levels(
        values.reshape(-1), 20, 60, 3, 1, 3, thresholds.reshape(-1), True, False, decreasing,
        np.array(codes.integers), pack.DIGIT_PLANES, 3, targets, room,
    )  # fmt: skip
    expected = products.encode(values, thresholds, decreasing, codes)
    _check(codes, _by_place(expected), targets, room)


@pytest.mark.parametrize("first", [0, 1, 100])
def test_whole_thresholds_need_no_search(first: int) -> None:
    thresholds = np.arange(first, first + 15, dtype=np.float32)
    around = np.concatenate([thresholds, np.nextafter(thresholds, np.float32(-np.inf))])
    special = np.array([-np.inf, -1.0, -0.0, 1e30, np.inf, np.nan], np.float32)
    values = np.concatenate([around, thresholds + np.float32(0.5), special])
    targets = np.arange(values.size) * 4
    rooms = [np.zeros(values.size * 4, np.uint64) for _ in range(2)]
    for whole, room in zip((False, True), rooms, strict=True):
        pack.encode_levels(
            values, 1, 1, 1, 1, 1, thresholds, False, whole, np.zeros(1, np.bool_),
            np.arange(16), pack.DIGIT_PLANES, 4, targets, room,
        )  # fmt: skip
    np.testing.assert_array_equal(rooms[0], rooms[1])
    assert rooms[0].any()


def check_simple(kind: str, images: int, channels: int, positions: int, seed: int = 0) -> None:
    """Both special encoders of binary and ternary codes: channels first and channels last."""
    codes = code(kind)
    values, thresholds, decreasing = _problem(codes, images, channels, positions, channels, seed)
    low, high = (np.ascontiguousarray(thresholds[:, side]) for side in (0, -1))
    words = -(-channels // 64)
    pitch = words * codes.planes
    targets = _targets(images, positions, pitch, seed)
    expected = _by_place(products.encode(values, thresholds, decreasing, codes))

    room = _room(targets, pitch)
    pack.encode_images(
        values.reshape(-1), channels, positions, low, high, decreasing, codes.planes, targets, room
    )
    _check(codes, expected, targets, room)

    room = _room(targets, pitch)
    rows = np.ascontiguousarray(values.transpose(0, 2, 1)).reshape(-1)
    flips = np.zeros(words * 64, np.bool_)
    flips[:channels] = decreasing
    flip_words = np.packbits(flips, bitorder="little").view(np.uint64)
    pack.encode_rows(rows, channels, low, high, flip_words, codes.planes, targets, room)
    _check(codes, expected, targets, room)


@pytest.mark.parametrize("kind", ["binary", "ternary"])
@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("positions", [1, 7, 8, 9, 17])
def test_binary_and_ternary(kind: str, channels: int, positions: int) -> None:
    check_simple(kind, 2, channels, positions)


@settings(max_examples=60 if JIT else 8, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.integers(0, 3),
    st.integers(0, 150),
    st.integers(1, 20),
    st.integers(0, 99),
)
def test_any_size(kind: str, images: int, channels: int, positions: int, seed: int) -> None:
    if kind in ("binary", "ternary"):
        check_simple(kind, images, channels, positions, seed)
    check_levels(kind, images, channels, positions, per_channel=bool(channels), seed=seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 16, 64, 65, 130])
@pytest.mark.parametrize("dtype", [np.float32, np.int16])
def test_decode(kind: str, channels: int, dtype: type[np.generic]) -> None:
    codes, images, positions = code(kind), 2, 3
    random = np.random.default_rng(channels)
    integers = random.choice(np.array(codes.integers), (images, channels, positions))
    packed = products.pack(_by_place(integers), codes)
    packed[:, -1] |= ~np.uint64(0) << np.uint64(channels % 64) if channels % 64 else np.uint64(0)
    places = np.arange(images * positions, dtype=np.int64) * packed[0].size
    table = np.arange(codes.minimum, max(codes.integers) + 1).astype(dtype) * dtype(3)
    for last in (False, True):
        values = np.zeros(integers.size, dtype)
        size = channels * positions
        pack.decode(
            packed.reshape(-1),
            channels,
            MEANING.get(codes.kind, pack.DIGIT_PLANES),
            codes.planes,
            codes.kind == "signed",
            codes.minimum,
            table,
            places,
            positions,
            *((size, 1, channels) if last else (size, positions, 1)),
            values,
        )
        expected = (integers.transpose(0, 2, 1) if last else integers).reshape(-1)
        np.testing.assert_array_equal(values, 3 * expected.astype(dtype))


@pytest.mark.parametrize("kind", KINDS)
def test_the_oracle_reads_what_it_packs(kind: str) -> None:
    codes = code(kind)
    integers = np.random.default_rng(1).choice(np.array(codes.integers), (3, 70))
    np.testing.assert_array_equal(
        products.unpack(products.pack(integers, codes), 70, codes), integers
    )
