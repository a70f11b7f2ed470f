"""Distributions of resistance from measured samples."""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ternary_engine.exceptions import FormatError
from ternary_engine.physics.distributions import Empirical, FloatArray, LogNormal, Resistance

__all__ = ["Fit", "fit_samples", "read_samples"]

_STATES = ("lrs", "hrs")
_FEWEST = 2


@dataclass(frozen=True)
class Fit:
    """How well a distribution fits the samples it was fitted to.

    Attributes:
        state: ``"lrs"`` or ``"hrs"``. samples: how many there were.
        median: ohms. sigma: spread of ln R.
        median_error: ohms, standard error of the median. sigma_error: that of the spread.
        distance: largest distance between the cumulative distributions of fit and samples
            (Kolmogorov-Smirnov); chance gives about 0.9 / sqrt(samples).
    """

    state: str
    samples: int
    median: float
    sigma: float
    median_error: float
    sigma_error: float
    distance: float


def read_samples(path: str | os.PathLike[str]) -> dict[Any, FloatArray]:
    """Resistances by state from a .csv with the columns ``state`` and ``resistance`` (ohms).

    Raises:
        FormatError: a missing column, a row that cannot be read (it is named), too few rows.
    """
    found: dict[str, list[float]] = {state: [] for state in _STATES}
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file, skipinitialspace=True)
        names = [name.strip().lower() for name in rows.fieldnames or ()]
        rows.fieldnames = names
        for name in ("state", "resistance"):
            if name not in names:
                raise FormatError(
                    f"{path}: no column {name!r}; it has {', '.join(names) or 'none'}"
                )
        for row in rows:
            state, r = _row(row, f"{path}, line {rows.line_num}")
            found[state].append(r)
    for state, held in found.items():
        if len(held) < _FEWEST:
            raise FormatError(
                f"{path}: {len(held)} samples of {state.upper()}; a fit takes {_FEWEST} or more"
            )
    return {state: np.array(held) for state, held in found.items()}


def _row(row: dict[str, Any], where: str) -> tuple[str, float]:
    state = str(row["state"]).strip().lower()
    if state not in _STATES:
        raise FormatError(f"{where}: state {row['state']!r}; it is LRS or HRS")
    try:
        r = float(row["resistance"])
    except (TypeError, ValueError):
        r = math.nan
    if not (math.isfinite(r) and r > 0.0):
        raise FormatError(
            f"{where}: resistance {row['resistance']!r}; it is a number above 0, in ohms"
        )
    return state, r


def fit_samples(
    state: str, samples: FloatArray, kind: Literal["lognormal", "empirical"]
) -> tuple[Resistance, Fit]:
    """A distribution, and how well it fits.

    Args:
        state: ``"lrs"`` or ``"hrs"``.
        samples: ohms.
        kind: ``"lognormal"`` or ``"empirical"``.
    """
    if kind not in ("lognormal", "empirical"):
        raise ValueError(f"kind: got {kind!r}; it takes lognormal or empirical")
    x, n = np.log(samples), samples.size
    sigma = float(x.std(ddof=1))
    lognormal = LogNormal(math.exp(x.mean()), sigma)
    made: Resistance = lognormal if kind == "lognormal" else Empirical(samples)
    shares = made.cdf(np.sort(samples))
    steps = np.arange(n + 1) / n
    distance = max(float((steps[1:] - shares).max()), float((shares - steps[:-1]).max()))
    median_error = made.median * sigma / math.sqrt(n)
    if kind == "empirical":  # of a sample median, where the logarithm is about normal
        median_error *= math.sqrt(math.pi / 2.0)
    sigma_error = sigma / math.sqrt(2.0 * (n - 1))
    return made, Fit(state, n, made.median, sigma, median_error, sigma_error, distance)
