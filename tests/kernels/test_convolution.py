"""The three product kernels against their definition, over odd sizes and all ways to finish."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.kernels.convolution import (
    BLOCK,
    convolve_gated,
    convolve_masked,
    convolve_plain,
)
from tests.kernels.operands import JIT, Finish, Operands, finish_codes, finish_sums, make

CHANNELS = (1, 3, 16, 63, 64, 65, 127, 128)
OUTPUTS = range(1, 34) if JIT else (1, 15, 16, 17, 33)
POSITIONS = range(1, 10) if JIT else (1, 3, 4, 5, 9)
UInt64Array = np.ndarray[tuple[int], np.dtype[np.uint64]]

FINISHES: dict[str, Callable[[np.ndarray], Finish]] = {
    "store": lambda sums: finish_sums(sums),
    "store times 9": lambda sums: finish_sums(sums, factor=9),
    "add": lambda sums: finish_sums(sums, add=True),
    "add times 3": lambda sums: finish_sums(sums, add=True, factor=3),
    "ternary": lambda sums: finish_codes(sums, "ternary"),
    "binary": lambda sums: finish_codes(sums, "binary"),
}
# Codes by the kernel that takes them; masked with binary weights is what grouped layers run.
CASES = {
    "gated": ("ternary", 1, False),
    "masked binary": ("binary", 1, False),
    "masked 1 bit": ("unsigned", 1, False),
    "masked 3 bits": ("unsigned", 3, False),
    "masked 4 bits signed": ("signed", 4, False),
    "masked 9 bits signed": ("signed", 9, False),
    "plain": ("binary", 1, True),
}


def run(
    name: str,
    operands: Operands,
    finish: Finish,
    *,
    codes: UInt64Array | None = None,
    weights: UInt64Array | None = None,
) -> None:
    """Call the kernel of a case with packed operands, or with the ones given."""
    plain = name == "plain"
    a = operands.packed_codes() if codes is None else codes
    w = operands.packed_weights(negative_only=plain) if weights is None else weights
    trits = operands.weights.reshape(len(operands.weights), -1)
    if name == "gated":
        convolve_gated(a, w, *operands.tables(), *finish.arguments())
        return
    classes = np.zeros(len(operands.starts), np.int32)
    if operands.codes.kind == "binary":
        coefficients = np.array([-2])
        base = np.count_nonzero(trits, axis=1)
    else:
        coefficients = 1 << np.arange(operands.codes.bits)
        if operands.codes.kind == "signed":
            coefficients[-1] *= -1
        base = -(trits < 0).sum(1) * coefficients.sum()
    table = (classes, operands.base(base[None]))
    if plain:
        convolve_plain(a, w, *operands.tables(), *table, *finish.arguments())
    else:
        convolve_masked(a, w, *operands.tables(), coefficients, *table, *finish.arguments())


def check(name: str, operands: Operands, finish: str) -> None:
    wanted = FINISHES[finish](operands.sums())
    run(name, operands, wanted)
    wanted.check()


def case(name: str, channels: int, outputs: int, positions: int, **more: int) -> Operands:
    kind, bits, binary_weights = CASES[name]
    return make(
        kind, channels, outputs, positions, bits=bits, binary_weights=binary_weights, **more
    )


@pytest.mark.parametrize("finish", FINISHES)
@pytest.mark.parametrize("name", CASES)
def test_every_kernel_finishes_every_way(name: str, finish: str) -> None:
    check(name, case(name, 70, 35, 6), finish)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("name", CASES)
def test_channels(name: str, channels: int) -> None:
    check(name, case(name, channels, 17, 5), "store")
    check(name, case(name, channels, 17, 5, pixels=3), "ternary")


@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("finish", ["store", "ternary", "binary"])
def test_outputs(outputs: int, finish: str) -> None:
    for name in ("gated", "masked binary", "plain"):
        check(name, case(name, 20, outputs, 5), finish)


@pytest.mark.parametrize("outputs", [64, 65, 80, 129])
@pytest.mark.parametrize("finish", ["ternary", "binary"])
def test_outputs_beyond_a_word(outputs: int, finish: str) -> None:
    for name in ("gated", "masked binary", "plain"):
        check(name, case(name, 20, outputs, 5), finish)


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("name", CASES)
def test_positions_that_fill_no_tile(name: str, positions: int) -> None:
    check(name, case(name, 30, 18, positions), "store")
    check(name, case(name, 30, 18, positions), "binary")


@pytest.mark.parametrize("positions", [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
@pytest.mark.parametrize("name", ["gated", "masked binary", "plain"])
def test_positions_that_fill_blocks(name: str, positions: int) -> None:
    if not JIT and positions > BLOCK + 1:
        positions = BLOCK + 5
    check(name, case(name, 5, 17, positions), "ternary")


@pytest.mark.parametrize("name", CASES)
def test_nothing_to_do(name: str) -> None:
    check(name, case(name, 10, 5, 0), "store")
    check(name, case(name, 10, 5, 3, runs=0), "store")
    check(name, case(name, 0, 5, 3), "store")


@settings(max_examples=60 if JIT else 10, deadline=None)
@given(
    st.sampled_from(sorted(CASES)),
    st.sampled_from(sorted(FINISHES)),
    st.integers(0, 140),
    st.integers(1, 70),
    st.integers(0, 11),
    st.integers(0, 5),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_any_size(
    name: str,
    finish: str,
    channels: int,
    outputs: int,
    positions: int,
    runs: int,
    pixels: int,
    seed: int,
) -> None:
    check(
        name, case(name, channels, outputs, positions, runs=runs, pixels=pixels, seed=seed), finish
    )


@pytest.mark.parametrize("name", ["gated", "masked binary", "masked 3 bits", "plain"])
def test_panels_read_their_own_groups(name: str) -> None:
    """Two groups of 64 channels and 16 outputs: panel p reads word p of every pixel."""
    left, right = (case(name, 64, 16, 5, seed=seed) for seed in (1, 2))
    memory = np.concatenate([left.memory, right.memory], axis=1)
    weights = np.concatenate([left.weights, right.weights])
    where = (left.starts, left.offsets)
    halves = [
        Operands(left.codes, memory[:, 64 * g : 64 * g + 64], half.weights, *where)
        for g, half in enumerate((left, right))
    ]
    finish = finish_sums(np.concatenate([half.sums() for half in halves], axis=1))
    planes = left.codes.planes

    class Grouped(Operands):
        def tables(self):
            starts, offsets, _, _ = super().tables()
            return starts, offsets, 1, np.array([0, planes])

    grouped = Grouped(left.codes, memory, weights, *where)
    trits_of_a_group = grouped.packed_weights(negative_only=name == "plain")
    run(name, grouped, finish, weights=trits_of_a_group)
    finish.check()


@pytest.mark.parametrize("name", ["masked binary", "plain"])
def test_positions_take_the_base_of_their_class(name: str) -> None:
    operands = case(name, 40, 20, 9)
    random = np.random.default_rng(3)
    classes = random.integers(0, 3, 9).astype(np.int32)
    extra = random.integers(-50, 50, (3, 20))
    finish = finish_sums(operands.sums() + extra[classes])
    base = operands.base(np.count_nonzero(operands.weights.reshape(20, -1), axis=1) + extra)
    w = operands.packed_weights(negative_only=name == "plain")
    window = (operands.packed_codes(), w, *operands.tables())
    if name == "plain":
        convolve_plain(*window, classes, base, *finish.arguments())
    else:
        convolve_masked(*window, np.array([-2]), classes, base, *finish.arguments())
    finish.check()


# Spare bits. The contract (kernels.layout) is that they are zero in every plane. What holds beyond:
# a spare non-zero bit of one ternary operand meets a zero of the other, so either side of a gated
# product, the sign planes, and the codes of a masked product may carry anything there. A plain
# product has no mask: there both sides count, and nothing may be left in either.


def _spare(array: UInt64Array, channels: int, planes: int, inner: int) -> UInt64Array:
    """Mask of the spare bits, shaped [..., word, plane, inner] like the array."""
    words = -(-channels // 64)
    mask = np.zeros((array.size // (words * planes * inner), words, planes, inner), np.uint64)
    mask[:, -1] = ~np.uint64(0) << np.uint64(channels % 64)
    return mask


POISONS = [
    ("gated", "codes", (0, 1)),
    ("gated", "weights", (0, 1)),
    ("masked binary", "codes", (0,)),
    ("masked binary", "weights", (1,)),
    ("masked 3 bits", "codes", (0, 1, 2)),
    ("masked 3 bits", "weights", (1,)),
]


@pytest.mark.parametrize("channels", [1, 3, 16, 63, 65, 127])
@pytest.mark.parametrize(("name", "side", "planes"), POISONS)
def test_spare_bits_may_be_poisoned(
    name: str, side: str, planes: tuple[int, ...], channels: int
) -> None:
    operands = case(name, channels, 17, 6, pixels=2)
    sums = operands.sums()
    packed = operands.packed_codes() if side == "codes" else operands.packed_weights()
    plane_count = operands.codes.planes if side == "codes" else 2
    mask = _spare(packed, channels, plane_count, 1 if side == "codes" else 16)
    for plane in planes:
        poison = np.zeros_like(mask)
        poison[:, :, plane] = mask[:, :, plane]
        finish = finish_sums(sums)
        run(name, operands, finish, **{side: packed | poison.reshape(-1)})
        finish.check()


def test_a_plain_product_counts_spare_bits() -> None:
    """Why whoever packs binary codes must leave them zero."""
    operands = case("plain", 63, 16, 4)
    codes = operands.packed_codes()
    finish = finish_sums(operands.sums() - 2 * len(operands.offsets))
    run("plain", operands, finish, codes=codes | _spare(codes, 63, 1, 1).reshape(-1))
    finish.check()
