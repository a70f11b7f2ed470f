"""Train the zoo: small networks on scikit-learn's digits, exported with their test data.

python -m bench.train.digits mlp_ternary mlp_binary cnn_ternary
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.train import networks
from bench.train.checkpoint import save_json
from bench.train.datasets import DIGITS_SPLIT_SEED, Dataset, digits
from bench.train.export import export, verify
from bench.train.loop import Run, fit
from bench.train.quantise import Kind
from bench.train.recipe import Recipe

ZOO = Path(__file__).resolve().parents[2] / "ternary_engine" / "zoo"


@dataclass(frozen=True)
class Plan:
    """What one network of the zoo is and how it is trained."""

    title: str
    build: Callable[[Kind, Kind], nn.Module]
    kind: Kind
    size: int
    recipe: Recipe
    stored: bool


PLANS = {
    "mlp_ternary": Plan(
        "ternary multilayer perceptron 64-256-256-10",
        networks.mlp,
        "ternary",
        8,
        Recipe(cycles=(150,), batch=32, augment="noise"),
        stored=True,
    ),
    "mlp_binary": Plan(
        "binary multilayer perceptron 64-256-256-10",
        networks.mlp,
        "binary",
        8,
        Recipe(cycles=(150,), batch=32, augment="noise"),
        stored=True,
    ),
    "cnn_ternary": Plan(
        "ternary convolutional network 32-64-64-10, 8-bit input",
        networks.cnn,
        "ternary",
        16,
        Recipe(cycles=(60,), lr=0.005, batch=64),
        stored=False,
    ),
}


def train(plan: Plan, kind: Kind, data: Dataset, folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """Train one network of a plan; ``real`` gives its float32 counterpart."""
    torch.manual_seed(plan.recipe.seed)
    model = plan.build(kind, kind)
    label = {"network": plan.title, "weights": kind, "activations": kind}
    return model, fit(Run(model, data, plan.recipe, folder, label))


def make(name: str, plan: Plan, out: Path, runs: Path) -> dict[str, Any]:
    """Train, export, check and describe one network of the zoo."""
    data = digits(plan.size)
    model, metrics = train(plan, plan.kind, data, runs / name)
    _, reference = train(plan, "real", data, runs / f"{name}_float32")
    onnx_path, data_path = out / f"{name}.onnx", out / f"{name}.npz"
    export(model, data.test.x[:2], onnx_path, stored=plan.stored)
    verify(model, data.test, onnx_path)
    np.savez_compressed(data_path, x=data.test.x.numpy(), y=data.test.y.numpy())
    return {
        "title": plan.title,
        "weights": plan.kind,
        "activations": plan.kind,
        "accuracy": metrics["test_accuracy"],
        "float32_accuracy": reference["test_accuracy"],
        "samples": len(data.test),
        "validation_accuracy": metrics["validation_accuracy"],
        "split_seed": DIGITS_SPLIT_SEED,
        "recipe": plan.recipe.to_dict(),
        "best_epoch": metrics["best_epoch"],
        "torch": metrics["torch"],
        "command": f"python -m bench.train.digits {name}",
        "onnx_bytes": onnx_path.stat().st_size,
        "data_bytes": data_path.stat().st_size,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(PLANS), metavar="NAME")
    parser.add_argument("--out", type=Path, default=ZOO, help="folder of the zoo")
    parser.add_argument("--runs", type=Path, default=Path("build/train"), help="checkpoints")
    parser.add_argument("--fresh", action="store_true", help="ignore checkpoints there")
    parser.add_argument("--epochs", type=int, help="fewer than the recipe's, to try it out")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    table_path = options.out / "zoo.json"
    table = json.loads(table_path.read_text()) if table_path.exists() else {}
    for name in options.names:
        if options.fresh:
            for folder in options.runs.glob(f"{name}*"):
                shutil.rmtree(folder)
        plan = PLANS[name]
        if options.epochs:
            plan = replace(plan, recipe=replace(plan.recipe, cycles=(options.epochs,)))
        table[name] = make(name, plan, options.out, options.runs)
        order = [
            *(key for key in PLANS if key in table),
            *(key for key in table if key not in PLANS),
        ]
        save_json(table_path, {key: table[key] for key in order})
        print(f"{name}: test accuracy {table[name]['accuracy']:.2%}")


if __name__ == "__main__":
    main()
