"""Products on matrix tiles against the definition; with the JIT off, on tiles made of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels import epilogue, tile_layout
from ternary_engine.kernels.bytes import transpose_bits
from ternary_engine.kernels.layout import PANEL
from ternary_engine.kernels.tile_product import convolve_tiles
from ternary_engine.kernels.tiles import are_supported
from tests.kernels.operands import (
    JIT,
    Finish,
    Operands,
    finish_codes,
    finish_sums,
    make,
)

pytestmark = pytest.mark.skipif(
    JIT and not are_supported(), reason="no matrix tiles here (Intel AMX)"
)

KINDS = [
    ("ternary", 1), ("binary", 1), ("unsigned", 1), ("unsigned", 2), ("unsigned", 5),
    ("unsigned", 7), ("unsigned", 8), ("signed", 1), ("signed", 2), ("signed", 7), ("signed", 8),
]  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "bits"), KINDS)


def _aligned(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    room = np.empty(array.nbytes + 64, np.uint8)
    copy = room[-room.ctypes.data % 64 :][: array.nbytes].view(array.dtype)
    copy[:] = array
    return copy


def _thresholds(finish: Finish, outputs: int) -> tuple[Any, Any]:
    """Thresholds [outputs, steps] and which codes fall, as they were before they were packed."""
    if finish.mode == epilogue.STORE:
        return None, np.zeros(outputs, np.bool_)
    panels = finish.flips.size
    split = finish.thresholds.view(np.int64).reshape(panels, -1, PANEL).transpose(0, 2, 1)
    flips = np.unpackbits(finish.flips.view(np.uint8), bitorder="little").astype(np.bool_)
    return split.reshape(panels * PANEL, -1)[:outputs], flips[:outputs]


def run(made: Operands, finish: Finish, add: np.ndarray[Any, Any] | None = None) -> None:
    """Run the kernel and check; ``add`` [classes, outputs] is added, classes by turns."""
    outputs, _, pixels, channels = made.weights.shape
    reached, falling = _thresholds(finish, outputs)
    signs = np.where(falling, -1, 1)
    weights = made.weights.reshape(outputs, -1) * signs[:, None].astype(np.int8)
    taps = (made.offsets[:, None] + np.arange(pixels)).reshape(-1)
    pitch = made.pixel_words * made.codes.planes
    form, low = tile_layout.byte_form(made.codes.kind, made.codes.planes)
    sources, places, blocks = tile_layout.spread_steps(taps * pitch, channels, made.codes.planes)
    base = low * weights.sum(axis=1, dtype=np.int64)[None]
    if add is not None:
        base = base + add * signs
    rows, part = tile_layout.room_for(blocks, outputs)
    garbage = np.random.default_rng(1)
    convolve_tiles(
        made.packed_codes(),
        _aligned(tile_layout.pack_tiles(weights)),
        made.starts * pitch,
        form,
        sources,
        places,
        blocks,
        (np.arange(made.starts.size) % len(base)).astype(np.int32),
        tile_layout.spread_pairs(base),
        made.panels,
        finish.mode,
        np.zeros(0, np.int32) if reached is None else tile_layout.thresholds(reached, falling),
        finish.targets,
        finish.codes,
        finish.sums,
        _aligned(garbage.integers(-128, 128, rows, np.int8)),
        _aligned(garbage.integers(-9, 9, part, np.int32)),
    )
    finish.check()


def some(
    kind: str, bits: int, channels: int, outputs: int, positions: int, **more: Any
) -> Operands:
    return make(kind, channels, outputs, positions, bits=bits, **more)


@kinds
@pytest.mark.parametrize("channels", [1, 3, 16, 63, 64, 65, 128, 130])
def test_channels(kind: str, bits: int, channels: int) -> None:
    made = some(kind, bits, channels, 20, 9, runs=2, pixels=3)
    run(made, finish_sums(made.sums()))


@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 31, 32, 33, 48, 64, 65, 70, 129])
@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
def test_outputs(outputs: int, mode: str) -> None:
    made = some("ternary", 1, 70, outputs, 37)
    sums = made.sums()
    run(made, finish_sums(sums) if mode == "sums" else finish_codes(sums, mode))


@pytest.mark.parametrize("positions", [0, 1, 15, 16, 17, 31, 32, 33, 64, 70, 257, 300])
@pytest.mark.parametrize("channels", [64, 40])
@pytest.mark.parametrize("mode", ["sums", "ternary"])
def test_positions(positions: int, channels: int, mode: str) -> None:
    made = some("ternary", 1, channels, 40, positions)
    sums = made.sums()
    run(made, finish_sums(sums) if mode == "sums" else finish_codes(sums, mode))


@kinds
@pytest.mark.parametrize(("channels", "runs", "pixels"), [(130, 4, 3), (192, 4, 3), (1300, 1, 1)])
@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
def test_inputs_in_several_blocks(
    kind: str, bits: int, channels: int, runs: int, pixels: int, mode: str
) -> None:
    positions = 300 if (kind, channels) == ("ternary", 192) else 34
    made = some(kind, bits, channels, 36, positions, runs=runs, pixels=pixels)
    sums = made.sums()
    run(made, finish_sums(sums) if mode == "sums" else finish_codes(sums, mode))


@pytest.mark.parametrize("mode", ["sums", "ternary", "binary"])
@pytest.mark.parametrize("classes", [1, 3])
def test_what_sums_start_from(mode: str, classes: int) -> None:
    made = some("binary", 1, 66, 50, 75)
    add = np.random.default_rng(0).integers(-99, 99, (classes, 50))
    sums = made.sums() + add[np.arange(75) % classes]
    run(made, finish_sums(sums) if mode == "sums" else finish_codes(sums, mode), add)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_shape(data: st.DataObject) -> None:
    draw = data.draw
    kind, bits = draw(st.sampled_from(KINDS))
    numbers = [draw(st.integers(1, most)) for most in (130, 70, 70, 4, 4)]
    channels, outputs, positions, runs, pixels = numbers
    made = some(
        kind, bits, channels, outputs, positions, runs=runs, pixels=pixels,
        seed=draw(st.integers(0, 99)),
    )  # fmt: skip
    mode = draw(st.sampled_from(["sums", "ternary", "binary"]))
    sums = made.sums()
    run(made, finish_sums(sums) if mode == "sums" else finish_codes(sums, mode))


def test_weights_of_eight_bits() -> None:
    made = some("unsigned", 8, 100, 33, 40)
    random = np.random.default_rng(2)
    made.weights[:] = random.integers(-127, 128, made.weights.shape, np.int8)
    run(made, finish_sums(made.sums()))


def test_transposed_bits() -> None:
    word = np.random.default_rng(3).integers(0, 2**64, 8, np.uint64, endpoint=False)
    function: Any = getattr(transpose_bits, "py_func", transpose_bits)
    turned = np.asarray(function(word)).view(np.uint8).reshape(8, 8)
    for lane, square in enumerate(word.view(np.uint8).reshape(8, 8)):
        for i in range(8):
            for j in range(8):
                assert (turned[lane, j] >> (7 - i)) & 1 == (square[i] >> j) & 1
