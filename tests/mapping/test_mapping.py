"""Layers on arrays: counts by hand, totals, sizes, and every weight in exactly one cell."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ternary_engine as te
from ternary_engine.mapping.cells import Cells, to_cells
from ternary_engine.mapping.placement import place
from ternary_engine.mapping.uses import find_uses
from ternary_engine.network import Network
from ternary_engine.steps import Crossbar, Geometry, RealCrossbar
from tests import networks
from tests.oracles import interpreter
from tests.runtime.builder import Builder
from tests.test_summary import make_layer, make_network

CONV = Geometry((3, 3), pads=(1, 1, 1, 1))


def only(mapping: te.Mapping):
    (layer,) = mapping.layers
    return layer


def test_a_linear_layer_by_hand(make) -> None:
    """6 outputs of 4 x 5 x 4 = 80 inputs on arrays of 4 x 32: 2 x 3 of them."""
    net, _ = make()
    layer = only(te.map(net, array=(4, 32)))
    assert layer.matrix == (6, 80)
    assert (layer.row_splits, layer.column_splits, layer.arrays) == (2, 3, 6)
    assert (layer.cells, layer.device_pairs, layer.devices) == (480, 768, 1536)
    assert layer.utilisation == 480 / 768
    assert (layer.positions, layer.reads) == (1, 1)
    assert layer.cycles == 4  # rows of the fullest array, one after the other
    assert layer.row_reads == 6 * 3
    assert layer.partial_popcounts == 6 * 3
    assert layer.additions == 6 * 2
    assert layer.sense_operations == 480
    np.testing.assert_array_equal(layer.occupancy, np.outer([1, 0.5], [1, 1, 0.5]))


def test_outputs_along_columns_by_hand(make) -> None:
    net, _ = make()
    layer = only(te.map(net, array=(32, 4), outputs="columns"))
    assert layer.matrix == (80, 6)
    assert (layer.row_splits, layer.column_splits) == (3, 2)
    assert layer.cycles == 32
    assert layer.row_reads == 80 * 2
    assert layer.partial_popcounts == 6 * 3  # counters of 6 columns, in 3 parts
    assert layer.additions == 6 * 2


def test_a_convolution_by_hand(make) -> None:
    """36 inputs an output, 20 positions; an inner pixel is seen by 9 windows."""
    net, _ = make(geometry=CONV)
    layer = only(te.map(net, array=(32, 32)))
    assert layer.matrix == (6, 36)
    assert (layer.arrays, layer.cycles) == (2, 20 * 6)
    assert (layer.positions, layer.reads) == (20, 20)
    assert layer.partial_popcounts == 20 * 6 * 2
    assert layer.input_values == 80
    # A window of 3 sees 3 rows but at the edges 2: 3 * 5 - 2 of 5, 3 * 4 - 2 of 4.
    assert layer.input_loads == 4 * 13 * 10
    assert layer.input_reuse == 520 / 80


def test_planes_of_weights_and_bits_of_inputs_by_hand(make) -> None:
    """Weights up to 4 take two pairs; inputs of 3 bits three reads."""
    net, _ = make("unsigned", 3, largest=4)
    layer = only(te.map(net, array=(32, 32)))
    assert layer.planes == 2
    assert layer.matrix == (12, 80)
    assert (layer.positions, layer.reads, layer.cycles) == (1, 3, 36)
    assert layer.partial_popcounts == 3 * 12 * 3
    assert layer.additions == 6 * (3 * 2 * 3 - 1)  # all parts of a sum but the first are added


def test_groups_by_hand(make) -> None:
    """Two groups: an output's line holds the inputs of its own group only."""
    net, _ = make(geometry=dataclasses.replace(CONV, groups=2))
    layer = only(te.map(net, array=(4, 32)))
    assert (layer.groups, layer.matrix) == (2, (6, 18))
    assert (layer.arrays, layer.cells) == (2, 108)


@pytest.mark.parametrize("outputs", ["rows", "columns"])
def test_totals_are_sums(cnn: Network, outputs: str) -> None:
    mapping = te.map(cnn, array=(24, 40), outputs=outputs)
    rows, total = mapping.rows(), mapping.totals
    for name in ("arrays", "cells", "devices", "cycles", "row_reads", "partial_popcounts"):
        assert total[name] == sum(row[name] for row in rows) > 0
    assert total["cells"] == sum(layer.cells for layer in cnn.layers)
    assert total["devices"] == 2 * 24 * 40 * total["arrays"]
    assert total["utilisation"] == total["cells"] / (24 * 40 * total["arrays"])
    assert total["slowest_cycles"] == max(row["cycles"] for row in rows)
    firsts = [row["first_array"] for row in rows]
    assert firsts == [sum(row["arrays"] for row in rows[:i]) for i in range(len(rows))]


