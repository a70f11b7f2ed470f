"""Data, each with a fixed split into training, validation and test samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

DIGITS_SPLIT_SEED = 2024


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and labels."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def to(self, device: torch.device) -> Samples:
        return Samples(self.x.to(device), self.y.to(device))


@dataclass(frozen=True, eq=False)
class Dataset:
    """Three disjoint sets: the first is trained on, the second picks the epoch."""

    train: Samples
    validation: Samples
    test: Samples

    def to(self, device: torch.device) -> Dataset:
        return Dataset(*(part.to(device) for part in (self.train, self.validation, self.test)))


def stratified(
    labels: npt.NDArray[np.integer], held_out: int, seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Indices (kept, held out), each class in proportion."""
    from sklearn.model_selection import train_test_split

    kept, out = train_test_split(
        np.arange(len(labels)), test_size=held_out, stratify=labels, random_state=seed
    )
    return np.sort(kept), np.sort(out)


def digits(size: int = 8) -> Dataset:
    """scikit-learn's digits: 1,167 training, 180 validation, 450 test samples.

    ``size=8``: float32 [N, 64] in 0..1. ``size=16``: bilinear, uint8 [N, 1, 16, 16].
    """
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    rest, test = stratified(labels, 450, DIGITS_SPLIT_SEED)
    kept, held_out = stratified(labels[rest], 180, DIGITS_SPLIT_SEED)
    x = torch.from_numpy(pixels.astype(np.float32)) / 16
    if size != 8:
        grown = functional.interpolate(x.view(-1, 1, 8, 8), size=(size, size), mode="bilinear")
        x = (grown * 255).round().to(torch.uint8)
    y = torch.from_numpy(labels.astype(np.int64))
    return Dataset(*(Samples(x[i], y[i]) for i in (rest[kept], rest[held_out], test)))
