"""Which reads of weak cells change, one cell and position at a time, in whole Python numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from ternary_engine.kernels import random, weak_reads

GOLDEN = int(random.GOLDEN)
_MASK = (1 << 64) - 1


def number(keys: tuple[int, int], counter: int) -> int:
    """Number ``counter`` of a stream; see `kernels.random`."""
    z = (keys[0] + counter * GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 + keys[1]) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


@dataclass(frozen=True)
class Cell:
    """A weak cell: its number, the chance to change in 2**-64, and what it then is read as.

    Attributes:
        kind: 0 if drawn by blocks, else its class of rarity, counted from 1.
        largest: largest chance of the class. share: of the first of two values in 2**-64.
    """

    number: int
    chance: int
    kind: int
    largest: float
    values: tuple[int, int]
    share: int


def changes(
    cells: list[Cell], positions: int, keys: tuple[int, int]
) -> Iterator[tuple[int, int, int]]:
    """Number of the cell, position and value read, of every read that changes."""
    blocks = -(-positions // 64)
    for cell in (one for one in cells if one.kind == 0):
        for position in range(positions):
            first = (cell.number * blocks + position // 64) * 64
            bits = [number(keys, first + r) >> (position % 64) & 1 for r in range(64)]
            u = int("".join(map(str, bits)), 2)  # most significant bit first
            if u < cell.chance:
                yield cell.number, position, _value(cell, position, positions, keys)
    for kind in sorted({one.kind for one in cells} - {0}):
        mine = [one for one in cells if one.kind == kind]
        counter, read = kind << weak_reads.CLASS_SHIFT, 0
        while True:
            u = ((number(keys, counter) >> 11) + 1) * 2.0**-53
            read += int(math.log(u) / math.log1p(-mine[0].largest))
            if read >= len(mine) * positions:
                break
            cell, position = mine[read // positions], read % positions
            if number(keys, counter + 1) < int(cell.chance / cell.largest):
                yield cell.number, position, _value(cell, position, positions, keys)
            counter, read = counter + 2, read + 1


def _value(cell: Cell, position: int, positions: int, keys: tuple[int, int]) -> int:
    if cell.share == _MASK:
        return cell.values[0]
    choice = number(keys, weak_reads.CHOICE + cell.number * positions + position)
    return cell.values[0] if choice < cell.share else cell.values[1]
