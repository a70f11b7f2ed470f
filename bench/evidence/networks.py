"""Gather trained networks into a table, each with the accuracy of its packed form.

python -m bench.evidence.networks --data cifar10_jpeg.npz --runs build/train
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ternary_engine as te
from bench.train import images
from bench.train.images import Images
from ternary_engine.files import atomic_write

RESULTS = Path(__file__).resolve().parents[2] / "ternary_engine" / "reproduction" / "results"
LETTERS = {"ternary": "T", "binary": "B", "real": "R"}
COLUMNS = (
    "network",
    "f",
    "weights",
    "activations",
    "seed",
    "ber",
    "recipe",
    "epochs",
    "best_epoch",
    "validation_accuracy",
    "test_accuracy",
    "packed_accuracy",
    "packed_bytes",
)


@dataclass(frozen=True)
class Trained:
    """A finished run: its file and what training wrote of it."""

    onnx: Path
    metrics: dict[str, Any]

    @property
    def name(self) -> str:
        """Such as ``T/T f=8`` (weights/activations)."""
        kinds = "/".join(LETTERS[self.metrics[key]] for key in ("weights", "activations"))
        ber = self.metrics["recipe"]["ber"]
        taught = f", trained at {ber:g}" if ber else ""
        return f"{kinds} f={self.metrics['f']}{taught}"


def finished(runs: Path) -> list[Trained]:
    """Runs that were measured and exported, by size, kind and seed."""
    found = []
    for path in runs.glob("*/metrics.json"):
        onnx = path.parent / f"{path.parent.name}.onnx"
        metrics = json.loads(path.read_text(encoding="utf-8"))
        if onnx.exists() and "onnx_accuracy" in metrics and metrics["data"] == "cifar10":
            found.append(Trained(onnx, metrics))
    return sorted(
        found, key=lambda one: (one.metrics["f"], one.name, one.metrics["recipe"]["seed"])
    )


def test_images(source: Images) -> tuple[np.ndarray, np.ndarray]:
    """Test images as the networks take them, and their labels."""
    return source.data.test.x.numpy(), source.data.test.y.numpy()


def row(one: Trained, x: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """A line of the table."""
    metrics = one.metrics
    quantised = metrics["weights"] != "real"
    net = te.convert(one.onnx)
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "net.tern"
        net.save(packed)
        size = packed.stat().st_size
    right = sum(
        int((net.run(x[i : i + 500]).argmax(1) == labels[i : i + 500]).sum())
        for i in range(0, len(x), 500)
    )
    return {
        "network": one.name,
        "f": metrics["f"],
        "weights": metrics["weights"],
        "activations": metrics["activations"],
        "seed": metrics["recipe"]["seed"],
        "ber": metrics["recipe"]["ber"],
        "recipe": "+".join(map(str, metrics["recipe"]["cycles"])),
        "epochs": metrics["epochs_done"],
        "best_epoch": metrics["best_epoch"],
        "validation_accuracy": metrics["validation_accuracy"],
        "test_accuracy": metrics["test_accuracy"],
        "packed_accuracy": right / len(x),
        "packed_bytes": size if quantised else "",
    }


def write(path: Path, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    """Write rows as CSV, blanks where one has no such column."""
    with atomic_write(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="as for bench.train.vgg")
    parser.add_argument("--runs", type=Path, default=Path("build/train"))
    options = parser.parse_args()
    x, labels = test_images(images.load(options.data))
    rows = []
    for one in finished(options.runs):
        rows.append(row(one, x, labels))
        difference = rows[-1]["packed_accuracy"] - rows[-1]["test_accuracy"]
        print(f"{one.onnx.stem}: {rows[-1]['test_accuracy']:.2%}, packed {difference:+.2%}")
    write(RESULTS / "networks.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
