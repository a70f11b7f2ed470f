"""Real exports of Brevitas, in the QONNX and the QCDQ form, against executors that are not ours."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import ternary_engine as te
from tests.converters.agreement import compare

torch = pytest.importorskip("torch", reason="PyTorch is not installed (extra: train)")
pytest.importorskip("onnxoptimizer", reason="Brevitas exports with onnxoptimizer; not installed")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("brevitas", reason="Brevitas is not installed")
    import brevitas.nn as qnn
    from brevitas import export
    from brevitas.quant import (
        SignedBinaryActPerTensorConst,
        SignedBinaryWeightPerTensorConst,
        SignedTernaryActPerTensorConst,
        SignedTernaryWeightPerTensorConst,
    )
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model
from torch import nn  # noqa: E402

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "binary": ({"weight_quant": SignedBinaryWeightPerTensorConst},
               {"act_quant": SignedBinaryActPerTensorConst}),
    "ternary": ({"weight_quant": SignedTernaryWeightPerTensorConst},
                {"act_quant": SignedTernaryActPerTensorConst}),
    "w3a4": ({"weight_bit_width": 3}, {"bit_width": 4}),
    "w8a8 per channel": ({"weight_bit_width": 8, "weight_scaling_per_output_channel": True},
                         {"bit_width": 8}),
}  # fmt: skip


def multilayer(kind: str) -> nn.Module:
    weights, codes = KINDS[kind]
    return nn.Sequential(
        qnn.QuantIdentity(**codes), qnn.QuantLinear(20, 32, bias=True, **weights),
        nn.BatchNorm1d(32), qnn.QuantIdentity(**codes),
        qnn.QuantLinear(32, 10, bias=False, **weights),
    )  # fmt: skip


def convolutional(kind: str) -> nn.Module:
    weights, codes = KINDS[kind]
    return nn.Sequential(
        qnn.QuantIdentity(bit_width=8),
        qnn.QuantConv2d(3, 8, 3, padding=1, bias=False, **weights), nn.BatchNorm2d(8),
        qnn.QuantIdentity(**codes), nn.MaxPool2d(2),
        qnn.QuantConv2d(8, 16, 3, bias=False, stride=2, **weights), nn.BatchNorm2d(16),
        qnn.QuantIdentity(**codes), nn.Flatten(),
        qnn.QuantLinear(16 * 4, 10, bias=True, **weights),
    )  # fmt: skip


class Residual(nn.Module):
    """Both sides of an addition by one quantiser."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        weights, codes = KINDS[kind]
        self.codes, self.middle = qnn.QuantIdentity(**codes), qnn.QuantIdentity(**codes)
        self.first, self.second = (
            qnn.QuantConv2d(6, 6, 3, padding=1, bias=False, **weights) for _ in range(2)
        )
        self.norms = nn.ModuleList([nn.BatchNorm2d(6), nn.BatchNorm2d(6)])
        self.head = qnn.QuantLinear(6 * 36, 10, bias=False, **weights)
        self.last = qnn.QuantIdentity(**codes)

    def forward(self, x: Any) -> Any:
        x = self.codes(x)
        y = self.middle(self.norms[0](self.first(x)))
        z = x + self.codes(self.norms[1](self.second(y)))
        return self.head(self.last(z.flatten(1)))


NETWORKS = {
    "mlp": (multilayer, (20,)),
    "cnn": (convolutional, (3, 10, 10)),
    "residual": (Residual, (6, 6, 6)),
}


def made(name: str, kind: str) -> tuple[nn.Module, tuple[int, ...]]:
    torch.manual_seed(4)
    build, shape = NETWORKS[name]
    network = build(kind)
    network.train()
    for _ in range(4):
        network(torch.rand(64, *shape) * 2 - 1)
    return network.eval(), shape


def exported(how: str, network: nn.Module, shape: tuple[int, ...], path: Path) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = getattr(export, f"export_{how}")
        function(network, args=torch.rand(1, *shape), export_path=str(path), dynamo=False)
    return onnx.load(path)


def everything_on_the_crossbar(network: te.Network) -> None:
    for layer in network.layers:
        assert layer.placement == "crossbar", layer.reason
        assert layer.input != "real", layer.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NETWORKS)
def test_qonnx(tmp_path: Path, name: str, kind: str) -> None:
    source, shape = made(name, kind)
    model = exported("qonnx", source, shape, tmp_path / "net.onnx")
    network = te.convert(model)
    everything_on_the_crossbar(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        executor = cleanup_model(ModelWrapper(model))
    (port,) = executor.graph.input
    x = (np.random.default_rng(1).random((12, *shape)) * 2 - 1).astype(np.float32)
    wanted = np.concatenate(
        [next(iter(execute_onnx(executor, {port.name: part[None]}).values())) for part in x]
    )
    np.testing.assert_allclose(network.run(x), wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "binary"])
@pytest.mark.parametrize("name", NETWORKS)
def test_qcdq(tmp_path: Path, name: str, kind: str) -> None:
    source, shape = made(name, kind)
    model = exported("onnx_qcdq", source, shape, tmp_path / "net.onnx")
    x = (np.random.default_rng(1).random((1, *shape)) * 2 - 1).astype(np.float32)
    constants = {tensor.name for tensor in model.graph.initializer}
    (port,) = (info for info in model.graph.input if info.name not in constants)
    found = compare(model, {port.name: x})
    everything_on_the_crossbar(found.network)
    assert found.codes > 0
    assert found.different == 0
    assert found.output_error < 1e-5
