"""Panel: the shipped networks of digits under errors, run afresh."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ternary_engine import zoo
from ternary_engine.reproduction import curves, study
from ternary_engine.reproduction.panel import Claim, Panel, Picture, Setting, Table
from ternary_engine.reproduction.study import Row

__all__ = ["mean_drop", "panel", "points"]

QUICK_RATES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1)
_TOLERATED = 1e-4  # quoted: a standard binary network tolerates this bit error rate
_NOTE = "run afresh on the 450 test images of digits that ship"
_ERRORS_HURT = 0.01


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
    return Panel(
        "digits",
        "Errors in the networks that ship",
        (
            "A ternary and a binary perceptron of one architecture (64-256-256-10) under the "
            "reference injection of the papers, and the ternary convolutional network under one "
            "type of error at a time. Every draw is exact; bands hold 90 % of the trials."
        ),
        (_standard(rows), _ahead(rows), _harm(alone)),
        (
            Picture("digits", curves.by_duration(rows, _NOTE), _caption(how["trials"])),
            Picture(
                "digits_types",
                curves.by_type(alone, _NOTE),
                "cnn_ternary, errors per read. A type 3 error strikes only cells that store 0, "
                "types 1 and 2 only the others; the rate is that of the cells it can strike.",
            ),
        ),
        (points("digits", rows), points("digits_types", alone)),
    )


def _caption(trials: int | None) -> str:
    return (
        f"Accuracy by bit error rate, {trials} trials a point; per batch is a draw for each "
        f"{study.BATCH} samples. Dashed: without errors."
    )


def mean_drop(rows: Sequence[Row], **wanted: object) -> float:
    """Mean paired loss of accuracy over the rows whose columns are as wanted."""
    found = [
        row["accuracy_drop"] for row in rows if all(row[key] == v for key, v in wanted.items())
    ]
    return float(np.mean(found)) if found else float("nan")


def _standard(rows: Sequence[Row]) -> Claim:
    drops = [
        mean_drop(rows, network="mlp_binary", rate=_TOLERATED, per=per) for per in study.DURATIONS
    ]
    return Claim(
        "A standard binary network tolerates a bit error rate of 1e-4",
        "quoted",
        "Hirtzlin 2019",
        "mlp_binary loses "
        + ", ".join(
            f"{100 * drop:.2f} pt per {per}"
            for drop, per in zip(drops, study.DURATIONS, strict=True)
        ),
        "holds" if max(drops) < _ERRORS_HURT else "does not hold",
    )


def _ahead(rows: Sequence[Row]) -> Claim:
    """Ternary against binary at every rate."""
    places = sorted({(row["per"], row["rate"]) for row in rows})
    gains = []
    for per, rate in places:
        mean = {
            name: np.mean(
                [
                    row["accuracy"]
                    for row in rows
                    if (row["network"], row["per"], row["rate"]) == (name, per, rate)
                ]
            )
            for name in ("mlp_ternary", "mlp_binary")
        }
        gains.append(float(mean["mlp_ternary"] - mean["mlp_binary"]))
    ahead = sum(gain > 0 for gain in gains)
    return Claim(
        "Ternary networks stay ahead of binary ones under errors",
        "deck",
        "talk",
        f"digits: ahead at {ahead} of {len(gains)} rates and durations, by {100 * min(gains):.1f} "
        f"to {100 * max(gains):.1f} pt (one network each; without errors 1 of 450 images apart)",
        "holds" if ahead == len(gains) else "holds in part" if ahead else "does not hold",
    )


def _harm(rows: Sequence[Row]) -> Claim:
    found, ordered = [], []
    for rate in (0.1, 0.3):
        drops = [mean_drop(rows, type=name, rate=rate) for name in study.TYPES]
        listed = ", ".join(f"{100 * drop:.1f}" for drop in drops)
        found.append(f"{listed} pt at a rate of {rate:g}")
        ordered.append(drops[0] > drops[1] > drops[2])
    return Claim(
        "Type 1 errors hurt most, then type 2; type 3 least",
        "recalled",
        "Laborieux 2021",
        f"cnn_ternary loses by types 1, 2, 3: {'; '.join(found)} of the cells concerned "
        "(over two thirds of its weights are zeros, which type 3 strikes)",
        "holds" if all(ordered) else "holds in part" if any(ordered) else "does not hold",
    )


def points(name: str, rows: Sequence[Row]) -> Table:
    """Every point with its mean and its band, for ``data/``."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    keys = [key for key in rows[0] if key not in ("trial", "samples") and "accuracy" not in key]
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    listed = []
    for group, members in groups.items():
        accuracy = [row["accuracy"] for row in members]
        low, high = np.percentile(accuracy, [5, 95])
        drop = np.mean([row["accuracy_drop"] for row in members])
        cells = (len(members), np.mean(accuracy), low, high, drop)
        listed.append((*group, *(f"{cell:.6g}" for cell in cells)))
    columns = (*keys, "trials", "accuracy", "accuracy_5", "accuracy_95", "accuracy_drop")
    return Table(name, columns, listed, shown=False)
