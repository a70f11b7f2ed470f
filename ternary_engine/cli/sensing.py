"""The options that describe sense errors, and what they become."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ternary_engine.cli.options import within

if TYPE_CHECKING:
    from ternary_engine.errors import SenseErrors

__all__ = [
    "BatchSize",
    "Ber",
    "Drop",
    "Per",
    "Rise",
    "SignFlip",
    "as_dict",
    "fresh_seed",
    "from_options",
]

_Duration = Literal["read", "sample", "batch", "program"]
_PANEL = "Sense errors (probabilities per cell, 0 to 1; default: none)"

SignFlip = Annotated[
    float | None,
    typer.Option(
        "--sign-flip", metavar="P", rich_help_panel=_PANEL, help="+1 read as -1, or -1 as +1."
    ),
]
Drop = Annotated[
    float | None,
    typer.Option("--drop", metavar="P", rich_help_panel=_PANEL, help="+1 or -1 read as 0."),
]
Rise = Annotated[
    float | None,
    typer.Option(
        "--rise", metavar="P", rich_help_panel=_PANEL, help="0 read as +1 or -1, half each."
    ),
]
Ber = Annotated[
    float | None,
    typer.Option(
        "--ber",
        metavar="P",
        rich_help_panel=_PANEL,
        help="Bit error rate, resolved layer by layer; in place of the three above.",
    ),
]
Per = Annotated[
    _Duration | None,
    typer.Option(
        "--per",
        rich_help_panel=_PANEL,
        help="What one draw of errors lasts for: one read, one sample, one batch, or the life "
        "of the programmed network [dim]\\[default: read][/dim].",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        callback=within(1),
        rich_help_panel=_PANEL,
        help="Samples that share one draw with --per batch [dim]\\[default: all of DATA][/dim].",
    ),
]


def from_options(
    *,
    sign_flip: float | None = None,
    drop: float | None = None,
    rise: float | None = None,
    ber: float | None = None,
    per: _Duration | None = None,
) -> SenseErrors | None:
    """Build the sense errors that the options ask for.

    Returns:
        The errors, or None where no option asks for any.

    Raises:
        ValueError: options that contradict one another, or a bad probability.
    """
    rates = {"sign_flip": sign_flip, "drop": drop, "rise": rise}
    given = {name: rate for name, rate in rates.items() if rate is not None}
    if ber is not None and given:
        flag = "--" + next(iter(given)).replace("_", "-")
        raise ValueError(f"--ber stands for all three error types; it does not go with {flag}")
    if ber is None and not given:
        if per is not None:
            raise ValueError(
                f"--per {per} says how long a draw of errors lasts; "
                "give the errors too: --ber, --sign-flip, --drop or --rise"
            )
        return None
    from ternary_engine.errors import SenseErrors

    if ber is not None:
        return SenseErrors.from_ber(ber, per=per or "read")
    return SenseErrors(
        sign_flip=sign_flip or 0.0, drop=drop or 0.0, rise=rise or 0.0, per=per or "read"
    )


def as_dict(errors: SenseErrors) -> dict[str, Any]:
    """Give what was asked for, in plain values: the rates that are set, and ``per``."""
    rates = {name: getattr(errors, name) for name in ("ber", "sign_flip", "drop", "rise")}
    return {name: rate for name, rate in rates.items() if rate} | {"per": errors.per}


def fresh_seed() -> int:
    """Draw a seed from the operating system, short enough to type again."""
    return secrets.randbelow(2**32)
