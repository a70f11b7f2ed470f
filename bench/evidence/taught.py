"""Train the perceptrons of the zoo with errors, and measure them beside the zoo's under errors.

python -m bench.evidence.taught
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import ternary_engine as te
from bench.evidence.networks import RESULTS, write
from bench.train.datasets import digits
from bench.train.digits import PLANS, train
from bench.train.export import export, verify
from ternary_engine.reproduction import study

BER = 4e-2
RATES = (1e-3, 1e-2, 4e-2, 1e-1, 2e-1, 3e-1)
COLUMNS = (
    "network",
    "study",
    "per",
    "rate",
    "trial",
    "samples",
    "accuracy",
    "accuracy_error_free",
    "accuracy_drop",
)


def taught(name: str, runs: Path) -> te.Network:
    """Train a network of the zoo with errors."""
    plan = PLANS[name]
    plan = replace(plan, recipe=replace(plan.recipe, ber=BER))
    data = digits(plan.size)
    model, _ = train(plan, plan.kind, data, runs / f"{name}_ber{BER:g}")
    path = runs / f"{name}_ber{BER:g}.onnx"
    export(model, data.test.x[:2], path, stored=plan.stored)
    verify(model, data.test, path)
    return te.convert(path)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=Path, default=Path("build/train"))
    parser.add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for name in ("mlp_ternary", "mlp_binary"):
        nets = {name: te.zoo.load(name), f"{name} trained with errors": taught(name, options.runs)}
        for title, net in nets.items():
            found = study.durations(net, *te.zoo.data(name), RATES, trials=options.trials, seed=0)
            rows += [{"network": title, **row} for row in found]
    write(RESULTS / "taught.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
