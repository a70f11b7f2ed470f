"""Ways to keep a bit in resistive devices, and how often each is wrong in the end.

Two devices in complementary states ("2t2r"), or one ("1t1r") with or without a Hamming code. Rates
are functions of the raw one, that of a single device read against a reference between the states.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ternary_engine.ecc.hamming import HammingCode
from ternary_engine.physics.distributions import FloatArray

__all__ = ["SCHEMES", "Scheme", "find_scheme", "paired_rate"]

# What tables and figures compare; all but the first and the last take two devices a bit or nearly.
SCHEMES = ("1t1r", "2t2r", "sec(7,4)", "secded(8,4)", "secded(72,64)")


@dataclass(frozen=True)
class Scheme:
    """How bits are kept in devices.

    Attributes:
        code: of the words; None for bits as they are.
        paired: whether a bit is a pair of devices in complementary states, read differentially.

    Examples:
        >>> find_scheme("secded(8,4)").devices_per_bit
        2.0
        >>> f"{find_scheme('secded(8,4)').residual(1e-2):.2e}"
        '6.86e-04'
    """

    code: HammingCode | None = None
    paired: bool = False

    @property
    def name(self) -> str:
        """Such as ``2t2r`` or ``secded(72,64)``."""
        if self.code is not None:
            return self.code.name
        return "2t2r" if self.paired else "1t1r"

    @property
    def label(self) -> str:
        """As in tables and figures: ``2T2R`` or ``SECDED(72,64)``."""
        return self.name.upper()

    @property
    def devices_per_bit(self) -> float:
        """Devices for a bit of data."""
        if self.code is not None:
            return self.code.length / self.code.data
        return 2.0 if self.paired else 1.0

    def residual(self, raw: Any) -> FloatArray:
        """Rate of wrong data bits in the end, in closed form.

        Exact for devices that err independently with one rate: for a code by counting error
        patterns, see `residual`; for pairs where both states have one spread of ln R, see
        `paired_rate`.

        Args:
            raw: rates at which a device alone is read wrong, 0 to 1.
        """
        raw = np.asarray(raw, np.float64)
        if not ((raw >= 0.0) & (raw <= 1.0)).all():
            raise ValueError(f"raw: got {raw}; it takes error rates from 0 to 1")
        if self.code is not None:
            from ternary_engine.ecc.residual import error_counts, rate_of

            return rate_of(error_counts(self.code), self.code.data, raw)
        return paired_rate(raw) if self.paired else raw


def find_scheme(name: str | Scheme) -> Scheme:
    """A scheme by name.

    Args:
        name: ``"1t1r"``, ``"2t2r"``, ``"sec(n,k)"`` or ``"secded(n,k)"``, such as
            ``"secded(72,64)"``: words of n devices with k bits of data.
    """
    if isinstance(name, Scheme):
        return name
    if not isinstance(name, str):
        raise TypeError(f"code: got {name!r}; it takes a name such as 'secded(72,64)'")
    plain = name.strip().lower()
    if plain in ("1t1r", "2t2r"):
        return Scheme(paired=plain == "2t2r")
    if not plain.startswith("sec"):
        raise ValueError(
            f"code: got {name!r}; it takes 1t1r, 2t2r, sec(n,k) or secded(n,k), "
            "such as secded(72,64)"
        )
    return Scheme(HammingCode.named(plain))


def paired_rate(raw: Any) -> FloatArray:
    """P(a differential pair is read wrong) = Phi(sqrt(2) Phi**-1(raw)).

    Of two devices with ln R normal and of one spread, and a reference in the middle: alone, a
    device errs beyond half the gap; as a pair, where the difference, of sqrt(2) times the spread,
    goes beyond the whole gap.
    """
    from scipy.special import ndtr, ndtri

    return np.asarray(ndtr(math.sqrt(2.0) * ndtri(np.asarray(raw, np.float64))))
