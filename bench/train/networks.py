"""The architectures: multilayer perceptron, small convolutional network, VGG."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

from torch import nn

from bench.train.layers import Activation, Conv, Linear, Normalise, Pixels
from bench.train.quantise import Kind

PIXEL_GAIN = 0.1  # a ternariser at 0.05 then reads 0 within half a deviation of the mean

Parts = dict[str, nn.Module]


def mlp(weights: Kind, activations: Kind, hidden: int = 256) -> nn.Sequential:
    """8x8 digits, float in 0..1: a learned threshold per pixel, then three layers."""
    thresholds = nn.BatchNorm1d(64)
    nn.init.constant_(thresholds.weight, PIXEL_GAIN)
    parts: Parts = {"norm0": thresholds, "act0": Activation(activations)}
    parts |= _hidden(1, 64, hidden, weights, activations)
    parts |= _hidden(2, hidden, hidden, weights, activations)
    return _network(parts | _scores(3, hidden, weights))


def cnn(weights: Kind, activations: Kind, f: int = 32) -> nn.Sequential:
    """16x16 digits, uint8: three convolutions, each pooled, and a linear layer."""
    parts: Parts = {"pixels": Pixels()}
    for number, (inputs, outputs) in enumerate(((1, f), (f, 2 * f), (2 * f, 2 * f)), 1):
        parts |= _conv(number, inputs, outputs, weights, activations, pool=True)
    return _network(parts | {"flatten": nn.Flatten()} | _scores(4, 8 * f, weights))


def vgg(
    weights: Kind,
    activations: Kind,
    f: int = 16,
    *,
    normalise: tuple[tuple[float, ...], tuple[float, ...]] | None,
    channels: int = 3,
    gain: float = 1.0,
    window: float = 1.0,
) -> nn.Sequential:
    """32x32 images, uint8: f f P 2f 2f P 4f 4f P, then 64f -> 512 -> 10.

    ``normalise`` is (mean, deviation) per channel; None scales pixels to 0..1 instead: the first
    layer then sees 8-bit codes. ``gain`` and ``window`` are those of `Recipe`.
    """
    parts: Parts = {"pixels": Normalise(*normalise) if normalise else Pixels()}
    widths = (channels, f, f, 2 * f, 2 * f, 4 * f, 4 * f)
    for number, (inputs, outputs) in enumerate(pairwise(widths), 1):
        pool = number % 2 == 0
        parts |= _conv(number, inputs, outputs, weights, activations, pool=pool)
    parts |= {"flatten": nn.Flatten()} | _hidden(7, 64 * f, 512, weights, activations)
    for name, part in parts.items():
        if isinstance(part, Activation):
            part.window = window
            nn.init.constant_(parts[name.replace("act", "norm")].weight, gain)
    return _network(parts | _scores(8, 512, weights))


def _network(parts: Parts) -> nn.Sequential:
    return nn.Sequential(OrderedDict(parts))


def _conv(
    number: int, inputs: int, outputs: int, weights: Kind, activations: Kind, *, pool: bool
) -> Parts:
    middle: Parts = {f"pool{number}": nn.MaxPool2d(2)} if pool else {}
    return {
        f"conv{number}": Conv(inputs, outputs, weights),
        **middle,
        f"norm{number}": nn.BatchNorm2d(outputs),
        f"act{number}": Activation(activations),
    }


def _hidden(number: int, inputs: int, outputs: int, weights: Kind, activations: Kind) -> Parts:
    return {
        f"linear{number}": Linear(inputs, outputs, weights),
        f"norm{number}": nn.BatchNorm1d(outputs),
        f"act{number}": Activation(activations),
    }


def _scores(number: int, inputs: int, weights: Kind) -> Parts:
    return {f"linear{number}": Linear(inputs, 10, weights), f"norm{number}": nn.BatchNorm1d(10)}
