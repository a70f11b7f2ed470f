"""Random operands of the product kernels, and what the kernels must make of them.

A memory of packed words stands for the images; windows start anywhere in it and read runs of
words at given offsets, so every table a geometry can make is a special case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from ternary_engine.codes import Codes
from ternary_engine.kernels import epilogue
from ternary_engine.kernels.layout import PANEL, pack_weights, panels_for
from tests.oracles import products

Int64Array = npt.NDArray[np.int64]
UInt64Array = npt.NDArray[np.uint64]
Kernel = Any

JIT = not nb.config.DISABLE_JIT
NO_CODES, NO_SUMS = np.zeros(0, np.uint16), np.zeros(0, np.int32)
NO_THRESHOLDS = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Operands:
    """A product of ``len(starts)`` windows with ``len(weights)`` outputs.

    Attributes:
        memory: integers [pixels, channels]; a pixel is ``pixel_words`` words of ``channels``.
        weights: trits [outputs, runs, pixels of a run, channels].
        starts: first pixel of each window. offsets: first pixel of each run, relative to it.
    """

    codes: Codes
    memory: Int64Array
    weights: npt.NDArray[np.int8]
    starts: Int64Array
    offsets: Int64Array

    @property
    def pixel_words(self) -> int:
        return -(-self.memory.shape[1] // 64)

    @property
    def words(self) -> int:
        """Words of a run."""
        return self.weights.shape[2] * self.pixel_words

    @property
    def panels(self) -> int:
        return panels_for(len(self.weights))

    def packed_codes(self) -> UInt64Array:
        return products.pack(self.memory, self.codes).reshape(-1)

    def packed_weights(self, *, negative_only: bool = False) -> UInt64Array:
        outputs, runs, pixels, channels = self.weights.shape
        flat = self.weights.reshape(outputs, runs * pixels, channels)
        return pack_weights(flat, negative_only=negative_only)

    def tables(self) -> tuple[Int64Array, Int64Array, int, Int64Array]:
        """Starts and offsets in uint64, words of a run, starts of the panels."""
        pitch = self.pixel_words * self.codes.planes
        return (
            self.starts * pitch,
            self.offsets * pitch,
            self.words,
            np.zeros(self.panels, np.int64),
        )

    def sums(self) -> Int64Array:
        """[positions, outputs], by the definition of a product."""
        runs, pixels = self.weights.shape[1:3]
        result = np.zeros((len(self.starts), len(self.weights)), np.int64)
        for position, start in enumerate(self.starts):
            for run in range(runs):
                for pixel in range(pixels):
                    read = self.memory[start + self.offsets[run] + pixel]
                    result[position] += self.weights[:, run, pixel].astype(np.int64) @ read
        return result

    def base(self, per_class: Int64Array) -> UInt64Array:
        """Per-class, per-output numbers [classes, outputs] in the layout of the kernels."""
        spread = np.zeros((len(per_class), self.panels * PANEL), np.int64)
        spread[:, : len(self.weights)] = per_class
        return spread.reshape(-1).view(np.uint64)


def make(
    kind: str,
    channels: int,
    outputs: int,
    positions: int,
    *,
    bits: int = 1,
    runs: int = 2,
    pixels: int = 1,
    binary_weights: bool = False,
    seed: int = 0,
) -> Operands:
    """Random operands."""
    random = np.random.default_rng([seed, channels, outputs, positions])
    codes = products.make_codes(kind, bits)
    size = 12
    weights = random.integers(-1, 2, (outputs, runs, pixels, channels), np.int8)
    if binary_weights:
        weights = random.choice(np.array([-1, 1], np.int8), weights.shape)
    offsets = np.sort(random.integers(0, 4, runs))
    last = size - pixels - int(offsets.max(initial=0))
    return Operands(
        codes=codes,
        memory=random.choice(np.array(codes.integers), (size, channels)).astype(np.int64),
        weights=weights,
        starts=random.integers(0, last + 1, positions),
        offsets=offsets,
    )


@dataclass
class Finish:
    """How a kernel is to finish, the room for its result, and the result that is right."""

    mode: int
    factor: int
    thresholds: UInt64Array
    flips: npt.NDArray[np.uint16]
    targets: Int64Array
    codes: npt.NDArray[np.uint16]
    sums: npt.NDArray[np.int32]
    expected: npt.NDArray[Any]

    def arguments(self) -> tuple[Any, ...]:
        return (
            self.mode, self.factor, self.thresholds, self.flips, self.targets, self.codes, self.sums
        )  # fmt: skip

    def check(self) -> None:
        if self.mode in (epilogue.STORE, epilogue.ADD):
            outputs = self.expected.shape[1]
            pitch = panels_for(outputs) * PANEL
            got = self.sums.reshape(len(self.targets), pitch)[:, :outputs]
            np.testing.assert_array_equal(got, self.expected)
        else:
            np.testing.assert_array_equal(self.codes.view(np.uint64), self.expected)


def finish_sums(sums: Int64Array, *, add: bool = False, factor: int = 1) -> Finish:
    """STORE or ADD."""
    positions, outputs = sums.shape
    pitch = panels_for(outputs) * PANEL
    room = np.random.default_rng(9).integers(-999, 999, (positions, pitch)).astype(np.int32)
    expected = sums * factor + (room[:, :outputs] if add else 0)
    return Finish(
        mode=epilogue.ADD if add else epilogue.STORE,
        factor=factor,
        thresholds=NO_THRESHOLDS,
        flips=np.zeros(0, np.uint16),
        targets=np.arange(positions, dtype=np.int64) * pitch,
        codes=NO_CODES,
        sums=room.reshape(-1),
        expected=expected,
    )


def finish_codes(sums: Int64Array, kind: str, seed: int = 0) -> Finish:
    """TERNARY or BINARY: random thresholds, equal ones, ones never and always reached, flips.

    Results lie in reverse order with a gap between, and the gap stays as it was.
    """
    random = np.random.default_rng(seed)
    positions, outputs = sums.shape
    codes = products.make_codes(kind)
    steps = codes.planes
    low, high = int(sums.min(initial=0)), int(sums.max(initial=0))
    thresholds = np.sort(random.integers(low - 1, high + 2, (outputs, steps)), axis=1)
    thresholds[1::5, -1] = np.iinfo(np.int64).max  # never reached
    thresholds[2::5, 0] = np.iinfo(np.int64).min  # always reached
    thresholds[3::5] = thresholds[3::5, :1]  # no zero
    decreasing = random.random(outputs) < 0.4
    integers = products.encode(sums, thresholds, decreasing, codes)

    slots = panels_for(outputs) * PANEL
    spread = np.full((slots, steps), [np.iinfo(np.int64).min + 1, np.iinfo(np.int64).max][:steps])
    spread[:outputs] = thresholds
    flips = np.zeros(slots, np.bool_)
    flips[:outputs] = decreasing
    words = -(-outputs // 64) * codes.planes
    packed = products.pack(integers, codes).reshape(positions, words)
    gap = 2
    pitch = packed.shape[1] + gap
    expected = np.full((positions, pitch), 0xABCD, np.uint64)
    expected[::-1, :-gap] = packed
    room = np.full((positions, pitch), 0xABCD, np.uint64)
    room[:, :-gap] = 0
    return Finish(
        mode=epilogue.TERNARY if kind == "ternary" else epilogue.BINARY,
        factor=1,
        thresholds=np.ascontiguousarray(spread.reshape(-1, PANEL, steps).transpose(0, 2, 1))
        .reshape(-1)
        .view(np.uint64),
        flips=np.packbits(flips, bitorder="little").view("<u2").astype(np.uint16),
        targets=np.arange(positions - 1, -1, -1, dtype=np.int64) * pitch * 4,
        codes=room.reshape(-1).view(np.uint16),
        sums=NO_SUMS,
        expected=expected.reshape(-1),
    )
