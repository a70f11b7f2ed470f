"""How to train: cycles of cosine-annealed AdamW."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A schedule; each cycle begins with a fresh optimiser.

    Attributes:
        cycles: epochs of each cosine cycle; the learning rate rises to ``lr`` and
            falls to 0 in each.
        lr: highest learning rate of a cycle.
        warm: share of a cycle in which the learning rate rises from 0 to that.
        batch: samples per step; a last, smaller batch is dropped.
        decay: the decoupled weight decay of a cycle of T epochs is
            decay * sqrt(batch / (samples * T)), and AdamW multiplies it by the learning rate.
        ber: bit error rate injected into the stored weights during training.
        augment: name of an augmentation in `augment`, or ``none``.
        gain: initial weight of every batch norm before an activation. With the ternariser's
            fixed threshold of 0.05 it decides how many activations begin as 0: 4 % at 1,
            38 % at 0.1.
        window: the activation gradient passes where |x| is below this.
        seed: of initial weights, sample order, augmentation and injected errors.
    """

    cycles: tuple[int, ...] = (100, 200, 400)
    lr: float = 0.01
    warm: float = 0.0
    batch: int = 128
    decay: float = 2.0
    ber: float = 0.0
    augment: str = "none"
    gain: float = 1.0
    window: float = 1.0
    seed: int = 0

    @property
    def epochs(self) -> int:
        """Epochs in all."""
        return sum(self.cycles)

    def place(self, epoch: int) -> tuple[int, int]:
        """Epoch within its cycle, and length of that cycle."""
        start = 0
        for length in self.cycles:
            if epoch < start + length:
                return epoch - start, length
            start += length
        raise ValueError(f"epoch {epoch} beyond the end of cycles {self.cycles}")

    def learning_rate(self, epoch: int, progress: float) -> float:
        """Learning rate at a share ``progress`` (0..1) of an epoch."""
        start, length = self.place(epoch)
        done = (start + progress) / length
        if done < self.warm:
            return self.lr * done / self.warm
        return self.lr / 2 * (1 + math.cos(math.pi * (done - self.warm) / (1 - self.warm)))

    def weight_decay(self, epoch: int, samples: int) -> float:
        """Weight decay of the cycle this epoch belongs to."""
        return self.decay * math.sqrt(self.batch / (samples * self.place(epoch)[1]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {**asdict(self), "cycles": list(self.cycles)}
