"""What a chip is made of."""

from __future__ import annotations

from dataclasses import dataclass

from ternary_engine.device import Device
from ternary_engine.sense import SenseAmp

__all__ = ["ChipParameters"]


@dataclass(frozen=True, kw_only=True)
class ChipParameters:
    """Everything that decides the cells of a chip, but for the weights they store.

    Attributes:
        device: both devices of every cell. sense: the amplifier of every column.
        seed: names the chip: its devices, amplifiers and faults.
        cycle: how often it has been programmed before; each time anew.
        array: rows and columns of an array.
        outputs: ``"rows"`` if the weights of an output lie along a row, so that an amplifier
            reads one input's weights of many outputs; ``"columns"`` if along a column.
    """

    device: Device
    sense: SenseAmp
    seed: int
    cycle: int = 0
    array: tuple[int, int] = (32, 32)
    outputs: str = "rows"
