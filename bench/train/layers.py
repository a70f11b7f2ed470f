"""Quantised layers: latent float weights, quantised whenever they are used."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.train.quantise import Kind, gate, inject, quantise

INITIAL_SPREAD = 0.03


class _Stored:
    """What a layer with stored weights adds: their kind and the rate of errors in them."""

    kind: Kind
    ber: float = 0.0
    weight: Tensor

    def stored(self) -> Tensor:
        return inject(quantise(self.weight, self.kind), self.kind, self.ber)


class Linear(_Stored, nn.Linear):
    """Matrix product without bias."""

    def __init__(self, inputs: int, outputs: int, kind: Kind) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.kind = kind
        nn.init.normal_(self.weight, std=INITIAL_SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.stored())


class Conv(_Stored, nn.Conv2d):
    """3x3 convolution, padding 1, without bias."""

    def __init__(self, inputs: int, outputs: int, kind: Kind) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.kind = kind
        nn.init.normal_(self.weight, std=INITIAL_SPREAD)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.stored(), padding=1)


class Activation(nn.Module):
    """Hardtanh between -window and window, then the quantiser: the input of the next layer.

    The two apart outside training, which is what gets exported. The gradient passes where
    hardtanh does not clip; a quantiser's values do not depend on the window.
    """

    def __init__(self, kind: Kind, window: float = 1.0) -> None:
        super().__init__()
        self.kind, self.window = kind, window

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return gate(x, self.kind, self.window)
        return quantise(functional.hardtanh(x, -self.window, self.window), self.kind)


class Pixels(nn.Module):
    """uint8 pixels to 0..1: codes times one scale, so that a padded 0 stays 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.to(torch.float32) * (1 / 255)


class Normalise(nn.Module):
    """uint8 pixels to mean 0 and deviation 1 per channel."""

    def __init__(self, mean: tuple[float, ...], deviation: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", 255 * torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("factor", 1 / (255 * torch.tensor(deviation).view(1, -1, 1, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.float32) - self.mean) * self.factor


def set_error_rate(model: nn.Module, ber: float) -> None:
    """Inject errors at this rate from now on, at every forward pass of every stored layer."""
    for module in model.modules():
        if isinstance(module, _Stored):
            module.ber = ber


@torch.no_grad()
def freeze(model: nn.Module) -> None:
    """Replace latent weights by the quantised ones they stand for."""
    for module in model.modules():
        if isinstance(module, _Stored):
            module.weight.copy_(module.stored())
            module.kind = "real"


def layer_names(model: nn.Module) -> list[str]:
    """Names of the layers with stored weights, in order."""
    return [name for name, module in model.named_modules() if isinstance(module, _Stored)]
