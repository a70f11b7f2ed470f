"""What ``ternary-engine device --codes`` shows: one device, two, and error-correcting codes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ternary_engine.cli import physics, screen

if TYPE_CHECKING:
    from ternary_engine.device import Device

__all__ = ["show_codes"]

_RAW = (1e-1, 3.3e-2, 1e-2, 1e-3, 1e-4)


def show_codes(name: str, made: Device, plot: Path | None, json: bool) -> None:
    """Rates of wrong bits with one device a bit, two, and codes; at raw rates, and of a device.

    Args:
        name: of the device.
        made: the device.
        plot: where to draw errors over the energy of programming.
        json: whether to write JSON.
    """
    from ternary_engine.ecc import trade_offs

    at_raw = [_rates_at(raw) for raw in _RAW]
    own = {one.scheme: one.rate for one in trade_offs([made])}
    if json:
        found = {"device": name, "trust": physics.CHOSEN, "rates": at_raw, "device_rates": own}
        path = [one.to_dict() for one in trade_offs()]
        screen.emit_json(physics.finite({**found, "trade_offs": path}))
    else:
        _show(name, at_raw, own)
    if plot is not None:
        from ternary_engine.ecc import figures

        physics.draw(figures.trade_offs(trade_offs()), plot)


def _rates_at(raw: float) -> dict[str, float]:
    from ternary_engine.ecc import SCHEMES, find_scheme

    return {"raw": raw, **{name: float(find_scheme(name).residual(raw)) for name in SCHEMES}}


def _show(name: str, at_raw: list[dict[str, float]], own: dict[str, float]) -> None:
    from ternary_engine.ecc import SCHEMES, find_scheme

    schemes = [find_scheme(one) for one in SCHEMES]
    columns = ("raw", *(one.label for one in schemes))
    rows: list[tuple[str, ...]] = [
        ("devices a bit", *(f"{one.devices_per_bit:.4g}" for one in schemes))
    ]
    rows += [
        (f"{one['raw']:.2g}", *(f"{one[scheme.name]:.2e}" for scheme in schemes)) for one in at_raw
    ]
    rows.append((name, *(f"{own[scheme.name]:.2e}" for scheme in schemes)))
    screen.emit(screen.table(columns, rows, title="rate of wrong bits of data"), "")
    screen.emit_pairs(
        [
            ("raw", "a device alone, read against a reference; devices log-normal, of one spread"),
            (name, "its own two spreads, the best reference"),
            ("codes", "exact; a double error that is detected leaves the data as read"),
            ("trust", physics.CHOSEN),
        ]
    )
