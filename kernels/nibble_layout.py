"""How codes and weights lie for look-ups, and the tables they are looked up in.

A *step* takes a few neighbouring channels at once. The weights of an output over them make a
nibble: two ternary weights (non-zero bits below negative bits) or four binary ones. The codes of a
position over them name one of a few tables of sixteen bytes: what each nibble adds to a sum, plus
a *bias* that keeps bytes from falling below 0. One instruction looks the nibbles of 32 outputs up.

Codes of one bit to four make a *digit*; codes of more bits are several digits. The codes of a step
become its *place*: where its table starts, in units of eight bytes. Places of a position lie
densely, [row][column][step], in a border of zeros as wide as that of the codes: place 0 is the
table of an input of zeros.

Weights: bytes, [panel][pair of steps][output], the nibble of the first step of a pair lower; a run
of steps that lie one behind the other starts a new pair.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.layout import WORD_BITS, UInt64Array, aligned

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]

WIDE, NARROW = 64, 32  # outputs of a panel
MOST_BITS = 4  # of a digit
_BYTE_MAX = 255
_SHORT_MAX = 32766  # the next one is the threshold that no sum reaches
NO_THRESHOLDS = np.zeros(0, np.uint64)


@dataclass(frozen=True)
class Digit:
    """The steps of codes, or of some of their planes.

    Attributes:
        kind: ``binary`` (binary weights as well), ``ternary`` (also binary codes with ternary
            weights), ``unsigned`` or ``signed``; ``nonzero`` counts products that are not 0.
        first: first plane of the codes. planes: planes.
    """

    kind: str
    first: int
    planes: int

    @property
    def channels(self) -> int:
        """Channels of a step."""
        return 4 if self.kind in ("binary", "nonzero") else 2

    @property
    def coefficient(self) -> int:
        """What the digit's sums count."""
        return 1 << self.first

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the places."""
        return np.dtype(np.uint16 if self.planes == MOST_BITS else np.uint8)

    @property
    def center(self) -> int:
        """What is taken from the codes, to make sums small; to be added again to each sum."""
        return 1 << (self.planes - 1) if self.kind == "unsigned" else 0

    @property
    def largest(self) -> int:
        """Largest magnitude of a code less the center."""
        return 1 << (self.planes - 1) if self.kind in ("unsigned", "signed") else 1

    @property
    def bias(self) -> int:
        """What every step adds to a sum."""
        return 0 if self.kind == "nonzero" else self.channels * self.largest

    @property
    def most_steps(self) -> int:
        """Steps whose total fits a byte."""
        return _BYTE_MAX // (self.bias + self.channels * self.largest)

    def steps(self, channels: int) -> int:
        """Steps of a position; an even number where no nibble of weights stands for nothing."""
        if self.kind == "binary":
            return -(-channels // 8) * 2
        return -(-channels // self.channels)

    def codes(self) -> Int64Array:
        """What the channels of a step hold in the table of every place; int64 [tables, channels].

        Of binary codes a step may hold fewer than four (0 where there is none): the place has a
        leading one above their bits.
        """
        if self.kind == "binary":
            held = np.zeros((32, 4), np.int64)
            for number in range(1, 32):
                for channel in range(number.bit_length() - 1):
                    held[number, channel] = 1 - 2 * (number >> channel & 1)
            return held
        if self.kind == "nonzero":
            return np.arange(16)[:, None] >> np.arange(4) & 1
        tables = np.arange(1 << 2 * self.planes)
        bits = tables[:, None, None] >> 2 * np.arange(self.planes)[:, None] >> np.arange(2) & 1
        if self.kind == "ternary":
            return bits[:, 0] * (1 - 2 * bits[:, 1])
        worth = 1 << np.arange(self.planes)
        if self.kind == "signed":
            worth[-1] *= -1
        return np.tensordot(bits, worth, axes=([1], [0])) - self.center

    @functools.cache  # noqa: B019  there are a dozen digits
    def tables(self) -> UInt64Array:
        """Tables of all places; flat uint64 [table][2]."""
        nibbles = np.arange(16)
        if self.kind == "binary":
            weights = 1 - 2 * (nibbles[:, None] >> np.arange(4) & 1)
        elif self.kind == "nonzero":
            weights = nibbles[:, None] >> np.arange(4) & 1
        else:
            nonzero, negative = (nibbles[:, None] >> np.arange(2) & 1), nibbles[:, None] >> 2
            weights = nonzero * (1 - 2 * (negative >> np.arange(2) & 1))
        entries = (self.codes() @ weights.T + self.bias).astype(np.uint8)
        return aligned(entries.reshape(-1).view(np.uint64))


TERNARY = Digit("ternary", 0, 2)
NONZERO = Digit("nonzero", 0, 1)


def digits_of(kind: str, planes: int, inputs: int, *, binary_weights: bool) -> tuple[Digit, ...]:
    """The digits of a code, lowest first; none where sums would not fit int16.

    Args:
        kind: ``binary``, ``ternary``, ``unsigned`` or ``signed``. planes: of the code.
        inputs: of an output. binary_weights: no weight is 0.
    """
    most = _SHORT_MAX // max(inputs, 1)  # what a code may be
    if kind in ("binary", "ternary"):
        plain = kind == "binary" and binary_weights
        return (Digit("binary", 0, 1) if plain else TERNARY,) if most else ()
    widest = min(MOST_BITS, (most + 1).bit_length() - 1)
    if widest == 0:
        return ()
    count = -(-planes // widest)
    edges = [-(-planes * i // count) for i in range(count + 1)]
    kinds = ["unsigned"] * (count - 1) + [kind]
    return tuple(Digit(kinds[i], edges[i], edges[i + 1] - edges[i]) for i in range(count))


def lanes_for(outputs: int) -> int:
    """Outputs of a panel: narrow ones cost a quarter more for each output, and waste fewer."""
    wide, narrow = -(-outputs // WIDE) * WIDE, -(-outputs // NARROW) * NARROW
    return NARROW if 5 * narrow < 4 * wide else WIDE


def place_marks(digit: Digit, kind: str, channels: int) -> UInt64Array:
    """Bits of a position's places that are the same for all codes of a kind; flat uint64.

    Binary codes that meet ternary weights are ternary ones without zeros.
    """
    each, size = digit.channels, digit.dtype.itemsize
    words = -(-channels // WORD_BITS)
    places = -(-words * WORD_BITS // each * size // 8) * 8 // size
    held = np.clip(channels - np.arange(places) * each, 0, each)
    marks = np.zeros(places, np.int64)
    if digit.kind == "binary":
        marks = np.where(held > 0, 2 << held, 0)
    elif kind == "binary" and digit.kind == "ternary":
        marks = ((1 << held) - 1) << 1
    return marks.astype(digit.dtype).view(np.uint64)


def pair_spreads(lift: int, planes: int) -> UInt64Array:
    """What turns planes into places of two channels: uint64 [5, 8] for `find_pair_places`.

    The rows: which byte of two planes each byte copies; which bits of a copy, low and high, it
    keeps; what its two bits become, for planes 0 and 1, and for planes 2 and 3.

    Args:
        lift: which bit of a place the bits of the first plane take; 2 more for every further one.
        planes: planes; those beyond become nothing.
    """
    byte = np.arange(32)
    copied = np.concatenate([byte // 4, 8 + byte // 4])
    low = np.tile([0x03, 0x0C, 0x00, 0x00], 16)
    high = np.tile([0x00, 0x00, 0x03, 0x0C], 16)
    nibbles = np.arange(16)
    pair = np.where(nibbles < 4, nibbles, nibbles >> 2)
    halves: list[Int64Array] = []
    for plane in (0, 2):
        for one in (plane, plane + 1):
            become = pair << lift + 2 * one if one < planes else np.zeros(16, np.int64)
            halves.append(np.tile(become, 2))
    lifted = np.concatenate(halves).reshape(2, 64)
    return aligned(np.vstack([copied, low, high, lifted]).astype(np.uint8).view(np.uint64))


def spots(channels: int, taps: int, runs: int, digit: Digit, lanes: int) -> Int64Array:
    """Where an output's weights lie in `pack_nibbles`' bytes, in the order of the source graph.

    Returns:
        int64 [channels * taps]: 8 times the byte, of output 0, plus the lowest bit.
    """
    steps = digit.steps(channels)
    each = taps * steps // max(runs, 1)
    channel, tap = np.arange(channels)[:, None], np.arange(taps)
    run, step = np.divmod(tap * steps + channel // digit.channels, max(each, 1))
    byte = (run * -(-each // 2) + (step >> 1)) * lanes
    places: Int64Array = byte << 3 | 4 * (step & 1) + channel % digit.channels
    return places.reshape(-1)


def pack_nibbles(trits: Int8Array, runs: int, digit: Digit, lanes: int) -> npt.NDArray[np.uint64]:
    """Pack trits for look-ups.

    Args:
        trits: int8 [outputs, taps, channels]. runs: equally many taps make a run.
        digit: of the codes. lanes: outputs of a panel.

    Returns:
        uint64 in the layout above; spare outputs and channels are zero.
    """
    outputs, taps, channels = trits.shape
    steps = digit.steps(channels)
    padded = np.zeros((outputs, taps, steps * digit.channels), np.int8)
    padded[..., :channels] = trits
    split = padded.reshape(outputs, taps * steps, digit.channels)
    worth = np.left_shift(1, np.arange(digit.channels)).astype(np.uint8)  # not int64: memory
    nonzero, negative = (split != 0) @ worth, (split < 0) @ worth
    nibbles = {"binary": negative, "nonzero": nonzero}.get(digit.kind, nonzero | negative << 2)
    each = taps * steps // runs if runs else 0
    pairs = -(-each // 2)
    panels = -(-outputs // lanes)
    spread = np.zeros((panels * lanes, runs, pairs * 2), np.uint8)
    spread[:outputs, :, :each] = nibbles.reshape(outputs, runs, each)
    packed = spread[..., 0::2] | spread[..., 1::2] << 4
    ordered = packed.reshape(panels, lanes, runs * pairs).transpose(0, 2, 1)
    return aligned(np.ascontiguousarray(ordered).reshape(-1).view(np.uint64))


def spread_shorts(values: Int64Array, lanes: int, spare: int = 0) -> UInt64Array:
    """Per-output numbers [outputs, ...] as int16: flat [panel][...][even outputs, odd ones][32].

    Where a panel has 32 outputs they stand there twice. Spare outputs get ``spare``.
    """
    outputs = len(values)
    panels = -(-outputs // lanes)
    padded = np.full((panels * lanes, *values.shape[1:]), spare, np.int64)
    padded[:outputs] = values
    shorts = (padded & 0xFFFF).astype(np.uint16).view(np.int16)
    split = shorts.reshape(panels, lanes, *values.shape[1:])
    split = np.concatenate([split] * (WIDE // lanes), axis=1)
    by_parity = split.reshape(panels, WIDE // 2, 2, *values.shape[1:])
    ordered = np.moveaxis(by_parity, (1, 2), (-1, -2))
    return aligned(np.ascontiguousarray(ordered).reshape(-1).view(np.uint64))


def thresholds(reached: npt.NDArray[np.integer[Any]], lanes: int) -> UInt64Array:
    """Thresholds [outputs, 1 or 2] as `spread_shorts`; spare outputs always give zero bits.

    Sums are less than 2**15 - 1 in magnitude: what cannot be reached stays so.
    """
    outputs, count = reached.shape
    limits = np.iinfo(np.int16)
    panels = -(-outputs // lanes)
    padded = np.empty((panels * lanes, count), np.int64)
    padded[:] = [limits.min, limits.max][:count]
    padded[:outputs] = reached.clip(limits.min, limits.max)
    return spread_shorts(padded, lanes)


def flip_words(falling: npt.NDArray[np.bool_], lanes: int) -> UInt64Array:
    """Which outputs' codes fall as their sums rise: a panel's bits, twice where it has 32."""
    panels = -(-len(falling) // lanes)
    padded = np.zeros(panels * lanes, np.bool_)
    padded[: len(falling)] = falling
    twice = np.tile(padded.reshape(panels, lanes), WIDE // lanes)
    return np.packbits(twice, axis=1, bitorder="little").view(np.uint64).reshape(-1)