@settings(max_examples=60, deadline=None)
@given(
    outputs=st.integers(1, 40),
    inputs=st.integers(1, 70),
    planes=st.integers(1, 3),
    array=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    along=st.sampled_from(["rows", "columns"]),
    axis=st.sampled_from([0, 1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_weight_lies_in_exactly_one_cell(
    outputs: int, inputs: int, planes: int, array: tuple[int, int], along, axis: int, seed: int
) -> None:
    most = (3**planes - 1) // 2
    codes = np.random.default_rng(seed).integers(-most, most + 1, (outputs, inputs))
    codes[0, 0] = most  # so that all planes are there
    shape = codes.astype(np.int8) if axis == 0 else np.ascontiguousarray(codes.T.astype(np.int8))
    net = make_network(make_layer(shape, output_axis=axis, kind="linear"))
    mapping = place(net, array, along)
    layer, cells = only(mapping), to_cells(mapping)
    assert len(cells) == outputs * inputs * planes
    assert len(set(zip(cells.array, cells.row, cells.column, strict=True))) == len(cells)
    assert cells.array.min() == 0
    assert cells.array.max() == layer.arrays - 1
    assert cells.row.max() < array[0]
    assert cells.column.max() < array[1]
    filled = np.bincount(cells.array, minlength=layer.arrays) / (array[0] * array[1])
    np.testing.assert_allclose(layer.occupancy.reshape(-1), filled)
    assert weights_on(cells, layer, array, along).tolist() == codes.tolist()


def weights_on(cells: Cells, layer, array: tuple[int, int], along: str) -> np.ndarray:
    """Gather the weights from the arrays, cell by cell, as a test bench would."""
    trit = {0b00: 0, 0b01: 1, 0b10: -1}
    found = np.zeros((layer.outputs, layer.inputs), np.int64)
    for number, row, column, state in zip(
        cells.array, cells.row, cells.column, cells.state, strict=True
    ):
        down = number // layer.column_splits * array[0] + row
        across = number % layer.column_splits * array[1] + column
        line, place_in_line = (down, across) if along == "rows" else (across, down)
        output, plane = divmod(int(line), layer.planes)
        found[output, place_in_line] += 3**plane * trit[int(state)]
    return found


def test_sizes_are_those_of_a_run(shapes_of_everything: Builder) -> None:
    b = shapes_of_everything
    net = b.network(b.last)
    values = interpreter.trace(net, {"x": b.input(1)})
    steps = [step for step in net.steps if isinstance(step, Crossbar | RealCrossbar)]
    uses = find_uses(net)
    assert len(uses) == len(steps) == 4
    for use, step in zip(uses, steps, strict=True):
        assert use.image == values[step.source].shape[1:]
        assert use.windows == values[step.target].shape[2:]


@pytest.fixture
def shapes_of_everything() -> Builder:
    """Real and coded convolutions, strides, a pool, a digital piece, a linear layer."""
    b = Builder(5, 3, 11, 9)
    real = b.negation(b.real_convolution(8))
    sums = b.crossbar(b.encode("ternary", source=real), 6, Geometry((3, 2), strides=(2, 1)))
    codes = b.pool(b.threshold(sums, "unsigned", 2), Geometry((2, 2), strides=(2, 2)))
    sums = b.crossbar(codes, 4, Geometry((2, 2), pads=(1, 0, 0, 1)))
    b.last = b.look_up(b.crossbar(b.look_up_codes(sums, "binary"), 5), "NC")
    return b


def test_free_sizes_need_a_sample() -> None:
    net = te.convert(networks.sequence())
    with pytest.raises(ValueError, match="'x' leaves sizes free"):
        te.map(net)
    mapping = te.map(net, x=np.zeros((2, 7, 24), np.float32))
    assert [layer.positions for layer in mapping.layers] == [7, 7]


def test_vgg_of_8_8_million_weights_is_mapped_fast() -> None:
    started = time.process_time()
    net = te.convert(networks.vgg(128))
    converted = time.process_time()
    mapping = te.map(net, array=(32, 32))
    assert time.process_time() - converted < 0.5 * (converted - started)
    assert mapping.layers[0].input == "real"
    assert mapping.layers[0].reads == 1024
    assert mapping.totals["cells"] == sum(layer.cells for layer in net.layers) == 8_774_016


def test_digital_layers_are_named() -> None:
    net = make_network(make_layer(np.eye(4, dtype=np.int8)), make_layer(None, name="first"))
    assert place(net, (2, 2), "rows").digital == ("first",)
    with pytest.raises(ValueError, match="no layer is on the crossbar"):
        te.map(make_network(make_layer(None)))


@pytest.mark.parametrize(
    ("array", "kind"),
    [((0, 32), ValueError), ((32, -1), ValueError), ((70000, 2), ValueError),
     ("32x32", TypeError), ((32,), TypeError), ((32.0, 32), TypeError), ((True, 2), TypeError)],
)  # fmt: skip
def test_bad_arrays(cnn: Network, array, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^array: got .*from 1 to 65,536"):
        te.map(cnn, array=array)


def test_bad_orientation_and_network(cnn: Network) -> None:
    with pytest.raises(ValueError, match="outputs: got 'diagonal'"):
        te.map(cnn, outputs="diagonal")
    with pytest.raises(TypeError, match="net: got str"):
        te.map("net.tern")


def test_table_names_layers_and_totals(cnn: Network) -> None:
    mapping = te.map(cnn)
    shown = str(mapping)
    assert all(layer.name in shown for layer in cnn.layers)
    assert f"{mapping.totals['devices']:,}" in shown
    assert max(map(len, shown.splitlines())) <= 120
