"""The training loop: exact resume at every epoch, the best epoch kept by validation."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.progress import track
from torch import Tensor, nn
from torch.nn import functional

from bench.train.augment import AUGMENTATIONS
from bench.train.checkpoint import load_state, save_json, save_state
from bench.train.datasets import Dataset, Samples
from bench.train.layers import set_error_rate
from bench.train.recipe import Recipe


@dataclass
class Run:
    """One training run and its folder.

    Attributes:
        model: trained in place; `fit` leaves it at its best epoch.
        data: on the device of the model.
        recipe: the schedule.
        folder: last.pt, best.pt and metrics.json go here.
        label: what is trained, as plain values; a resumed run must agree.
        history: one record per finished epoch.
    """

    model: nn.Module
    data: Dataset
    recipe: Recipe
    folder: Path
    label: dict[str, Any]
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, float] | None:
        """Record of the best epoch: highest validation accuracy, among equals lowest loss."""
        return max(self.history, key=_merit, default=None)

    @property
    def identity(self) -> dict[str, Any]:
        """What makes two runs the same."""
        return {**self.label, "recipe": self.recipe.to_dict()}


def fit(run: Run, *, resume: bool = True, stop_after: int | None = None) -> dict[str, Any]:
    """Train to the end of the recipe (or to ``stop_after`` epochs) and return the metrics."""
    run.folder.mkdir(parents=True, exist_ok=True)
    optimiser = _optimiser(run, 0)
    if resume and (run.folder / "last.pt").exists():
        optimiser = _restore(run)
    end = run.recipe.epochs if stop_after is None else min(stop_after, run.recipe.epochs)
    for epoch in range(len(run.history), end):
        if run.recipe.place(epoch)[0] == 0:
            optimiser = _optimiser(run, epoch)
        _one_epoch(run, optimiser, epoch)
    run.model.load_state_dict(load_state(run.folder / "best.pt")["model"])
    return finish(run)


def finish(run: Run) -> dict[str, Any]:
    """Measure the best epoch without errors, on the test set too, and write the metrics."""
    set_error_rate(run.model, 0.0)
    result = _metrics(run)
    for name, samples in (("validation", run.data.validation), ("test", run.data.test)):
        result[f"{name}_accuracy"] = score(run.model, samples)[0]
    save_json(run.folder / "metrics.json", result)
    return result


@torch.no_grad()
def score(model: nn.Module, samples: Samples, batch: int = 500) -> tuple[float, float]:
    """Share of samples whose largest output is their label, and mean cross-entropy."""
    model.eval()
    right, loss = 0, 0.0
    for x, y in zip(samples.x.split(batch), samples.y.split(batch), strict=True):
        outputs = model(x)
        right += int((outputs.argmax(1) == y).sum())
        loss += float(functional.cross_entropy(outputs, y, reduction="sum"))
    return right / len(samples), loss / len(samples)


def _merit(record: dict[str, float]) -> tuple[float, float]:
    return record["validation_accuracy"], -record["validation_loss"]


def _one_epoch(run: Run, optimiser: torch.optim.Optimizer, epoch: int) -> None:
    started = time.perf_counter()
    torch.manual_seed(run.recipe.seed * 1_000_003 + epoch)
    set_error_rate(run.model, run.recipe.ber)
    loss = _steps(run, optimiser, epoch)
    validation_accuracy, validation_loss = score(run.model, run.data.validation)
    record = {
        "epoch": epoch + 1,
        "loss": loss,
        "validation_accuracy": validation_accuracy,
        "validation_loss": validation_loss,
        "seconds": round(time.perf_counter() - started, 3),
    }
    run.history.append(record)
    _keep(run, optimiser)
    print(
        f"epoch {epoch + 1}/{run.recipe.epochs}  loss {loss:.4f}  validation "
        f"{record['validation_accuracy']:.2%}  {record['seconds']:.1f} s",
        file=sys.stderr,
        flush=True,
    )


def _steps(run: Run, optimiser: torch.optim.Optimizer, epoch: int) -> float:
    run.model.train()
    train, batch = run.data.train, run.recipe.batch
    order = torch.randperm(len(train)).to(train.y.device)
    steps = max(len(train) // batch, 1)
    total = torch.zeros((), device=train.y.device)
    for step in track(
        range(steps), description=f"epoch {epoch + 1}", disable=not sys.stderr.isatty(),
        transient=True,
    ):  # fmt: skip
        for group in optimiser.param_groups:
            group["lr"] = run.recipe.learning_rate(epoch, step / steps)
        chosen = order[step * batch : (step + 1) * batch]
        total += _step(run, optimiser, train.x[chosen], train.y[chosen])
    return float(total) / steps


def _step(run: Run, optimiser: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    loss = functional.cross_entropy(run.model(AUGMENTATIONS[run.recipe.augment](x)), y)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    return loss.detach()


def _optimiser(run: Run, epoch: int) -> torch.optim.Optimizer:
    decay = run.recipe.weight_decay(epoch, len(run.data.train))
    return torch.optim.AdamW(
        run.model.parameters(), lr=run.recipe.lr, weight_decay=decay, fused=True
    )


def _keep(run: Run, optimiser: torch.optim.Optimizer) -> None:
    state = {
        "model": run.model.state_dict(),
        "optimiser": optimiser.state_dict(),
        "history": run.history,
        "identity": run.identity,
    }
    if run.best is run.history[-1]:
        save_state(run.folder / "best.pt", {"model": state["model"], "identity": run.identity})
    save_state(run.folder / "last.pt", state)
    save_json(run.folder / "metrics.json", _metrics(run))


def _restore(run: Run) -> torch.optim.Optimizer:
    state = load_state(run.folder / "last.pt")
    if state["identity"] != run.identity:
        raise ValueError(
            f"{run.folder} holds another run: {state['identity']}; this one is {run.identity}. "
            "Choose another folder, or start over with --fresh"
        )
    run.model.load_state_dict(state["model"])
    run.history[:] = state["history"]
    optimiser = _optimiser(run, max(len(run.history) - 1, 0))
    optimiser.load_state_dict(state["optimiser"])
    return optimiser


def _metrics(run: Run) -> dict[str, Any]:
    return {
        **run.identity,
        "epochs_done": len(run.history),
        "best_epoch": run.best["epoch"] if run.best else None,
        "torch": torch.__version__,
        "history": run.history,
    }
