"""The options that keep weights as bits, alone or behind a code, and what they become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ternary_engine.ecc import Protected
    from ternary_engine.network import Network

__all__ = ["Code", "RawBer", "from_options"]

_PANEL = "Weights kept as bits, read back once (default: device pairs, sensed in place)"

Code = Annotated[
    str | None,
    typer.Option(
        metavar="SCHEME",
        rich_help_panel=_PANEL,
        help="1t1r: a device a bit; 2t2r: a pair; sec(n,k) or secded(n,k), such as "
        "'secded(72,64)': words of n devices with k bits.",
    ),
]
RawBer = Annotated[
    float | None,
    typer.Option(
        "--raw-ber", metavar="P", rich_help_panel=_PANEL, help="Rate at which one device errs."
    ),
]


def from_options(
    net: Network, code: str | None, raw_ber: float | None, seed: int | None
) -> Protected | None:
    """The network through stored bits; None where no option asks for it.

    Raises:
        ValueError: one option without the other, no such scheme, an impossible rate.
    """
    if code is None and raw_ber is None:
        return None
    if code is None or raw_ber is None:
        raise ValueError("--code and --raw-ber go together: how bits are kept, how often they err")
    from ternary_engine.ecc import protect

    return protect(net, code, raw_ber=raw_ber, seed=seed)
