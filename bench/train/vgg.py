"""Train one VGG on CIFAR-10 (or MNIST) and export it; run again to resume.

python -m bench.train.vgg --data cifar10.npz --f 16 --weights ternary --activations ternary
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch

from bench.train import images, networks
from bench.train.checkpoint import save_json
from bench.train.export import export, verify
from bench.train.loop import Run, fit
from bench.train.quantise import KINDS
from bench.train.recipe import Recipe

RECIPES = {
    "published": Recipe(cycles=(100, 200, 400)),
    "short": Recipe(cycles=(20,), lr=0.005, warm=0.1, gain=0.1, window=0.2),
    "trial": Recipe(cycles=(2,)),
}
LIGHTER = {"flip_crop4": "flip_shift2"}  # a short recipe sees an image too few times for more
TIES = 2e-4  # share of predictions that may differ where a sum meets a threshold exactly


def name_of(options: argparse.Namespace, data: str) -> str:
    """Name of a run: what it is in one word."""
    kinds = options.weights[0].upper() + options.activations[0].upper()
    name = f"{data}_f{options.f}_{kinds}_{options.recipe}"
    name += "+".join(map(str, options.epochs or ()))
    name += "" if options.normalise else "_codes"
    name += f"_ber{options.ber:g}" if options.ber else ""
    return f"{name}_seed{options.seed}"


def recipe_of(options: argparse.Namespace, augment: str) -> Recipe:
    """The chosen recipe with what the command line overrides."""
    if options.recipe == "short":
        augment = LIGHTER.get(augment, augment)
    recipe = replace(RECIPES[options.recipe], seed=options.seed, ber=options.ber, augment=augment)
    if options.epochs is not None:
        recipe = replace(recipe, cycles=tuple(options.epochs))
    return recipe if options.lr is None else replace(recipe, lr=options.lr)


def start(options: argparse.Namespace) -> Run:
    """Read the data and build the network."""
    source = images.load(options.data)
    recipe = recipe_of(options, source.augment)
    device = torch.device(options.device)
    torch.manual_seed(options.seed)
    model = networks.vgg(
        options.weights,
        options.activations,
        options.f,
        normalise=(source.mean, source.deviation) if options.normalise else None,
        channels=len(source.mean),
        gain=recipe.gain,
        window=recipe.window,
    ).to(device, memory_format=torch.channels_last)
    label = {
        "network": "vgg",
        "f": options.f,
        "weights": options.weights,
        "activations": options.activations,
        "input": "normalised" if options.normalise else "codes",
        "data": source.name,
        "data_note": source.note,
        "split": {"validation": images.HELD_OUT, "seed": images.SPLIT_SEED},
    }
    folder = options.runs / name_of(options, source.name)
    return Run(model, source.data.to(device), recipe, folder, label)


def finish(run: Run, metrics: dict[str, object]) -> None:
    """Export the best epoch and say how well it does."""
    path = run.folder / f"{run.folder.name}.onnx"
    export(run.model, run.data.test.x[:2], path)
    metrics |= verify(run.model, run.data.test, path, allowed=TIES)
    save_json(run.folder / "metrics.json", metrics)
    print(f"{path}: test accuracy {metrics['test_accuracy']:.2%} (epoch {metrics['best_epoch']})")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help=".npz file, or folder of official files")
    add("--f", type=int, default=16, help="filters of the first convolution [16]")
    add("--weights", choices=KINDS, default="ternary")
    add("--activations", choices=KINDS, default="ternary")
    add("--recipe", choices=sorted(RECIPES), default="published")
    add("--epochs", type=int, nargs="+", help="cosine cycles of these lengths, not the recipe's")
    add("--lr", type=float, help="highest learning rate of a cycle [the recipe's]")
    add("--ber", type=float, default=0.0, help="error rate of stored weights in training [0]")
    add("--codes", dest="normalise", action="store_false", help="scale pixels to 0..1 only")
    add("--seed", type=int, default=0)
    add("--runs", type=Path, default=Path("build/train"), help="folder of checkpoints")
    add("--fresh", action="store_true", help="ignore a checkpoint of this run")
    add("--stop-after", type=int, metavar="EPOCHS", help="stop here; run again to go on")
    add("--threads", type=int, default=1)
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser.parse_args(arguments)


def main() -> None:
    """Train, or go on training; measure and export the best epoch so far."""
    options = parse()
    torch.set_num_threads(options.threads)
    try:
        run = start(options)
        if options.fresh and run.folder.exists():
            shutil.rmtree(run.folder)
        metrics = fit(run, stop_after=options.stop_after)
    except (ValueError, OSError) as error:
        sys.exit(f"bench.train.vgg: {error}")
    except KeyboardInterrupt:
        sys.exit(f"stopped; the same command goes on after the last whole epoch in {run.folder}")
    finish(run, metrics)


if __name__ == "__main__":
    main()
