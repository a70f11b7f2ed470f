"""Which line and which input of a layer lies where, so that stuck devices do least harm.

A device that is stuck does no harm where its cell stores a trit that wants it in just that state.
How many devices are in the wrong state is what is made small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ternary_engine.chips.design import Repair

__all__ = ["Arrangement", "Faults", "arrange", "in_order"]

Int8Array = npt.NDArray[np.int8]
Int64Array = npt.NDArray[np.int64]

_ROUNDS = 2  # of lines, then inputs; more gain next to nothing


@dataclass(frozen=True, eq=False)
class Arrangement:
    """Where the cells of a layer lie.

    Attributes:
        lines: int64 [lines], place of each line.
        inputs: int64 [inputs], place of each input.
        signs: int8 [lines], -1 where the line's weights are stored negated.
        places: lines there are, spare ones included.
    """

    lines: Int64Array
    inputs: Int64Array
    signs: Int8Array
    places: int


@dataclass(frozen=True, eq=False)
class Faults:
    """Stuck devices.

    Attributes:
        line, entry: int64, where each lies.
        wrong: int64 [faults, 3]: 1 where the trit -1, 0, +1 wants it in the other state.
    """

    line: Int64Array
    entry: Int64Array
    wrong: Int64Array


def in_order(lines: int, inputs: int) -> Arrangement:
    """Every line and every input where it comes."""
    return Arrangement(np.arange(lines), np.arange(inputs), np.ones(lines, np.int8), lines)


def arrange(stored: Int8Array, faults: Faults, repair: Repair, width: int) -> Arrangement:
    """Find places that leave few devices in the wrong state.

    Args:
        stored: int8 [lines, inputs], the weights.
        faults: on places of lines and inputs.
        repair: what may be done.
        width: inputs change places within so many.
    """
    lines, inputs = stored.shape
    found = Arrangement(
        np.arange(lines), np.arange(inputs), np.ones(lines, np.int8), lines + repair.spares
    )
    if not faults.line.size:
        return found
    for _ in range(_ROUNDS if repair.inputs else 1):
        found = _with_lines(stored, faults, repair, found)
        if repair.inputs:
            found = _with_inputs(stored, faults, width, found)
    return found


def _with_lines(stored: Int8Array, faults: Faults, repair: Repair, now: Arrangement) -> Arrangement:
    """The best place and sign of every line, as the inputs lie."""
    from scipy.optimize import linear_sum_assignment

    at = np.empty_like(now.inputs)
    at[now.inputs] = np.arange(at.size)  # input at each place
    costs = np.zeros((2, len(stored), now.places))
    order = np.argsort(faults.line, kind="stable")
    bounds = np.searchsorted(faults.line[order], np.arange(now.places + 1))
    for place in range(now.places):
        mine = order[bounds[place] : bounds[place + 1]]
        trits = stored[:, at[faults.entry[mine]]].astype(np.intp)
        for negated in (0, 1):
            wanted = 1 - trits if negated else 1 + trits
            costs[negated, :, place] = faults.wrong[mine, wanted].sum(axis=1)
    cost = costs.min(axis=0) if repair.polarity else costs[0]
    places = now.lines
    if repair.lines:
        places = linear_sum_assignment(cost)[1].astype(np.int64)
    rows = np.arange(len(stored))
    signs = np.where(costs[1, rows, places] < costs[0, rows, places], -1, 1).astype(np.int8)
    if not repair.polarity:
        signs[:] = 1
    return Arrangement(places, now.inputs, signs, now.places)


def _with_inputs(stored: Int8Array, faults: Faults, width: int, now: Arrangement) -> Arrangement:
    """The best place of every input within its block, as the lines lie."""
    from scipy.optimize import linear_sum_assignment

    holds = np.full(now.places, -1)
    holds[now.lines] = np.arange(len(stored))  # line at each place
    used = np.flatnonzero(holds[faults.line] >= 0)
    line = holds[faults.line[used]]
    entry, wrong = faults.entry[used], faults.wrong[used]
    inputs = np.empty_like(now.inputs)
    for first in range(0, inputs.size, width):
        last = min(first + width, inputs.size)
        mine = np.flatnonzero((entry >= first) & (entry < last))
        trits = (stored[line[mine], first:last] * now.signs[line[mine], None]).astype(np.intp)
        cost = np.zeros((last - first, last - first))
        each = np.take_along_axis(wrong[mine], trits + 1, axis=1)  # fault, input
        np.add.at(cost.T, entry[mine] - first, each)
        inputs[first:last] = first + linear_sum_assignment(cost)[1]
    return Arrangement(now.lines, inputs, now.signs, now.places)
