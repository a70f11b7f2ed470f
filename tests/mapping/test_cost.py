"""Cost: sense operations against a count of every single cell, energies by hand, totals."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.mapping import FLOAT32, INT8
from ternary_engine.mapping.parameters import SOURCES
from ternary_engine.network import Network
from ternary_engine.steps import Crossbar, Geometry, RealCrossbar
from tests import networks
from tests.oracles import interpreter, products
from tests.runtime.builder import Builder


def sensed_one_by_one(net: Network, x: np.ndarray) -> dict[str, int]:
    """Count every cell that is sensed with an input that is not zero; slow and obvious."""
    values = interpreter.trace(net, {net.inputs[0].name: x})
    layers = {layer.name: layer for layer in net.layers}
    found = dict.fromkeys(layers, 0)
    for step in net.steps:
        if isinstance(step, Crossbar):
            codes = interpreter.codes_of(net, step.source)
            bits = {i: sum(products.planes_of(i, codes)) for i in codes.integers}
            if codes.kind in ("binary", "ternary"):
                bits = {i: int(i != 0) for i in codes.integers}
            active = np.vectorize(bits.__getitem__)(values[step.source])
        elif isinstance(step, RealCrossbar):
            active = (values[step.source] != 0).astype(int)
        else:
            continue
        found[step.layer] += _windows(active, values[step.target], step, layers[step.layer])
    return found


def _windows(active: np.ndarray, result: np.ndarray, step, layer) -> int:
    g = step.geometry
    total, (_, channels, height, width) = 0, active.shape
    rows, columns = result.shape[2:]
    for at in np.ndindex(rows, columns, *g.kernel):
        r = at[0] * g.strides[0] - g.pads[0] + at[2] * g.dilations[0]
        c = at[1] * g.strides[1] - g.pads[1] + at[3] * g.dilations[1]
        if not (0 <= r < height and 0 <= c < width):
            continue
        for output in range(layer.outputs):
            size = channels // g.groups
            group = output // (layer.outputs // g.groups)
            mine = active[:, group * size : (group + 1) * size, r, c]
            total += int(mine.sum()) * layer.planes
    return total


GEOMETRIES = [
    None,
    Geometry((3, 3), pads=(1, 1, 1, 1)),
    Geometry((2, 3), strides=(2, 1), pads=(0, 2, 1, 0), dilations=(2, 1)),
    Geometry((3, 3), pads=(1, 1, 1, 1), groups=2),
]
KINDS = [("ternary", 1), ("binary", 1), ("unsigned", 1), ("unsigned", 3), ("signed", 4)]


@pytest.mark.parametrize(("kind", "bits"), KINDS)
@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_every_sensed_cell_is_counted(make, kind: str, bits: int, geometry) -> None:
    net, x = make(kind, bits, geometry=geometry, largest=2)
    (layer,) = te.cost(net, x).layers
    (counted,) = sensed_one_by_one(net, x).values()
    assert layer.sensed == counted > 0
    assert layer.sense_operations == counted / 3
    (mapped,) = te.map(net).layers
    assert layer.sense_operations + layer.gated_operations == mapped.sense_operations


def test_layers_with_many_channels_and_chunks() -> None:
    """More than a word of channels, more samples than a chunk, pools between."""
    b = Builder(2, 70, 6, 6)
    sums = b.crossbar(b.encode("ternary"), 67, Geometry((3, 3), pads=(1, 1, 1, 1)))
    codes = b.pool(b.threshold(sums, "unsigned", 2), Geometry((2, 2), strides=(2, 2)))
    net = b.network(b.look_up(b.crossbar(codes, 5), "NC"))
    x = b.input(37)
    counted = te.cost(net, x)
    assert {one.name: one.sensed for one in counted.layers} == sensed_one_by_one(net, x)
    assert counted.samples == 37


def test_real_inputs() -> None:
    b = Builder(4, 3, 6, 5)
    net = b.network(b.real_convolution(8))
    x = b.input(4)
    x[:, :, ::2] = 0.0
    counted = te.cost(net, x)
    assert {one.name: one.sensed for one in counted.layers} == sensed_one_by_one(net, x)


def test_sequences() -> None:
    net = te.convert(networks.sequence())
    x = np.random.default_rng(0).normal(size=(3, 5, 24)).astype(np.float32)
    first = te.cost(net, x).layers[0]
    assert first.sensed == int(np.count_nonzero(np.abs(x) > 0.05)) * 12


def test_energy_by_hand(make) -> None:
    """One linear layer of 80 ternary inputs, 6 outputs, three parts of 32 columns."""
    net, x = make()
    parameters = te.CostParameters(
        sense=1.0, gated=0.25, popcount=10.0, add=100.0, compare=3.0, real_add=0.0,
        buffer_read=0.5, buffer_write=0.125, cycle_time=2.0, pipeline_cycles=4,
    )  # fmt: skip
    (layer,) = te.cost(net, x, parameters=parameters).layers
    sensed = sensed_one_by_one(net, x)[layer.name] / 3
    assert layer.sense_energy == pytest.approx(sensed + 0.25 * (480 - sensed))
    assert layer.popcount_energy == pytest.approx(10 * sensed)
    assert layer.additions_energy == 6 * 2 * 8 * 100.0  # sums from -80 to 80 take 8 bits
    assert layer.threshold_energy == 0.0  # a table of reals follows
    assert layer.buffers_energy == 80 * 2 * 0.5 + 6 * 32 * 0.125
    assert layer.cycles == 6 + 4
    assert layer.latency == 20.0
    assert layer.energy == pytest.approx(
        layer.sense_energy + layer.popcount_energy + layer.additions_energy + layer.buffers_energy
    )
    assert layer.macs == 480


def test_thresholds_are_compared_and_codes_written() -> None:
    b = Builder(1, 9, 1, 1)
    codes = b.threshold(b.crossbar(b.encode("ternary"), 7), "ternary")
    net = b.network(b.decode(codes, "NC"))
    (layer,) = te.cost(net, b.input(2), parameters=te.CostParameters(compare=1.0)).layers
    assert layer.threshold_energy == 7 * 2 * 5  # two thresholds, sums from -9 to 9 take 5 bits
    written = 7 * 2 * te.CostParameters().buffer_write
    read = 9 * 2 * te.CostParameters().buffer_read
    assert layer.buffers_energy == pytest.approx(read + written)


def test_totals_are_sums_and_the_supply_counts_squared(cnn: Network) -> None:
    x, _ = te.zoo.data("cnn_ternary")
    full = te.cost(cnn, x[:20])
    low = te.cost(cnn, x[:20], parameters=te.CostParameters(vdd=0.6))
    for name in ("sense_operations", "energy", "latency", "macs", "cycles", "buffers_energy"):
        assert full.totals[name] == pytest.approx(sum(row[name] for row in full.rows()))
    assert low.totals["energy"] == pytest.approx(full.totals["energy"] / 4)
    assert low.totals["latency"] == full.totals["latency"]
    assert any("0.25" in note for note in low.notes)
    assert 0 < full.totals["gated_share"] < 1
    json.dumps(full.to_dict(), allow_nan=False)


def test_the_array_changes_cycles_not_products(cnn: Network) -> None:
    x, _ = te.zoo.data("cnn_ternary")
    small, large = (
        te.cost(cnn, x[:5], mapping=te.map(cnn, array=size)) for size in ((8, 8), (128, 128))
    )
    assert small.totals["sensed"] == large.totals["sensed"]
    assert small.totals["cycles"] < large.totals["cycles"]
    assert small.totals["additions_energy"] > large.totals["additions_energy"]


def test_baselines_by_hand(make) -> None:
    net, x = make()
    floats, ints = te.cost(net, x).baselines
    assert floats.energy == pytest.approx(
        480 * 4.6e-12 + 480 * 32 * 100e-12 / 64 + 86 * 32 * 10e-12 / 64
    )
    assert ints.energy == pytest.approx(
        480 * 0.3e-12 + 480 * 8 * 100e-12 / 64 + 86 * 8 * 10e-12 / 64
    )
    assert floats.latency == 480 / 256 / 1e9
    assert te.cost(net, x, baselines=()).baselines == ()


def test_every_default_has_a_source_and_a_label() -> None:
    names = {field.name for field in dataclasses.fields(te.CostParameters)}
    assert set(SOURCES) == names
    for text in SOURCES.values():
        assert any(label in text for label in ("[quoted", "[derived", "[recalled]", "[chosen]"))
    assert te.CostParameters().sense == 17e-15
    assert "2208.02651" in SOURCES["sense"]
    assert (FLOAT32.bits, INT8.bits) == (32, 8)


def test_the_amplifier_gives_energy_supply_and_time() -> None:
    amplifier, device = te.SenseAmp(vdd=0.9, sense_time=80e-9), te.Device()
    low, high = device.resistance("lrs").median, device.resistance("hrs").median
    one, zero = amplifier.read([low, high], [high, high]).energy
    taken = te.CostParameters.from_amplifier(amplifier, device, zeros=0.25, add=1e-15)
    assert taken.sense * taken.energy_scale == pytest.approx(0.75 * one + 0.25 * zero)
    assert taken.energy_scale == pytest.approx(0.5625)
    assert (taken.vdd, taken.vdd_reference, taken.add) == (0.9, 1.2, 1e-15)
    assert taken.cycle_time == pytest.approx(160e-9)
    with pytest.raises(ValueError, match=r"zeros: got 1\.5"):
        te.CostParameters.from_amplifier(amplifier, zeros=1.5)


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [({"sense": -1.0}, ValueError, "sense: got -1"), ({"vdd": 0}, ValueError, "vdd: got 0"),
     ({"cycle_time": float("nan")}, ValueError, "cycle_time: got nan"),
     ({"add": float("inf")}, ValueError, "add: got inf"), ({"vdd": "1"}, TypeError, "vdd: got '1'"),
     ({"popcount": None}, TypeError, "popcount: got None"),
     ({"vdd": True}, TypeError, "vdd: got True")],
)  # fmt: skip
def test_bad_parameters(changes: dict, kind: type[Exception], expected: str) -> None:
    with pytest.raises(kind, match=expected):
        te.CostParameters(**changes)


def test_bad_data(make, cnn: Network) -> None:
    net, x = make()
    with pytest.raises(ValueError, match="no samples"):
        te.cost(net, x[:0])
    with pytest.raises(ValueError, match="input 'x'"):
        te.cost(net, x[:, :1])
    with pytest.raises(ValueError, match="mapping: it is of another network"):
        te.cost(net, x, mapping=te.map(cnn))


@pytest.mark.parametrize("width", [80, 120])
def test_table_fits(cnn: Network, width: int) -> None:
    from ternary_engine.mapping.tables import plain

    x, _ = te.zoo.data("cnn_ternary")
    shown = plain(te.cost(cnn, x[:5]).table(width), width)
    assert max(map(len, shown.splitlines())) <= width
    for word in ("conv1", "linear4", "float32", "int8", "gated", "total"):
        assert word in shown
