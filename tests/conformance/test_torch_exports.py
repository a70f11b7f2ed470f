"""Real exports of PyTorch, by both exporters, of modules with straight-through estimators."""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest

import ternary_engine as te
from tests.converters.agreement import compare

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: train)")
from torch import nn  # noqa: E402

DELTA = 0.05


def ternary(x: Any) -> Any:
    return torch.sign(x) * (x.abs() > DELTA)


class SignFunction(torch.autograd.Function):
    """Sign with 0 counted as +1, and the gradient of hardtanh."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.where(x >= 0, 1.0, -1.0)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        (x,) = ctx.saved_tensors
        return gradient * (x.abs() <= 1)


class Ternarise(nn.Module):
    """As a parametrisation of weights, or an activation: the detach trick."""

    def forward(self, x: Any) -> Any:
        return x + (ternary(x) - x).detach()


class Binarise(nn.Module):
    """By an autograd function of our own."""

    def forward(self, x: Any) -> Any:
        return SignFunction.apply(x)


class Scaled(nn.Module):
    """Ternary weights of TWN: a threshold and a scale for each output, from the latent weights."""

    def forward(self, w: Any) -> Any:
        flat = w.flatten(1)
        threshold = 0.7 * flat.abs().mean(1)
        kept = flat.abs() > threshold[:, None]
        scale = (flat.abs() * kept).sum(1) / kept.sum(1).clamp(min=1)
        shape = (-1, *[1] * (w.dim() - 1))
        codes = torch.sign(w) * (w.abs() > threshold.reshape(shape))
        return w + (codes * scale.reshape(shape) - w).detach()


def low_bit(layer: nn.Module, weights: nn.Module) -> nn.Module:
    nn.utils.parametrize.register_parametrization(layer, "weight", weights)
    return layer


def multilayer(activation: Callable[[], nn.Module], weights: Callable[[], nn.Module]) -> nn.Module:
    sizes = (20, 48, 33, 10)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [activation(), low_bit(nn.Linear(inputs, outputs), weights())]
        layers += [nn.BatchNorm1d(outputs)]
    return nn.Sequential(*layers)


def convolutional(
    activation: Callable[[], nn.Module], weights: Callable[[], nn.Module]
) -> nn.Module:
    return nn.Sequential(
        low_bit(nn.Conv2d(3, 16, 3, padding=1), weights()), nn.BatchNorm2d(16), nn.Hardtanh(),
        activation(), low_bit(nn.Conv2d(16, 24, 3, stride=2, bias=False), weights()),
        nn.MaxPool2d(2), nn.BatchNorm2d(24), nn.Hardtanh(), activation(),
        low_bit(nn.Conv2d(24, 24, 3, padding=1, groups=4), weights()), nn.BatchNorm2d(24),
        activation(), low_bit(nn.Conv2d(24, 32, 1), weights()), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.BatchNorm1d(32), activation(), low_bit(nn.Linear(32, 10), weights()),
    )  # fmt: skip


class Block(nn.Module):
    """Two convolutions around an addition."""

    def __init__(self, activation: nn.Module, weights: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.activation = activation
        self.first = low_bit(nn.Conv2d(12, 12, 3, padding=1, bias=False), weights())
        self.second = low_bit(nn.Conv2d(12, 12, 3, padding=1, bias=False), weights())
        self.norms = nn.ModuleList([nn.BatchNorm2d(12), nn.BatchNorm2d(12)])

    def forward(self, x: Any) -> Any:
        y = self.norms[0](self.first(self.activation(x)))
        return x + self.norms[1](self.second(self.activation(y)))


def residual(activation: Callable[[], nn.Module], weights: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), Block(activation(), weights), Block(activation(), weights),
        nn.AvgPool2d(2), nn.Flatten(), activation(), low_bit(nn.Linear(12 * 16, 10), weights()),
    )  # fmt: skip


def settled(made: nn.Module, shape: tuple[int, ...]) -> nn.Module:
    """With statistics of batch norms that fit, ready to be exported."""
    made.train()
    with torch.no_grad():
        for _ in range(4):
            made(torch.randn(64, *shape))
    return made.eval()


def exported(made: nn.Module, shape: tuple[int, ...], *, dynamo: bool) -> onnx.ModelProto:
    file = io.BytesIO()
    x = torch.randn(2, *shape)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporters, about themselves
        if dynamo:
            free = {0: torch.export.Dim("N")}
            program = torch.onnx.export(
                made, (x,), dynamo=True, dynamic_shapes=(free,), verbose=False
            )
            return program.model_proto
        torch.onnx.export(
            made, (x,), file, dynamo=False, input_names=["x"], dynamic_axes={"x": {0: "N"}}
        )
    return onnx.load_from_string(file.getvalue())


EXPORTERS = [
    pytest.param(False, id="torchscript"),
    pytest.param(True, id="dynamo", marks=pytest.mark.slow),
]
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"ternary": Ternarise, "binary": Binarise}
WEIGHTS: dict[str, Callable[[], nn.Module]] = {
    "ternary": Ternarise, "binary": Binarise, "twn": Scaled
}  # fmt: skip
NETWORKS = {
    "mlp": (multilayer, (20,), 0),
    "cnn": (convolutional, (3, 12, 12), 0),
    "residual": (residual, (3, 8, 8), 1),
}


@pytest.mark.parametrize("dynamo", EXPORTERS)
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("activation", "weights"), [("ternary", "ternary"), ("binary", "binary"), ("ternary", "twn")]
)
def test_exports(name: str, activation: str, weights: str, dynamo: bool) -> None:
    if dynamo:
        pytest.importorskip("onnxscript", reason="onnxscript is not installed (extra: train)")
    torch.manual_seed(3)
    build, shape, digital = NETWORKS[name]
    made = settled(build(ACTIVATIONS[activation], WEIGHTS[weights]), shape)
    model = exported(made, shape, dynamo=dynamo)
    x = torch.randn(40, *shape)
    (port,) = model.graph.input
    found = compare(model, {port.name: x.numpy()})
    places = [layer.placement for layer in found.network.layers]
    assert places.count("digital") == digital
    assert len(places) >= 3 + digital
    inputs = {layer.input for layer in found.network.layers if layer.placement == "crossbar"}
    assert inputs == ({activation, "real"} if name == "cnn" else {activation})
    assert found.codes > 1000
    assert found.network.batching == "free"
    assert found.different == 0
    assert found.output_error < 1e-5
    with torch.no_grad():
        wanted = made(x).numpy()
    got = found.network.run(x.numpy())
    np.testing.assert_array_equal(got.argmax(1), wanted.argmax(1))
    np.testing.assert_allclose(got, wanted, atol=1e-4 * np.abs(wanted).max())


def test_errors_act_on_an_export() -> None:
    torch.manual_seed(3)
    made = settled(multilayer(Ternarise, Ternarise), (20,))
    network = te.convert(exported(made, (20,), dynamo=False))
    x = torch.randn(40, 20).numpy()
    noisy = network.run(x, errors=te.SenseErrors.from_ber(0.1), seed=1)
    assert (noisy != network.run(x)).any()
