"""Measure trained networks under errors; the rows ship and `ternary-engine reproduce` draws them.

python -m bench.evidence.resilience --data cifar10_jpeg.npz --runs build/train --networks "T/T f=8"

Rows of networks that are not named stay as they are.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np

import ternary_engine as te
from bench.evidence.networks import RESULTS, Trained, finished, test_images, write
from bench.train import images
from ternary_engine.reproduction import study

COLUMNS = (
    "network",
    "study",
    "per",
    "rate",
    "type",
    "condition",
    "type1",
    "type2",
    "type3",
    "trial",
    "samples",
    "accuracy",
    "accuracy_error_free",
    "accuracy_drop",
)


RATES = (1e-5, 1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1)
TYPE_RATES = (1e-2, 3e-2, 1e-1, 3e-1)
SUPPLIES = (1.2,)
MORE = 4  # times as many samples for the conditions of the model: few points, small losses
OUT = RESULTS / "resilience.csv"


def rows_of(
    one: Trained, x: np.ndarray, labels: np.ndarray, samples: int, how: dict[str, Any]
) -> list[dict[str, Any]]:
    """Every study of one network; samples are spread evenly, as files may be sorted by class."""
    net = te.convert(one.onnx)
    steps = (max(len(x) // wanted, 1) for wanted in (samples, MORE * samples))
    few, many = ((x[::step], labels[::step]) for step in steps)
    rows = study.durations(net, *few, RATES, **how)
    if one.metrics["weights"] == "ternary":
        rows += study.types(net, *few, TYPE_RATES, **how)
        rows += study.conditions(net, *many, supplies=SUPPLIES, **how)
    return [{"network": one.name, **row} for row in rows]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="as for bench.train.vgg")
    parser.add_argument("--runs", type=Path, default=Path("build/train"))
    parser.add_argument("--networks", nargs="+", required=True, help='such as "T/T f=8"; seed 0')
    parser.add_argument("--samples", type=int, default=500, help="test images")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    x, labels = test_images(images.load(options.data))
    how = {"trials": options.trials, "seed": options.seed, "workers": options.workers}
    rows = [row for row in kept() if row["network"] not in options.networks]
    for one in finished(options.runs):
        if one.name in options.networks and one.metrics["recipe"]["seed"] == 0:
            rows += rows_of(one, x, labels, options.samples, how)
            write(OUT, COLUMNS, rows)
            print(f"{one.name}: {len(rows)} rows in all")


def kept() -> list[dict[str, Any]]:
    """Rows that are there already, as text."""
    if not OUT.exists():
        return []
    with OUT.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main()
