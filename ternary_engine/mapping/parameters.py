"""What one operation costs: parameters of the arrays and of digital baselines, with their sources.

How far a default can be trusted is said beside it: *quoted* from a paper's abstract, *recalled*
from a publication that could not be re-read, *derived* by arithmetic from those, or *chosen*.

The digital circuits beside the arrays start from the well-known energies of 45 nm CMOS at 0.9 V
(Horowitz, "Computing's energy problem", ISSCC 2014 [recalled]): 8-bit add 0.03 pJ, 32-bit add
0.1 pJ, 8-bit multiplication 0.2 pJ, float32 add 0.9 pJ and multiplication 3.7 pJ, 64 bits from
an 8 kB cache 10 pJ, from a 1 MB one 100 pJ. They are carried to 130 nm at 1.2 V, where the arrays
are, by C V^2 with C in proportion to the length: (130 / 45) (1.2 / 0.9)^2 = 5.1 [derived].
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

__all__ = ["FLOAT32", "INT8", "SOURCES", "CostParameters", "DigitalParameters"]

_TO_130_NM = (130 / 45) * (1.2 / 0.9) ** 2


def _check(record: Any, may_be_zero: tuple[str, ...]) -> None:
    """Raise unless all numbers of a record are finite and positive (or zero, where that is fine).

    Raises:
        TypeError, ValueError: another value.
    """
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name == "name":
            continue
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise TypeError(f"{field.name}: got {value!r}; it takes a number")
        least = field.name in may_be_zero
        if not (0 < value < float("inf") or (least and value == 0)):
            takes = "a number from 0 on" if least else "a positive number"
            raise ValueError(f"{field.name}: got {value}; it takes {takes}")


@dataclass(frozen=True, kw_only=True)
class CostParameters:
    """Energies and times of the arrays and the circuits beside them.

    All energies hold at ``vdd_reference`` and are scaled by (vdd / vdd_reference)^2, dynamic energy
    being C V^2; times are not scaled.

    Attributes:
        sense: J to sense one device pair with its input: 17 fJ for an XOR of a 2T2R cell in 130 nm,
            SPICE [quoted, arXiv 2208.02651; its supply is not in the abstract].
        gated: J for a pair in the sensed row whose input is zero: 0 [chosen: ideal gating].
        popcount: J for counting one product, a full adder: 8-bit add / 8 = 3.75 fJ in 45 nm,
            19 fJ in 130 nm [derived from recalled].
        add: J per bit of an addition of popcounts: as ``popcount`` [derived from recalled].
        compare: J per bit of a comparison with a threshold: as ``popcount`` [derived].
        real_add: J to add one real (float32) input: 0.9 pJ in 45 nm, 4.6 pJ [derived].
        buffer_read, buffer_write: J per bit of inputs read and outputs written: 8 kB memory,
            10 pJ for 64 bits in 45 nm, 0.80 pJ per bit in 130 nm [derived from recalled].
        cycle_time: s from one row to the next: 50 ns of sensing [recalled] and as much of
            precharge [chosen].
        pipeline_cycles: cycles from a layer's last read to its last output: popcount, additions,
            threshold: 3 [chosen].
        vdd: V, supply to scale energies to: 1.2 [chosen: as the reference].
        vdd_reference: V, supply that the energies hold at: 1.2 [chosen: nominal of 130 nm].

    Raises:
        TypeError, ValueError: not a number, negative, or zero where that makes no sense.

    Examples:
        >>> CostParameters(vdd=0.6).energy_scale
        0.25
    """

    sense: float = 17e-15
    gated: float = 0.0
    popcount: float = 0.03e-12 / 8 * _TO_130_NM
    add: float = 0.03e-12 / 8 * _TO_130_NM
    compare: float = 0.03e-12 / 8 * _TO_130_NM
    real_add: float = 0.9e-12 * _TO_130_NM
    buffer_read: float = 10e-12 / 64 * _TO_130_NM
    buffer_write: float = 10e-12 / 64 * _TO_130_NM
    cycle_time: float = 100e-9
    pipeline_cycles: int = 3
    vdd: float = 1.2
    vdd_reference: float = 1.2

    def __post_init__(self) -> None:
        energies = ("sense", "gated", "popcount", "add", "compare", "real_add")
        _check(self, (*energies, "buffer_read", "buffer_write", "pipeline_cycles"))

    @classmethod
    def from_amplifier(
        cls,
        amplifier: SenseAmp,
        device: Device | None = None,
        *,
        zeros: float = 1 / 3,
        **others: float,
    ) -> CostParameters:
        """Take sense energy, supply and cycle time from the model of the sense amplifier.

        Args:
            amplifier: the amplifier; its energy is that of a read and the precharge after it.
            device: its medians are read; defaults to `Device()`.
            zeros: share of pairs that store 0, whose read does not resolve; defaults to a third.
            others: further parameters by name; ``vdd_reference`` is where those hold.

        Raises:
            ValueError, TypeError: a share outside 0 to 1, a bad parameter.

        Examples:
            >>> import ternary_engine as te
            >>> parameters = CostParameters.from_amplifier(te.SenseAmp(vdd=0.9))
            >>> parameters.vdd, parameters.cycle_time
            (0.9, 1e-07)
        """
        from ternary_engine.device import Device

        if not 0.0 <= zeros <= 1.0:
            raise ValueError(f"zeros: got {zeros}; it takes a share from 0 to 1")
        cell = device or Device()
        low, high = (float(cell.resistance(state).median) for state in ("lrs", "hrs"))
        one, zero = amplifier.read([low, high], [high, high]).energy.tolist()
        vdd, sense = amplifier.supply, (1.0 - zeros) * one + zeros * zero
        plain = cls(vdd=vdd, cycle_time=2.0 * amplifier.sense_time, **others)  # type: ignore[arg-type]
        # The energy holds at the amplifier's own supply, all others at the reference.
        return dataclasses.replace(plain, sense=sense / plain.energy_scale)

    @property
    def energy_scale(self) -> float:
        """What the supply makes of an energy: (vdd / vdd_reference)^2."""
        return (self.vdd / self.vdd_reference) ** 2

    def to_dict(self) -> dict[str, float]:
        """Plain values by name."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class DigitalParameters:
    """A digital accelerator to compare with: every weight multiplied, zero or not.

    Each weight is read once per inference from its memory, each input and output value once from
    and to a buffer: a reuse that real ones fall short of. Energies are those of 45 nm [recalled,
    Horowitz]: three generations ahead of the arrays' 130 nm, in the baseline's favour.

    Attributes:
        name: shown as title.
        bits: of a weight and of an activation.
        multiply, add: J per multiplication and per addition.
        weight_read: J per bit of the weight memory; 1 MB: 100 pJ for 64 bits.
        buffer: J per bit of activations read or written; 8 kB: 10 pJ for 64 bits.
        macs_per_cycle: multiplications and additions at once: 256 [chosen].
        clock: Hz: 1 GHz [chosen].
    """

    name: str
    bits: int
    multiply: float
    add: float
    weight_read: float = 100e-12 / 64
    buffer: float = 10e-12 / 64
    macs_per_cycle: int = 256
    clock: float = 1e9

    def __post_init__(self) -> None:
        _check(self, ("multiply", "add", "weight_read", "buffer"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return dataclasses.asdict(self)


FLOAT32 = DigitalParameters(name="float32", bits=32, multiply=3.7e-12, add=0.9e-12)
INT8 = DigitalParameters(name="int8", bits=8, multiply=0.2e-12, add=0.1e-12)

SOURCES = {
    "sense": "17 fJ per XOR, 2T2R in 130 nm, SPICE [quoted, arXiv 2208.02651]",
    "gated": "ideal gating [chosen]",
    "popcount": "a full adder, from Horowitz, ISSCC 2014, 45 nm [derived from recalled]",
    "add": "per bit, as popcount [derived from recalled]",
    "compare": "per bit, as popcount [derived from recalled]",
    "real_add": "float32 addition, from Horowitz, ISSCC 2014, 45 nm [derived from recalled]",
    "buffer_read": "8 kB memory per bit, Horowitz, ISSCC 2014, 45 nm [derived from recalled]",
    "buffer_write": "as buffer_read [derived from recalled]",
    "cycle_time": "sense time 50 ns [recalled] and as much of precharge [chosen]",
    "pipeline_cycles": "popcount, additions, threshold [chosen]",
    "vdd": "supply that energies are scaled to, as V^2 [chosen]",
    "vdd_reference": "nominal supply of 130 nm [chosen]",
}
"""Where each default of `CostParameters` comes from, and how far it can be trusted."""
