"""Results that ship: trainings on CIFAR-10, and accuracies of their networks under errors."""

from __future__ import annotations

import csv
import functools
from pathlib import Path
from typing import Any

__all__ = ["NOTE", "networks", "resilience", "taught"]

FOLDER = Path(__file__).resolve().parent / "results"
NOTE = "CIFAR-10 as JPEG re-compressed images: slightly below figures on the original pixels."
_TEXT = {"network", "weights", "activations", "study", "type", "condition", "per", "recipe"}
_WHOLE = {"f", "seed", "epochs", "best_epoch", "trial", "samples", "packed_bytes"}


@functools.cache
def networks() -> tuple[dict[str, Any], ...]:
    """One row for each trained network: what it is, how long it was trained, accuracies."""
    return _read("networks.csv")


@functools.cache
def resilience() -> tuple[dict[str, Any], ...]:
    """One row for each trial under errors, see `study`; with the network's name and kind."""
    return _read("resilience.csv")


@functools.cache
def taught() -> tuple[dict[str, Any], ...]:
    """One row for each trial of perceptrons of digits, trained with errors and without."""
    return _read("taught.csv")


def _read(name: str) -> tuple[dict[str, Any], ...]:
    path = FOLDER / name
    if not path.exists():
        return ()
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(
            {column: _value(column, cell) for column, cell in row.items()}
            for row in csv.DictReader(stream)
        )


def _value(column: str, cell: str) -> Any:
    if cell == "":
        return None
    if column in _TEXT:
        return cell
    return int(cell) if column in _WHOLE else float(cell)
