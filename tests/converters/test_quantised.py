"""Networks of onnxruntime.quantization: the same integers as ONNX Runtime's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ternary_engine.converters import convert
from ternary_engine.network import Network
from tests.converters import quantised
from tests.converters.agreement import compare, source_values
from tests.oracles import interpreter


def on_crossbar(network: Network, label: str | None = None) -> None:
    for layer in network.layers:
        assert layer.placement == "crossbar", layer.reason
        assert label is None or layer.input == label


@pytest.mark.parametrize(
    "options",
    [
        {"per_channel": False},
        {"per_channel": True},
        {"per_channel": True, "signed": True},
        {"per_channel": False, "weights": "QUInt8"},
    ],
    ids=str,
)
def test_operators_give_every_integer(tmp_path: Path, options: dict[str, Any]) -> None:
    model = quantised.static(tmp_path, "QOperator", **options)
    network = convert(model)
    assert len(network.layers) == 6
    on_crossbar(network)
    assert {layer.planes for layer in network.layers} <= {5, 6}
    x = quantised.images(64, 9)
    wanted = source_values(model, {"x": x})
    values = interpreter.trace(network, {"x": x})
    shared = [name for name in values if name in wanted and name != "x"]
    assert len(shared) >= 4  # where other operators than layers read integers
    for name in shared:
        np.testing.assert_array_equal(values[name], wanted[name])
    np.testing.assert_array_equal(network.run(x), wanted["y"])


@pytest.mark.parametrize("options", [{}, {"signed": True}, {"weights": "QUInt8"}], ids=str)
@pytest.mark.parametrize("per_channel", [False, True])
def test_quantise_dequantise_gives_every_integer(
    tmp_path: Path, per_channel: bool, options: dict[str, Any]
) -> None:
    model = quantised.static(tmp_path, "QDQ", per_channel=per_channel, **options)
    found = compare(model, {"x": quantised.images(8, 9)})
    assert len(found.network.layers) == 6
    on_crossbar(found.network)
    assert found.codes > 10_000
    # ONNX Runtime sums floats here: a sum may round to the other side of a tie
    assert found.different <= 3
    assert found.output_error < (1e-5 if not found.different else 2e-2)


@pytest.mark.parametrize("weights", ["QInt8", "QUInt8"])
def test_dynamic_quantisation(tmp_path: Path, weights: str) -> None:
    model = quantised.dynamic(tmp_path, weights)
    network = convert(model)
    on_crossbar(network, "9 bits")
    x = quantised.images(4, 9)
    wanted = source_values(model, {"x": x})["y"]
    got = interpreter.run(network, {"x": x})["y"]
    np.testing.assert_allclose(got, wanted, atol=1e-5 * np.abs(wanted).max())
    np.testing.assert_array_equal(network.run(x), got)
