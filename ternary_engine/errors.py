"""Sense errors: how often a stored weight is read as another, and for how long one draw lasts."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from ternary_engine.layer import Layer

if TYPE_CHECKING:
    from ternary_engine.chips.weak import WeakCells
    from ternary_engine.device import Device
    from ternary_engine.sense import SenseAmp

Per = Literal["program", "batch", "sample", "read"]
Float64Array = npt.NDArray[np.float64]

_TRITS = (-1, 0, 1)


def _probability(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: got {value!r}; it takes a probability, a number from 0 to 1")
    if not 0.0 <= value <= 1.0:  # written so that NaN fails
        raise ValueError(f"{name}: got {value}; it takes a probability, a number from 0 to 1")
    return float(value)


def _check_table(table: Any) -> tuple[tuple[float, ...], ...]:
    try:
        rows = np.asarray(table, np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"table: got {table!r}; it takes P[stored, read], 3 x 3 numbers, in order -1, 0, +1"
        ) from None
    if rows.shape != (3, 3):
        raise ValueError(
            f"table: got shape {rows.shape}; it takes P[stored, read], 3 x 3, in order -1, 0, +1"
        )
    for trit, row in zip(_TRITS, rows, strict=True):
        for read, value in zip(_TRITS, row.tolist(), strict=True):
            _probability(f"table: P[stored {trit:+d}, read {read:+d}]", value)
        excess = math.fsum(row) - 1.0
        if abs(excess) > 1e-9:
            raise ValueError(
                f"table: the row of stored {trit:+d} sums to {1.0 + excess:.9g}, "
                f"off by {excess:+.3g}; each row sums to 1"
            )
    return tuple(tuple(row) for row in rows.tolist())


@dataclass(frozen=True)
class SenseErrors:
    """Errors of sensing device pairs.

    Attributes:
        sign_flip: P(a stored -1 or +1 is read with the other sign), type 1.
        drop: P(a stored -1 or +1 is read as 0), type 2.
        rise: P(a stored 0 is read as -1 or +1), half each, type 3.
        per: what one draw lasts for: ``"program"``, the life of the programmed network (given
            the seed); ``"batch"``, one mini-batch of ``batch_size`` samples; ``"sample"``, one
            sample; ``"read"``, one sense operation, every (sample, output position, output, cell)
            and bit plane of the input being independent.
        ber: bit error rate of the reference injection instead, see `from_ber`.
        table: P[stored, read] instead, see `from_table`.

    Raises:
        ValueError: a probability outside 0 .. 1, NaN, or an unknown ``per``.
        TypeError: not a number.

    Examples:
        >>> SenseErrors(rise=0.065, drop=0.01)
        SenseErrors(drop=0.01, rise=0.065)
    """

    sign_flip: float = 0.0
    drop: float = 0.0
    rise: float = 0.0
    per: Per = "read"
    ber: float | None = None
    table: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        for name in ("sign_flip", "drop", "rise"):
            object.__setattr__(self, name, _probability(name, getattr(self, name)))
        if self.sign_flip + self.drop > 1.0:
            raise ValueError(
                f"sign_flip + drop: got {self.sign_flip} + {self.drop}; together they are at most 1"
            )
        if self.per not in get_args(Per):
            raise ValueError(f"per: got {self.per!r}; it takes one of {', '.join(get_args(Per))}")
        if self.ber is not None:
            object.__setattr__(self, "ber", _probability("ber", self.ber))
        if self.table is not None:
            object.__setattr__(self, "table", _check_table(self.table))
        given = [self.sign_flip or self.drop or self.rise, self.ber is not None, self.table]
        if sum(map(bool, given)) > 1:
            raise ValueError("errors are given as rates, as ber or as a table, not as several")

    @classmethod
    def from_ber(cls, ber: float, per: Per = "read") -> SenseErrors:
        """The reference injection of the resilience curves, resolved layer by layer.

        A ternary layer with zero fraction p0 takes q = 2 ber / (1 + p0): a stored 0 is read as -1
        or +1 with probability q (half each), a stored -1 or +1 as 0 with probability q / 2,
        never with the other sign; of all its cells a share of ``ber`` is read wrong. A binary
        layer takes sign flips with probability ber. (As published in the training code of
        Laborieux et al., 2020.)

        Args:
            ber: share of cells read wrong, 0 to (1 + p0) / 2 of the layer.
            per: see `SenseErrors`.
        """
        return cls(ber=ber, per=per)

    @classmethod
    def from_table(
        cls, table: Sequence[Sequence[float]] | Float64Array, per: Per = "read"
    ) -> SenseErrors:
        """Errors from a table P[stored, read], both in the order -1, 0, +1; rows sum to 1.

        It may be asymmetric. A binary layer has no state 0: its rows must give reading 0 the
        probability 0.
        """
        return cls(table=_check_table(table), per=per)

    @classmethod
    def from_device(
        cls,
        device: Device,
        sense: SenseAmp,
        per: Per = "read",
        *,
        method: Literal["quadrature", "monte-carlo"] = "quadrature",
        samples: int = 1_000_000,
        seed: int | None = None,
    ) -> SenseErrors:
        """Errors of a device read by a sense amplifier; `physics.rates.error_rates` says how sure.

        Args:
            device: whose resistances are read.
            sense: that reads them.
            per: see `SenseErrors`.
            method: ``"quadrature"`` integrates over resistances and offset, ``"monte-carlo"``
                counts among ``samples`` reads of each stored value.
            samples: for Monte Carlo.
            seed: for Monte Carlo; default, a fresh one.
        """
        from ternary_engine.physics.rates import error_rates

        found = error_rates(device, sense, method=method, samples=samples, seed=seed)
        return found.errors(per)

    def __repr__(self) -> str:
        shown = {
            "sign_flip": self.sign_flip or None,
            "drop": self.drop or None,
            "rise": self.rise or None,
            "per": self.per if self.per != "read" else None,
            "ber": self.ber,
            "table": self.table,
        }
        parts = (f"{name}={value!r}" for name, value in shown.items() if value is not None)
        return f"SenseErrors({', '.join(parts)})"

    def resolve(self, layer: Layer) -> Float64Array:
        """P[stored, read] for the cells of one crossbar layer; float64 [3, 3].

        Raises:
            ValueError: errors that the layer cannot have.
        """
        if self.table is not None:
            return self._resolve_table(layer, np.array(self.table))
        if self.ber is not None:
            return self._resolve_ber(layer, self.ber)
        if layer.binary and (self.drop or self.rise):
            raise ValueError(
                f"layer {layer.name!r} is binary and has no zero state: it takes sign_flip only; "
                f"got drop={self.drop}, rise={self.rise} (give each layer its own errors by name)"
            )
        return _table(self.sign_flip, self.drop, self.rise)

    def _resolve_ber(self, layer: Layer, ber: float) -> Float64Array:
        if layer.binary:
            return _table(ber, 0.0, 0.0)
        rise = 2.0 * ber / (1.0 + layer.zero_fraction)
        if rise > 1.0:
            raise ValueError(
                f"ber: got {ber}; layer {layer.name!r} with a zero fraction of "
                f"{layer.zero_fraction:.3f} takes at most {(1.0 + layer.zero_fraction) / 2:.3f}"
            )
        return _table(0.0, rise / 2.0, rise)

    @staticmethod
    def _resolve_table(layer: Layer, table: Float64Array) -> Float64Array:
        if layer.binary and (table[0, 1] or table[2, 1]):
            raise ValueError(
                f"layer {layer.name!r} is binary and has no zero state; the table reads its cells "
                f"as 0 with probability {max(table[0, 1], table[2, 1])}"
            )
        return table


def _table(sign_flip: float, drop: float, rise: float) -> Float64Array:
    keep = max(1.0 - sign_flip - drop, 0.0)  # rounding may leave less than nothing
    return np.array(
        [
            [keep, drop, sign_flip],
            [rise / 2.0, 1.0 - rise, rise / 2.0],
            [sign_flip, drop, keep],
        ]
    )


@dataclass(frozen=True, eq=False)
class LayerErrors:
    """What a run needs to know of the errors of one layer.

    Attributes:
        table: P[stored, read] of all cells; of a chip's, the mean over them.
        per: what one draw lasts for.
        cells: the cells of a chip that are not always read alike, each with its own chances.
    """

    table: Float64Array
    per: Per
    cells: WeakCells | None = None


Errors = SenseErrors | Mapping[str, SenseErrors]


def resolve_errors(errors: Errors, layers: Sequence[Layer]) -> dict[str, LayerErrors]:
    """Errors of every crossbar layer that has any, by name.

    Raises:
        ValueError: unknown layer names, or errors that a layer cannot have.
        TypeError: neither `SenseErrors` nor a mapping of them.
    """
    crossbar = {layer.name: layer for layer in layers if layer.placement == "crossbar"}
    if isinstance(errors, SenseErrors):
        chosen: dict[str, SenseErrors] = dict.fromkeys(crossbar, errors)
    elif isinstance(errors, Mapping):
        _check_names(list(errors), list(crossbar))
        chosen = dict(errors)
    else:
        raise TypeError(
            f"errors: got {type(errors).__name__}; it takes SenseErrors, or a dict of them by layer"
        )
    resolved = {}
    for name, one in chosen.items():
        if not isinstance(one, SenseErrors):
            raise TypeError(f"errors[{name!r}]: got {type(one).__name__}; it takes SenseErrors")
        table = one.resolve(crossbar[name])
        if (table != np.eye(3)).any():
            resolved[name] = LayerErrors(table, one.per)
    return resolved


def _check_names(names: Sequence[Any], known: Sequence[str]) -> None:
    for name in names:
        if name in known:
            continue
        order = sorted(
            known,
            key=lambda k: -difflib.SequenceMatcher(None, str(name).lower(), k.lower()).ratio(),
        )
        listed = ", ".join(map(repr, order)) or "none"
        raise ValueError(f"errors: no crossbar layer {name!r}; the crossbar layers are {listed}")


def check_seed(seed: Any) -> int:
    """A seed, or a fresh one for None.

    Raises:
        TypeError: not a whole number. ValueError: negative.
    """
    if seed is None:
        return int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise TypeError(f"seed: got {seed!r}; it takes a whole number from 0 on, or None")
    if seed < 0:
        raise ValueError(f"seed: got {seed}; it takes a whole number from 0 on, or None")
    return int(seed)


__all__ = ["Errors", "LayerErrors", "Per", "SenseErrors", "check_seed", "resolve_errors"]
