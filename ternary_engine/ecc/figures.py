"""Figures of codes: rates over the raw rate, and what errors cost in energy and endurance.

They need the extra ``plot``: ``pip install 'ternary-engine[plot]'``; `ternary_engine.plot.save`
writes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ternary_engine.ecc.schemes import SCHEMES, Scheme, find_scheme
from ternary_engine.ecc.trade_offs import TradeOff
from ternary_engine.physics.figures import MODEL, state_origin
from ternary_engine.plot.style import COLOURS, MARKERS, prepared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rates_over_raw", "trade_offs"]

CLOSED_FORM = "closed form; devices log-normal, of one spread (docs/physics.md)"
Cost = Literal["energy_per_bit", "energy", "endurance"]
_COSTS: dict[str, tuple[str, float]] = {
    "energy_per_bit": ("energy of a SET and a RESET of all devices of a bit (nJ)", 1e9),
    "energy": ("energy of a SET and a RESET of one device (nJ)", 1e9),
    "endurance": ("endurance (cycles)", 1.0),
}


def _look(number: int, scheme: Scheme) -> dict[str, Any]:
    devices = scheme.devices_per_bit
    label = f"{scheme.label}, {devices:.4g} device{'s' if devices > 1 else ''} a bit"
    return {"color": COLOURS[number % len(COLOURS)], "label": label}


def rates_over_raw(
    schemes: Sequence[str | Scheme] = SCHEMES,
    raw: Any = None,
    ax: Axes | None = None,
) -> Axes:
    """Rate of wrong bits in the end over the raw rate, in closed form.

    Args:
        schemes: see `find_scheme`.
        raw: rates of a device alone; default, 1e-6 to 0.3.
        ax: to draw into; default, new Axes.
    """
    axes = prepared(ax)
    x = np.geomspace(1e-6, 0.3, 200) if raw is None else np.asarray(raw, np.float64)
    for number, name in enumerate(schemes):
        scheme = find_scheme(name)
        axes.plot(x, scheme.residual(x), **_look(number, scheme))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-10, 1)
    axes.set_xlabel("raw error rate: one device alone")
    axes.set_ylabel("rate of wrong bits of data")
    axes.legend(fontsize=7, frameon=False)
    state_origin(axes, CLOSED_FORM)
    return axes


def trade_offs(
    found: Sequence[TradeOff], over: Cost = "energy_per_bit", ax: Axes | None = None
) -> Axes:
    """Rate of wrong bits in the end over what the programming costs; one line a scheme.

    Args:
        found: from `trade_offs.trade_offs`.
        over: ``"energy_per_bit"``, ``"energy"`` (of one device) or ``"endurance"``.
        ax: to draw into; default, new Axes.
    """
    if over not in _COSTS:
        raise ValueError(f"over: got {over!r}; it takes one of {', '.join(_COSTS)}")
    axes = prepared(ax)
    label, unit = _COSTS[over]
    for number, name in enumerate(dict.fromkeys(one.scheme for one in found)):
        here = [one for one in found if one.scheme == name]
        x = [getattr(one, over) * unit for one in here]
        look = _look(number, find_scheme(name))
        marker = MARKERS[number % len(MARKERS)]
        axes.plot(x, [one.rate for one in here], marker=marker, markersize=3, **look)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(label)
    axes.set_ylabel("rate of wrong bits of data")
    axes.legend(fontsize=7, frameon=False)
    state_origin(axes, MODEL)
    return axes
