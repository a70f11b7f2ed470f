"""Few-valued tensors: integers times one step, the form in which activations meet the crossbar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CodeKind = Literal["binary", "ternary", "unsigned", "signed"]

MAX_BITS = 9  # an asymmetric 8-bit code less its zero point needs nine


@dataclass(frozen=True)
class Codes:
    """The code of a few-valued tensor.

    A tensor of this code holds ``values[k]`` wherever its integer is ``minimum + k`` (``binary``:
    the integers are -1 and +1, so ``values`` has two entries). Each value is ``scale`` times its
    integer up to float32 rounding, so integer 0 always stands for 0.0.

    Attributes:
        kind: ``binary`` (-1, +1), ``ternary`` (-1, 0, +1), ``unsigned`` (0 .. 2**bits - 1) or
            ``signed`` (two's complement, -2**(bits-1) .. 2**(bits-1) - 1).
        bits: reads needed to present it: 1 for binary and ternary, else the number of bit planes.
        scale: the step between integers, positive.
        values: the float32 value of each integer, ascending.
    """

    kind: CodeKind
    bits: int
    scale: float
    values: tuple[float, ...]

    @property
    def minimum(self) -> int:
        """The smallest integer."""
        if self.kind in ("binary", "ternary"):
            return -1
        return 0 if self.kind == "unsigned" else -(1 << (self.bits - 1))

    @property
    def integers(self) -> tuple[int, ...]:
        """All integers of the code, ascending; as many as ``values``."""
        if self.kind == "binary":
            return (-1, 1)
        return tuple(range(self.minimum, self.minimum + len(self.values)))

    @property
    def planes(self) -> int:
        """Bit planes stored per element: ternary keeps two (non-zero, negative)."""
        return 2 if self.kind == "ternary" else self.bits

    @property
    def label(self) -> str:
        """What ``inspect`` shows: ``ternary``, ``binary`` or ``3 bits``."""
        if self.kind in ("binary", "ternary"):
            return self.kind
        return "1 bit" if self.bits == 1 else f"{self.bits} bits"
