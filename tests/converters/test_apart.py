"""Trained ternary quantisation with few-bit inputs: two integer sums per output, one read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto

import ternary_engine as te
from ternary_engine.converters import convert
from ternary_engine.network import Network
from tests import networks, statistics
from tests.converters.agreement import compare, normal
from tests.oracles import interpreter, naive_errors

Int64Array = npt.NDArray[np.int64]
FAR = 1000.0  # scale of -1 that keeps the two sums apart in their difference
TABLE = np.array([[0.8, 0.15, 0.05], [0.1, 0.85, 0.05], [0.02, 0.08, 0.9]])
INPUTS = ("ternary", "binary", "uint2", "int3", "qdq")


def weights(b: networks.Builder, shape: tuple[int, ...], plus: Any, minus: Any) -> str:
    trits = b.random.integers(-1, 2, shape)
    spread = [-1] + [1] * (len(shape) - 1)
    plus, minus = (np.asarray(side, np.float32).reshape(spread) for side in (plus, minus))
    return b.real(np.where(trits > 0, plus, -minus) * (trits != 0), "w")


def layer(kind: str, op: str, plus: Any = 1.0, minus: Any = FAR) -> onnx.ModelProto:
    """One layer on quantised inputs."""
    b = networks.Builder(3)
    x = b.quantise("x", kind)
    if op == "linear":
        w = weights(b, (6, 14), plus, minus)
        b.node("Gemm", x, w, b.real(np.zeros(6)), transB=1, name="layer", output="y")
        return b.model({"x": (TensorProto.FLOAT, ["N", 14])}, {"y": (TensorProto.FLOAT, ["N", 6])})
    groups = 2 if op == "groups" else 1
    w = weights(b, (6, 4 // groups, 3, 3), plus, minus)
    b.node("Conv", x, w, name="layer", pads=[1, 0, 1, 1], strides=[1, 2], group=groups, output="y")
    return b.model(
        {"x": (TensorProto.FLOAT, ["N", 4, 4, 5])}, {"y": (TensorProto.FLOAT, ["N", 6, 4, 2])}
    )


def inputs(op: str, count: int, seed: int = 5) -> Any:
    return normal(count, *((14,) if op == "linear" else (4, 4, 5)), seed=seed, scale=0.3)


@pytest.mark.parametrize("op", ["linear", "conv", "groups"])
@pytest.mark.parametrize("kind", INPUTS)
def test_sums(kind: str, op: str) -> None:
    scales = np.linspace(0.2, 0.9, 6)
    for plus, minus in ((0.3, 0.7), (scales, scales[::-1] + 0.05)):
        model, x = layer(kind, op, plus, minus), inputs(op, 9)
        found = compare(model, {"x": x})
        (one,) = found.network.layers
        assert one.placement == "crossbar"
        assert one.input != "real"
        assert one.scales.shape[1] == 2
        assert one.planes == 1
        assert "Crossbar" in found.kinds
        assert "RealCrossbar" not in found.kinds
        assert found.output_error < 1e-6
        np.testing.assert_array_equal(
            found.network.run(x), interpreter.run(found.network, {"x": x})["y"]
        )


def test_inside_a_network() -> None:
    b = networks.Builder(5)
    x = b.ternarise("x")
    x = b.node("Conv", x, weights(b, (8, 4, 3, 3), 0.6, 0.2), name="first")
    x = b.ternarise(b.hardtanh(b.batch_norm(x, 8, 4.0, gain=0.3)))
    b.node("Conv", x, b.weights((3, 8, 2, 2), "ternary", "v"), name="second", output="y")
    model = b.model(
        {"x": (TensorProto.FLOAT, ["N", 4, 6, 6])}, {"y": (TensorProto.FLOAT, ["N", 3, 3, 3])}
    )
    found = compare(model, {"x": normal(30, 4, 6, 6)})
    assert [one.input for one in found.network.layers] == ["ternary", "ternary"]
    assert found.different == 0
    assert te.check(model).agrees


def test_packed_file(tmp_path: Any) -> None:
    network, x = convert(layer("ternary", "conv")), inputs("conv", 5)
    network.save(tmp_path / "net.tern")
    np.testing.assert_array_equal(te.load(tmp_path / "net.tern").run(x), network.run(x))


# ---- sense errors: one read decides both sums ----


def both_sums(y: Any) -> Int64Array:
    """(plus, minus) of y = plus - 1000 minus, far apart; as one whole number."""
    return np.rint(np.asarray(y, np.float64)).astype(np.int64)


def naive(network: Network, x: Any, per: str, seed: int) -> Int64Array:
    """One random number for every cell and read."""
    (one,) = network.layers
    crossbar = next(step for step in network.steps if hasattr(step, "layer"))
    codes = interpreter.codes_of(network, crossbar.source)
    images = interpreter.trace(network, {"x": x})[crossbar.source]
    random = np.random.default_rng(seed)
    stored = np.moveaxis(one.trits[0].astype(np.int64), one.output_axis, 0)
    stored = stored.reshape(len(stored), -1, int(np.prod(crossbar.geometry.kernel)))
    held = np.broadcast_to(stored, (len(x), *stored.shape))
    if per != "read":
        count = {"program": 1, "sample": len(x)}[per]
        drawn = naive_errors.read(held[:count], TABLE, random)
        held = np.broadcast_to(drawn, held.shape)
    total: Any = 0
    groups = crossbar.geometry.groups
    for coefficient, shown in naive_errors.presentations(images, codes.kind, codes.bits):
        windows = naive_errors.windows_of(shown, crossbar.geometry)
        parts = []
        for output in range(len(stored)):
            first = output // (len(stored) // groups) * stored.shape[1]
            under = windows[:, first : first + stored.shape[1]]
            cells = np.broadcast_to(held[:, output, :, None, None, :], under.shape)
            cells = naive_errors.read(cells, TABLE, random) if per == "read" else cells
            parts.append((under * np.where(cells < 0, -FAR, cells)).sum((1, 4)))
        total = total + coefficient * np.stack(parts, axis=1)
    return np.rint(total).astype(np.int64)


@pytest.mark.parametrize("kind", ["ternary", "binary", "uint2", "int3"])
@pytest.mark.parametrize("op", ["linear", "groups"])
@pytest.mark.parametrize("per", ["read", "sample"])
def test_errors_are_those_of_the_naive_sampler(per: str, op: str, kind: str) -> None:
    network = convert(layer(kind, op))
    network.run(inputs(op, 1))  # learns how much memory a sample takes
    step = next(s for s in network.steps if hasattr(s, "codes"))
    unit = step.codes.scale
    x = np.repeat(inputs(op, 1), 2500, axis=0)
    errors = te.SenseErrors.from_table(TABLE, per=per)
    got = both_sums(np.asarray(network.run(x, errors=errors, seed=3), np.float64) / unit)
    wanted = naive(network, x, per, 4)
    got, wanted = got.reshape(len(x), -1), wanted.reshape(len(x), -1)
    assert len(np.unique(got)) > 10
    statistics.assert_same_everywhere(got, wanted, "engine and naive")
    joint = [statistics.fingerprints(v, np.random.default_rng(1)) for v in (got, wanted)]
    statistics.assert_same(*joint, "all sums of a sample")


@pytest.mark.parametrize("per", ["program", "batch", "sample", "read"])
def test_the_seed_decides_whatever_the_split(per: str) -> None:
    network, x = convert(layer("int3", "conv")), inputs("conv", 12)
    errors = te.SenseErrors.from_table(TABLE, per=per)
    first = network.run(x, errors=errors, seed=3, threads=1)
    np.testing.assert_array_equal(network.run(x, errors=errors, seed=3, threads=2), first)
    assert (network.run(x, errors=errors, seed=4) != first).any()
    if per != "batch":
        np.testing.assert_array_equal(network.run(x[:5], errors=errors, seed=3), first[:5])
    if per == "program":
        np.testing.assert_array_equal(network.program(errors=errors, seed=3).run(x), first)


@pytest.mark.parametrize("per", ["sample", "read"])
def test_record_and_replay(per: str) -> None:
    network, x = convert(layer("uint2", "conv")), inputs("conv", 6)
    errors = te.SenseErrors.from_table(TABLE, per=per)
    y, record = network.run(x, errors=errors, seed=3, record=True)
    assert len(record.layers["layer"].sample) > 50
    np.testing.assert_array_equal(network.run(x, replay=record), y)
    np.testing.assert_array_equal(network.run(x, errors=errors, seed=3), y)
