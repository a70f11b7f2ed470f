"""Networks in plain float form: every code as in the source, every output within rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from tests import networks
from tests.converters.agreement import compare, normal

ROUNDING = 1e-5


def check(model: onnx.ModelProto, x: Any, inputs: str | None = None) -> tuple[str, ...]:
    """All weighted layers on the crossbar, all codes right."""
    found = compare(model, {"x": x})
    assert all(layer.placement == "crossbar" for layer in found.network.layers)
    assert found.codes > 0
    assert found.different == 0
    assert found.output_error < ROUNDING
    assert found.network.batching == "free"
    if inputs is not None:
        assert [layer.input for layer in found.network.layers][1:] == [inputs] * (
            len(found.network.layers) - 1
        )
    return found.kinds


@pytest.mark.parametrize("weights", ["ternary", "binary"])
@pytest.mark.parametrize("activations", ["ternary", "binary"])
def test_vgg(weights: str, activations: str) -> None:
    model = networks.vgg(16, weights, activations, seed=3, dead=0.05, negative=0.3)
    kinds = check(model, normal(2, 3, 32, 32), activations)
    assert kinds[:3] == ("RealCrossbar", "Encode", "Crossbar")
    assert kinds.count("Crossbar") == 7
    assert kinds.count("Threshold") == 6
    assert kinds.count("Pool") == 3
    assert kinds[-1] == "LookupReal"
    assert "Digital" not in kinds


def test_vgg_with_real_activations() -> None:
    found = compare(networks.vgg(8, activations="real"), {"x": normal(2, 3, 32, 32)})
    assert found.output_error < ROUNDING
    assert {layer.input for layer in found.network.layers} == {"real"}
    assert {layer.placement for layer in found.network.layers} == {"crossbar"}


@pytest.mark.parametrize("pool", ["", "sums", "real", "codes"])
@pytest.mark.parametrize("activations", ["ternary", "binary", "uint2", "int3", "qdq"])
def test_pools(pool: str, activations: str) -> None:
    model = networks.conv_stack(
        (3, 16, 8), activations=activations, seed=1, pool=pool, size=(14, 15), negative=0.5
    )
    kinds = check(model, normal(3, 3, 14, 15, scale=0.15))
    assert ("Pool" in kinds) == bool(pool)


@pytest.mark.parametrize("channels", [1, 3, 16, 63, 64, 65])
@pytest.mark.parametrize("weights", ["ternary", "binary"])
def test_channel_counts(channels: int, weights: str) -> None:
    model = networks.conv_stack((channels, channels, 4), weights, pads=[1, 1, 1, 1], seed=channels)
    check(model, normal(2, channels, 12, 11))


@pytest.mark.parametrize(
    "options",
    [
        {"strides": [2, 1], "pads": [0, 1, 2, 0]},
        {"dilations": [2, 1], "pads": [2, 1, 0, 3]},
        {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
        {"auto_pad": "SAME_LOWER", "strides": [2, 2]},
        {"auto_pad": "VALID"},
        {"kernel": (1, 4)},
        {"scales": True, "bias": True},
        {"activations": "binary", "weights": "binary", "scales": True, "pads": [1, 1, 1, 1]},
    ],
    ids=str,
)
def test_windows(options: dict[str, Any]) -> None:
    check(networks.conv_stack((3, 10, 6), seed=2, **options), normal(2, 3, 12, 11))


@pytest.mark.parametrize("groups", [4, 0], ids=["grouped", "depthwise"])
def test_groups(groups: int) -> None:
    model = networks.conv_stack((4, 16, 16), groups=groups, pads=[1, 1, 1, 1])
    check(model, normal(2, 4, 12, 11))


def test_one_dimension() -> None:
    model = networks.conv_stack(
        (4, 64, 3), size=(40,), kernel=(5,), pads=[2, 1], strides=[2], dilations=[2]
    )
    check(model, normal(3, 4, 40))


def test_pixels_are_eight_bit_codes() -> None:
    model = networks.conv_stack((3, 16, 16), uint8=True, pads=[1, 1, 1, 1])
    x = np.random.default_rng(0).integers(0, 256, (3, 3, 12, 11)).astype(np.uint8)
    found = compare(model, {"x": x})
    assert [layer.input for layer in found.network.layers] == ["8 bits", "ternary"]
    assert found.different == 0
    assert found.network.inputs[0].dtype == "uint8"


@pytest.mark.parametrize("activations", ["ternary", "binary"])
@pytest.mark.parametrize("of_codes", [False, True])
def test_residual(activations: str, of_codes: bool) -> None:
    model = networks.residual(activations=activations, of_codes=of_codes)
    kinds = check(model, normal(3, 16, 8, 8), activations)
    assert ("Decode" in kinds) == of_codes


def test_sequence() -> None:
    assert "Digital" not in check(networks.sequence(), normal(3, 7, 24))


@pytest.mark.parametrize("scales", ["none", "tensor", "output"])
@pytest.mark.parametrize("matmul", [False, True])
@pytest.mark.parametrize("activations", ["ternary", "uint1", "uint3", "int4", "qdq"])
def test_linear(scales: str, matmul: bool, activations: str) -> None:
    model = networks.mlp(
        (65, 63, 10), activations=activations, scales=scales, matmul=matmul, seed=2, dead=0.1
    )
    check(model, normal(64, 65, scale=0.3))


def test_input_labels() -> None:
    labels = {"ternary": "ternary", "binary": "binary", "uint1": "1 bit", "uint3": "3 bits",
              "int4": "4 bits", "qdq": "8 bits"}  # fmt: skip
    for activations, label in labels.items():
        found = compare(networks.mlp((8, 4), activations=activations), {"x": normal(2, 8)})
        assert found.network.layers[0].input == label


def test_empty_batch() -> None:
    found = compare(networks.mlp((8, 4, 3)), {"x": normal(0, 8)})
    assert found.network.outputs[0].shape == (None, 3)


def test_same_source_gives_the_same_network() -> None:
    from ternary_engine.converters import convert

    first, second = (convert(networks.residual(seed=4)) for _ in range(2))
    assert first.provenance == second.provenance
    assert [repr(s) for s in first.steps] == [repr(s) for s in second.steps]
