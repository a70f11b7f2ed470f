"""What rows of the resilience study say about the claims; shared by the panels on errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ternary_engine.reproduction import study
from ternary_engine.reproduction.panel import Claim, Table, Verdict
from ternary_engine.reproduction.study import Row

__all__ = ["ahead", "harm", "mean", "points", "standard"]

_TOLERATED = 1e-4  # quoted: a standard binary network tolerates this bit error rate
_HURTS = 0.01  # loss of accuracy
_CHANCE = 0.02  # of accuracy; networks closer than this to a tenth only guess


def mean(rows: Sequence[Row], column: str, **wanted: object) -> float:
    """Mean of a column over the rows whose other columns are as wanted; NaN where none is."""
    found = [row[column] for row in rows if all(row[key] == v for key, v in wanted.items())]
    return float(np.mean(found)) if found else float("nan")


def standard(rows: Sequence[Row], binary: Sequence[str], data: str) -> Claim:
    """The quoted tolerance of binary networks trained without errors, on some data."""
    found: list[str] = []
    tolerated = True
    for name in binary:
        drops = [
            mean(rows, "accuracy_drop", network=name, rate=_TOLERATED, per=per)
            for per in study.DURATIONS
        ]
        tolerated &= all(drop < _HURTS for drop in drops)  # NaN, of no rows, fails as well
        listed = ", ".join(
            f"{100 * drop:.2f} pt per {per}"
            for drop, per in zip(drops, study.DURATIONS, strict=True)
        )
        found.append(f"{name} loses {listed}")
    return Claim(
        f"A standard binary network tolerates a bit error rate of 1e-4 ({data})",
        "quoted",
        "Hirtzlin 2019",
        "; ".join(found),
        "holds" if tolerated else "does not hold",
    )


def ahead(
    rows: Sequence[Row], pairs: Sequence[tuple[str, str]], data: str, note: str = ""
) -> Claim:
    """Ternary against binary networks at every rate and duration.

    Args:
        rows: of `study.durations`, with a column ``network``.
        pairs: a ternary network and the binary one it is compared with.
        data: their name.
        note: what should be borne in mind.
    """
    gains, places = [], sorted({(row["per"], row["rate"]) for row in rows})
    for ternary, binary in pairs:
        for per, rate in places:
            first, second = (
                mean(rows, "accuracy", network=name, per=per, rate=rate)
                for name in (ternary, binary)
            )
            if max(first, second) > 0.1 + _CHANCE:  # NaN, of a rate not measured, fails as well
                gains.append(first - second)
    won = sum(gain > 0 for gain in gains)
    verdict: Verdict = "holds in part" if won else "does not hold"
    return Claim(
        f"Ternary networks stay ahead of binary ones under errors ({data})",
        "deck",
        "talk",
        f"ahead at {won} of {len(gains)} rates and durations where either does better than "
        f"guessing, by {100 * min(gains, default=0.0):.1f} to "
        f"{100 * max(gains, default=0.0):.1f} pt{note}",
        "holds" if gains and won == len(gains) else verdict,
    )


def harm(
    rows: Sequence[Row], network: str, data: str, rates: Sequence[float] = (0.1, 0.3)
) -> Claim:
    """Which type of error hurts most, at equal rates of the cells that each can strike."""
    found, ordered = [], []
    for rate in rates:
        drops = [mean(rows, "accuracy_drop", type=name, rate=rate) for name in study.TYPES]
        listed = ", ".join(f"{100 * drop:.1f}" for drop in drops)
        found.append(f"{listed} pt at a rate of {rate:g}")
        ordered.append(drops[0] > drops[1] > drops[2])
    return Claim(
        f"Type 1 errors hurt most, then type 2; type 3 least ({data})",
        "recalled",
        "Laborieux 2021",
        f"{network} loses by types 1, 2, 3: {'; '.join(found)} of the cells concerned",
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
        cells = (np.mean(accuracy), low, high, drop)
        listed.append((*group, len(members), *(f"{cell:.6g}" for cell in cells)))
    columns = (*keys, "trials", "accuracy", "accuracy_5", "accuracy_95", "accuracy_drop")
    return Table(name, columns, listed, shown=False)
