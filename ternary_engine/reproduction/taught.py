"""Panel: training with errors, from trainings on digits that ship as results."""

from __future__ import annotations

from typing import Any

from ternary_engine.reproduction import curves, findings, shipped
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Verdict

__all__ = ["panel"]

_RATE = 4e-2  # quoted: a binary network trained with errors tolerates this bit error rate
_PLAIN, _TAUGHT = "mlp_binary", "mlp_binary trained with errors"
_HIGHER = 0.2
_HURTS = 0.01  # loss of accuracy


def panel(setting: Setting) -> Panel:
    """Networks trained with and without errors, under errors."""
    del setting
    rows = list(shipped.taught())
    return Panel(
        "taught",
        "Training with errors",
        "The perceptrons of the zoo, trained once more with the reference injection at a bit "
        f"error rate of {_RATE:g} in every forward pass; otherwise alike.",
        (_tolerance(rows),),
        (
            Picture(
                "taught",
                curves.by_duration(rows, "trained and measured by bench/evidence/taught.py"),
                "Accuracy on the 450 test images of digits by bit error rate.",
                wide=True,
            ),
        ),
        (findings.points("taught", rows),),
    )


def _tolerance(rows: list[dict[str, Any]]) -> Claim:
    names = (_PLAIN, _TAUGHT)
    drops = [
        findings.mean(rows, "accuracy_drop", network=name, rate=_RATE, per="batch")
        for name in names
    ]
    kept = [
        findings.mean(rows, "accuracy", network=name, rate=_HIGHER, per="batch") for name in names
    ]
    helped: Verdict = "holds in part" if kept[1] > kept[0] else "does not hold"
    return Claim(
        "Trained with errors, a binary network tolerates a bit error rate of 4e-2",
        "quoted",
        "Hirtzlin 2019",
        f"mlp_binary (digits) loses {100 * drops[1]:.1f} pt at {_RATE:g} per batch, "
        f"{100 * drops[0]:.1f} pt without such training; at {_HIGHER:g} it keeps {kept[1]:.0%} "
        f"instead of {kept[0]:.0%}",
        "holds" if drops[1] < _HURTS else helped,
    )
