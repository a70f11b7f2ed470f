"""The options that describe sense errors, and what they become."""

from __future__ import annotations

import importlib
import secrets
from typing import Annotated, Any, Literal

import typer

__all__ = ["Ber", "Drop", "Per", "Rise", "SignFlip", "available", "fresh_seed", "from_options"]

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
    Literal["read", "sample", "batch", "program"] | None,
    typer.Option(
        "--per",
        rich_help_panel=_PANEL,
        help="What one draw of errors lasts for: one read, one sample, one batch, or the life "
        "of the programmed network [dim]\\[default: read][/dim].",
    ),
]


def available() -> bool:
    """Tell whether this version can draw sense errors."""
    try:
        importlib.import_module("ternary_engine.errors")
    except ModuleNotFoundError as error:
        if error.name != "ternary_engine.errors":
            raise
        return False
    return True


def from_options(
    *,
    sign_flip: float | None = None,
    drop: float | None = None,
    rise: float | None = None,
    ber: float | None = None,
    per: str | None = None,
) -> Any:
    """Build the sense errors that the options ask for.

    Returns:
        ``SenseErrors``, or None where no option asks for any.

    Raises:
        ValueError: options that contradict one another, or a bad probability.
        NotImplementedError: this version cannot draw errors.
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
    if not available():
        raise NotImplementedError("sense errors are not in this version yet; run without them")
    errors = importlib.import_module("ternary_engine.errors").SenseErrors
    per = per or "read"
    return errors.from_ber(ber, per=per) if ber is not None else errors(**given, per=per)


def fresh_seed() -> int:
    """Draw a seed from the operating system, short enough to type again."""
    return secrets.randbelow(2**32)
