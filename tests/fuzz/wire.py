"""Mutations of bytes: what damage in transit, and a careless writer, do to a file."""

from __future__ import annotations

import random

INTERESTING = (0x00, 0x01, 0x7F, 0x80, 0xFF)


def mutate(data: bytes, draw: random.Random) -> bytes:
    """Apply one to four mutations."""
    damaged = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        draw.choice(MUTATIONS)(damaged, draw)
    return bytes(damaged)


def _place(data: bytearray, draw: random.Random) -> int:
    """A place in the data, often near its ends, where headers lie."""
    last = max(len(data) - 1, 0)
    near = draw.random()
    if near < 0.25:
        return min(draw.randrange(64), last)
    return max(last - draw.randrange(64), 0) if near < 0.4 else draw.randint(0, last)


def _flip(data: bytearray, draw: random.Random) -> None:
    if data:
        data[_place(data, draw)] ^= 1 << draw.randrange(8)


def _overwrite(data: bytearray, draw: random.Random) -> None:
    if data:
        data[_place(data, draw)] = draw.choice((*INTERESTING, draw.randrange(256)))


def _truncate(data: bytearray, draw: random.Random) -> None:
    del data[_place(data, draw) :]


def _remove(data: bytearray, draw: random.Random) -> None:
    start = _place(data, draw)
    del data[start : start + draw.choice((1, 2, 8, 64))]


def _insert(data: bytearray, draw: random.Random) -> None:
    start = _place(data, draw)
    data[start:start] = draw.randbytes(draw.choice((1, 2, 8, 64)))


def _splice(data: bytearray, draw: random.Random) -> None:
    """Copy a part of the file to another place in it."""
    first, size, second = _place(data, draw), draw.choice((4, 16, 64, 256)), _place(data, draw)
    part = data[first : first + size]
    end = second + len(part) if draw.random() < 0.5 else second
    data[second:end] = part


MUTATIONS = (_flip, _flip, _overwrite, _truncate, _remove, _insert, _splice)
