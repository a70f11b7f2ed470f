"""Put trained networks of CIFAR-10 into the zoo: of each kind the seed that validates best.

python -m bench.evidence.ship --data cifar10_jpeg.npz --runs build/train --sizes 8 16 32
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from bench.evidence.networks import finished, test_images
from bench.train import images
from bench.train.checkpoint import save_json
from bench.train.digits import ZOO
from bench.train.export import compact, run_onnx


def best(runs: Path, sizes: list[int]) -> dict[str, Any]:
    """Runs to ship by their name in the zoo."""
    chosen: dict[str, Any] = {}
    for one in finished(runs):
        made = one.metrics
        plain = made["weights"] == made["activations"] != "real" and not made["recipe"]["ber"]
        if not plain or made["f"] not in sizes:
            continue
        name = f"vgg_f{made['f']}_{made['weights']}"
        other = chosen.get(name)
        better = other is None or (
            made["validation_accuracy"] > other.metrics["validation_accuracy"]
        )
        if better:
            chosen[name] = one
    return chosen


def entry(one: Any, path: Path, accuracy: float, samples: int) -> dict[str, Any]:
    """What zoo.json says of a network."""
    made = one.metrics
    f, recipe = made["f"], made["recipe"]
    command = (
        f"python -m bench.train.vgg --recipe short --epochs {' '.join(map(str, recipe['cycles']))} "
        f"--f {f} --weights {made['weights']} --activations {made['activations']} "
        f"--seed {recipe['seed']} --data CIFAR-10"
    )
    return {
        "title": f"{made['weights']} VGG f = {f} of CIFAR-10, {made['epochs_done']} epochs",
        "weights": made["weights"],
        "activations": made["activations"],
        "accuracy": accuracy,
        "float32_accuracy": None,
        "samples": samples,
        "data": "cifar10",
        "data_note": made["data_note"],
        "validation_accuracy": made["validation_accuracy"],
        "recipe": recipe,
        "best_epoch": made["best_epoch"],
        "torch": made["torch"],
        "command": command,
        "onnx_bytes": path.stat().st_size,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="as for bench.train.vgg")
    parser.add_argument("--runs", type=Path, default=Path("build/train"))
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[8, 16, 32], help="f of the networks"
    )
    options = parser.parse_args()
    x, labels = test_images(images.load(options.data))
    table = json.loads((ZOO / "zoo.json").read_text(encoding="utf-8"))
    for name, one in best(options.runs, options.sizes).items():
        path = ZOO / f"{name}.onnx"
        shutil.copy(one.onnx, path)
        compact(path)
        right = sum(
            int((run_onnx(path, x[i : i + 500]).argmax(1) == labels[i : i + 500]).sum())
            for i in range(0, len(x), 500)
        )
        table[name] = entry(one, path, right / len(x), len(x))
        print(f"{name}: {right / len(x):.2%}, {path.stat().st_size / 1e3:.0f} kB")
    save_json(ZOO / "zoo.json", table)


if __name__ == "__main__":
    main()
