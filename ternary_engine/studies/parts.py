"""Errors taken apart: by layer, by type, and in stages that follow one another."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import Errors, SenseErrors, resolve_errors
from ternary_engine.layer import Layer
from ternary_engine.network import Network

__all__ = ["TYPES", "crossbar", "layer_errors", "nested", "only_type"]

TYPES = ("sign_flip", "drop", "rise")

# P[stored, read], order -1, 0, +1: the entries that belong to each type.
_ENTRIES = {
    "sign_flip": ((0, 2), (2, 0)),
    "drop": ((0, 1), (2, 1)),
    "rise": ((1, 0), (1, 2)),
}
_ROUNDING = 1e-12


def crossbar(net: Network) -> dict[str, Layer]:
    """The layers that can have errors, by name."""
    return {layer.name: layer for layer in net.layers if layer.placement == "crossbar"}


def layer_errors(errors: Errors, net: Network) -> dict[str, SenseErrors]:
    """Errors of each crossbar layer that has any.

    Raises:
        ValueError, TypeError: see `resolve_errors`.
    """
    given = dict.fromkeys(crossbar(net), errors) if isinstance(errors, SenseErrors) else errors
    return {name: given[name] for name in resolve_errors(given, net.layers)}


def only_type(errors: SenseErrors, layer: Layer, types: AbstractSet[str]) -> SenseErrors | None:
    """Errors of some types alone, at the rates they have among all; None where these are 0."""
    table = errors.resolve(layer)
    kept = np.zeros((3, 3))
    for name in types:
        for place in _ENTRIES[name]:
            kept[place] = table[place]
    if not kept.any():
        return None
    if (kept == kept[::-1, ::-1]).all():  # the same for -1 and +1: rates say it more plainly
        return SenseErrors(kept[0, 2], kept[0, 1], 2 * kept[1, 0], errors.per)
    np.fill_diagonal(kept, 1.0 - kept.sum(axis=1))
    return SenseErrors.from_table(kept, per=errors.per)


def nested(settings: Sequence[Errors], net: Network) -> list[tuple[Errors, ...]]:
    """Programming errors of several settings as stages, so that settings share what they can.

    Where one setting is worse than another in every respect, its first stage is that other: cells
    that are wrong at the milder setting are wrong in the same way at the harsher one, and further
    errors strike those that are still right. Each setting by itself has exactly its own errors.

    Args:
        settings: in any order.
        net: whose layers have them.

    Returns:
        stages of each setting, in the order of ``settings``.
    """
    tables = [{n: e.resolve(crossbar(net)[n]) for n, e in layer_errors(one, net).items()}
              for one in settings]  # fmt: skip
    amount = [sum(float(3 - np.trace(table)) for table in one.values()) for one in tables]
    stages: list[tuple[Errors, ...]] = [(one,) for one in settings]
    order = sorted(range(len(settings)), key=lambda index: amount[index])
    for milder, harsher in itertools.pairwise(order):
        rest = _remainder(tables[milder], tables[harsher])
        if rest is not None:
            stages[harsher] = (*stages[milder], rest)
    return stages


def _remainder(
    milder: Mapping[str, npt.NDArray[np.float64]], harsher: Mapping[str, npt.NDArray[np.float64]]
) -> dict[str, SenseErrors] | None:
    """Errors of the cells that the milder setting leaves right; None if it is not milder."""
    made = {}
    if not set(milder) <= set(harsher):
        return None
    for name, table in harsher.items():
        before = milder.get(name, np.eye(3))
        right = np.diag(before)
        more = (table - before) * (1.0 - np.eye(3))
        if more.min() < -_ROUNDING or (right <= 0.0).any():
            return None
        more = np.clip(more, 0.0, None) / right[:, np.newaxis]
        np.fill_diagonal(more, 1.0 - more.sum(axis=1))
        made[name] = SenseErrors.from_table(np.clip(more, 0.0, 1.0), per="program")
    return made
