"""The comparison of a network with its source: agreement, ties, and real faults."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

import ternary_engine as te
from ternary_engine.cli import main
from ternary_engine.converters import convert
from ternary_engine.steps import Digital, LookupReal, RealCrossbar, Threshold
from tests import networks
from tests.converters import quantised
from tests.converters.agreement import normal


@pytest.mark.parametrize(
    ("model", "codes"),
    [
        (networks.vgg(8, size=16), 7),
        (networks.residual(activations="binary"), 3),
        (networks.sequence(), 2),
        (networks.conv_stack(pool="codes", activations="uint2"), 2),
        (networks.mlp((8, 6, 4), activations="real"), 0),
    ],
)
def test_networks_agree(model: onnx.ModelProto, codes: int) -> None:
    report = te.check(model)
    assert report.agrees
    assert (report.random, report.samples) == (True, 16)
    assert sum(row.kind == "codes" for row in report.rows) == codes
    assert all(row.elements for row in report.rows)
    assert sum(row.different for row in report.rows) == 0
    outputs = {port.name for port in convert(model).outputs}
    assert outputs <= {row.value for row in report.rows}


def test_every_layer_has_a_row() -> None:
    report = te.check(networks.vgg(8, size=16), normal(70, 3, 16, 16))
    assert report.samples == 70
    assert report.argmax_agrees == 70
    assert {row.layer for row in report.rows} >= {f"conv{i}" for i in range(6)} | {"fc0", "fc1"}


def shifted(network: te.Network, channel: int) -> te.Network:
    """The network with one threshold moved by one."""
    steps = list(network.steps)
    place = next(i for i, step in enumerate(steps) if isinstance(step, Threshold))
    thresholds = steps[place].thresholds.copy()
    thresholds[channel, 0] += 1
    steps[place] = dataclasses.replace(steps[place], thresholds=thresholds)
    return dataclasses.replace(network, steps=tuple(steps))


def test_a_wrong_threshold_is_no_tie() -> None:
    model = networks.mlp((20, 8, 4), seed=1)
    x = normal(200, 20, scale=0.2)
    assert te.check(model, x).agrees
    network = convert(model)
    found = [te.check(model, x, network=shifted(network, c)) for c in range(8)]
    assert not any(report.agrees for report in found)
    first = next(row for row in found[0].rows if row.unexplained)
    assert (first.layer, first.kind, first.ties) == ("fc0", "codes", 0)
    later = found[0].rows[-1]
    assert later.different > 0
    assert later.unexplained == 0


def test_wrong_weights_show_in_reals() -> None:
    model = networks.mlp((20, 4), activations="real", seed=1)
    network = convert(model)
    (layer,) = network.layers
    assert isinstance(network.steps[0], RealCrossbar)
    pairs = layer.pairs.copy()
    pairs[0, 0] ^= 3 if pairs[0, 0] & 3 else 1
    wrong = dataclasses.replace(network, layers=(dataclasses.replace(layer, pairs=pairs),))
    report = te.check(model, network=wrong)
    assert not report.agrees
    assert report.rows[0].unexplained > 0
    assert report.rows[0].error > 1e-3


def test_codes_on_ties() -> None:
    """0.1 + 0.2 sums that float32 puts on either side of a tie, exact sums on one."""
    b = networks.Builder(0)
    x = b.node("Mul", b.node("Round", b.node("Clip", "x", b.real(-7.0), b.real(7.0))), b.real(0.1))
    w = b.weights((9, 40), "ternary", "w", axis=1, scales=0.3)
    x = b.node("Div", b.node("MatMul", x, w, name="fc"), b.real(0.06))
    x = b.node("Round", b.node("Clip", x, b.real(-31.0), b.real(31.0)))
    b.node("MatMul", x, b.weights((40, 3), "ternary", "v", axis=1), name="last", output="y")
    model = b.model({"x": (TensorProto.FLOAT, ["N", 9])}, {"y": (TensorProto.FLOAT, ["N", 3])})
    report = te.check(model, normal(300, 9, scale=3.0))
    row = next(row for row in report.rows if row.layer == "fc")
    assert row.ties > 20
    assert row.different == row.ties
    assert report.agrees
    assert 0 < report.tied_samples < 300
    assert report.rows[-1].following == report.rows[-1].different > 0


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_quantised_networks(tmp_path: Path, form: str) -> None:
    report = te.check(quantised.static(tmp_path, form, per_channel=True), quantised.images(8, 1))
    assert report.agrees
    assert report.samples == 8


def test_bad_data() -> None:
    with pytest.raises(ValueError, match="an array of 2 axes"):
        te.check(networks.mlp((8, 4)), normal(3))
    other = convert(networks.sequence())
    renamed = dataclasses.replace(other, inputs=(dataclasses.replace(other.inputs[0], name="z"),))
    with pytest.raises(ValueError, match=r"network: its inputs are \['z'\], the model's \['x'\]"):
        te.check(networks.sequence(), network=renamed)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    model = networks.mlp((20, 8, 4), seed=1)
    path, data = tmp_path / "m.onnx", tmp_path / "x.npz"
    onnx.save(model, path)
    np.savez(data, x=normal(100, 20, scale=0.2))
    assert main(["check", str(path), "--data", str(data)]) == 0
    shown = capsys.readouterr()
    assert "agrees with its source on 100 inputs; argmax agrees on 100" in shown.out
    assert "fc0" in shown.out
    assert main(["check", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["agrees"], told["samples"], told["random_inputs"]) == (True, 16, True)
    assert len(told["values"]) == 3
    original = te.check
    wrong = shifted(convert(model), 0)
    monkeypatch.setattr("ternary_engine.checking.check", lambda m, d: original(m, d, network=wrong))
    assert main(["check", str(path), "--data", str(data)]) == 1
    assert "DIFFERS from its source on 100 inputs" in capsys.readouterr().out


def pooled_ties(largest: int) -> onnx.ModelProto:
    """Sums of n x 0.1, rounded to steps of 0.2 before an average: every odd n is a tie."""
    b = networks.Builder(2)
    w = b.random.integers(-1, 2, (4, 8, 3, 3)).astype(np.float32)
    w[:, 0, 0, 0] = largest
    x = b.node("Conv", b.node("Cast", "x", to=TensorProto.FLOAT), b.real(w * 0.1), name="conv")
    x = b.node("Mul", b.node("Round", b.node("Div", x, b.real(0.2))), b.real(0.2))
    b.node("GlobalAveragePool", x, output="y")
    return b.model(
        {"x": (TensorProto.UINT8, ["N", 8, 9, 9])}, {"y": (TensorProto.FLOAT, ["N", 4, 1, 1])}
    )


@pytest.mark.parametrize(("largest", "kind"), [(1, LookupReal), (100, Digital)])
def test_ties_before_real_values(largest: int, kind: type) -> None:
    """A table holds the rounding where sums are small, a digital piece where they are not."""
    model = pooled_ties(largest)
    network = te.convert(model)
    assert any(isinstance(step, kind) for step in network.steps)
    x = np.random.default_rng(0).integers(0, 2, (16, 8, 9, 9)).astype(np.uint8)
    x[:, 0] = 0
    report = te.check(model, x, network=network)
    first = next(row for row in report.rows if row.different)
    assert first.ties == first.different
    assert report.tied_samples > 0
    assert report.agrees


def test_a_digital_piece_that_is_not_the_sources() -> None:
    model = pooled_ties(100)
    network = te.convert(model)
    (piece,) = (step for step in network.steps if isinstance(step, Digital))
    changed = onnx.load_from_string(piece.model)
    scale = next(t for t in changed.graph.initializer if not t.dims)
    scale.CopyFrom(numpy_helper.from_array(np.float32(0.21), scale.name))
    steps = tuple(
        dataclasses.replace(s, model=changed.SerializeToString()) if s is piece else s
        for s in network.steps
    )
    assert not te.check(model, network=dataclasses.replace(network, steps=steps)).agrees
