"""Real inputs of crossbar layers as fixed point: ranges from data, effect reported."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ternary_engine.converters import convert
from tests import networks
from tests.converters.agreement import normal, source_values
from tests.oracles import interpreter


def single(positive: bool = False, opset: int = 17) -> onnx.ModelProto:
    b = networks.Builder(4)
    x = b.node("Relu", "x") if positive else "x"
    w = b.weights((5, 12), "ternary", "w", scales=0.5)
    b.node("Gemm", x, w, b.real(np.zeros(5)), name="fc", output="y")
    b.nodes[-1].attribute.append(onnx.helper.make_attribute("transB", 1))
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 12])}, {"y": (TensorProto.FLOAT, ["N", 5])}, opset
    )


@pytest.mark.parametrize("opset", [9, 17])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_layer(bits: int, positive: bool, opset: int) -> None:
    x = normal(50, 12)
    network = convert(single(positive, opset), input_bits=bits, calibration=x)
    (layer,) = network.layers
    small = bits == 2 and not positive
    assert layer.input == ("ternary" if small else f"{bits} bits")
    shown = np.maximum(x, 0) if positive else x
    top = 2**bits - 1 if positive else 2 ** (bits - 1) - 1
    step = np.abs(shown).max() / top
    codes = np.clip(np.rint(shown / np.float32(step)), -top, top)
    wanted = codes @ (layer.weights.T * 0.5) * step
    for got in (network.run(x), interpreter.run(network, {"x": x})["y"]):
        np.testing.assert_allclose(got, wanted, atol=1e-5 * np.abs(wanted).max())
    far = network.run(x * 100)  # what lies beyond the range is clipped
    assert np.abs(far).max() <= np.abs(layer.weights).sum(1).max() * 0.5 * top * step * 1.001


def test_one_bit_has_the_best_two_levels() -> None:
    x = normal(50, 12)
    network = convert(single(), input_bits=1, calibration=x)
    assert network.layers[0].input == "binary"
    wanted = np.where(x < 0, -1, 1) @ (network.layers[0].weights.T * 0.5) * np.abs(x).mean()
    np.testing.assert_allclose(network.run(x), wanted, atol=1e-5)


@pytest.mark.parametrize("activations", ["ternary", "real"])
def test_a_network(activations: str) -> None:
    model = networks.vgg(8, activations=activations, size=16)
    x = normal(40, 3, 16, 16)
    network = convert(model, input_bits=8, calibration={"x": x})
    inputs = [layer.input for layer in network.layers]
    assert inputs == (["8 bits"] * 8 if activations == "real" else ["8 bits"] + ["ternary"] * 7)
    exact = source_values(model, {"x": x})["y"]
    got = network.run(x)
    note = network.notes[0]
    told = re.search(r"over 40 .* by (.*)% .* at most (.*)%; argmax agrees on (.*)%", note)
    assert told, note
    root, most, same = (float(number) for number in told.groups())
    largest = np.abs(exact).max()
    assert root == pytest.approx(100 * np.sqrt(np.mean((got - exact) ** 2)) / largest, abs=0.1)
    assert most == pytest.approx(100 * np.abs(got - exact).max() / largest, abs=0.5)
    assert same == pytest.approx(100 * (got.argmax(1) == exact.argmax(1)).mean(), abs=0.01)
    assert 0 < root < (5 if activations == "real" else 50)  # thresholds amplify
    np.testing.assert_allclose(got, interpreter.run(network, {"x": x})["y"], atol=1e-5)


def test_fewer_bits_do_more_harm() -> None:
    x = normal(60, 12)
    exact = source_values(single(), {"x": x})["y"]
    harm = [
        np.abs(convert(single(), input_bits=bits, calibration=x).run(x) - exact).mean()
        for bits in (2, 4, 6, 8)
    ]
    assert harm == sorted(harm, reverse=True)
    assert harm[0] > 20 * harm[-1]


def test_nothing_to_quantise_needs_no_data() -> None:
    network = convert(networks.mlp((8, 4, 3)), input_bits=4)
    assert network.notes == ("input_bits=4: no crossbar layer has a real input",)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"input_bits": 8}, r"which only data shows: give sample inputs as calibration"),
        ({"input_bits": 0}, r"input_bits: 1 to 8; got 0"),
        ({"input_bits": 9}, r"input_bits: 1 to 8; got 9"),
        ({"calibration": normal(4, 12)}, r"calibration sets the ranges of input_bits"),
        ({"input_bits": 8, "calibration": normal(4)}, r"an array of 2 axes .* got shape \(4,\)"),
        ({"input_bits": 8, "calibration": normal(0, 12)}, r"not empty; got shape \(0, 12\)"),
        ({"input_bits": 8, "calibration": {"z": normal(4, 12)}}, r"inputs \['x'\]; got \['z'\]"),
    ],
)
def test_bad_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        convert(single(), **options)
