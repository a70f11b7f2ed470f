"""Panel: the shipped networks of digits under errors, run afresh."""

from __future__ import annotations

from typing import Any

from ternary_engine import zoo
from ternary_engine.reproduction import curves, findings, study
from ternary_engine.reproduction.panel import Panel, Picture, Setting
from ternary_engine.reproduction.study import Row

__all__ = ["panel"]

QUICK_RATES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1)
_NOTE = "run afresh on the 450 test images of digits that ship"


def panel(setting: Setting) -> Panel:
    """Sweep a ternary and a binary network, and one type of error at a time."""
    rates = QUICK_RATES if setting.quick else study.RATES
    how: dict[str, Any] = {
        "trials": 4 if setting.quick else 20,
        "seed": setting.seed,
        "workers": setting.threads,
    }
    rows: list[Row] = []
    for name in ("mlp_ternary", "mlp_binary"):
        found = study.durations(zoo.load(name), *zoo.data(name), rates, **how)
        rows += [{"network": name, **row} for row in found]
    alone = study.types(zoo.load("cnn_ternary"), *zoo.data("cnn_ternary"), rates, **how)
    pairs = [("mlp_ternary", "mlp_binary")]
    return Panel(
        "digits",
        "Errors in the networks that ship",
        "A ternary and a binary perceptron of one architecture (64-256-256-10) under the "
        "reference injection of the papers, and the ternary convolutional network under one "
        "type of error at a time. Every draw is exact.",
        (
            findings.standard(rows, ["mlp_binary"], "digits"),
            findings.ahead(rows, pairs, "digits", "; without errors one image of 450"),
            findings.harm(alone, "cnn_ternary", "digits"),
        ),
        (
            Picture(
                "digits",
                curves.by_duration(rows, _NOTE),
                f"Accuracy by bit error rate, {how['trials']} trials a point; per batch is a draw "
                f"for each {study.BATCH} samples. Dashed: without errors.",
                wide=True,
            ),
            Picture(
                "digits_types",
                curves.by_type(alone, _NOTE),
                "cnn_ternary, errors per read. A type 3 error strikes only cells that store 0, "
                "types 1 and 2 only the others; the rate is that of the cells it can strike.",
            ),
        ),
        (findings.points("digits", rows), findings.points("digits_types", alone)),
    )
