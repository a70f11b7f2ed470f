"""Faults in a few cells against the whole network with those faults programmed in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.steps import Geometry
from ternary_engine.studies.what_if import Fault, WhatIf, single_faults
from tests.runtime.builder import Builder

KINDS = [("ternary", 1), ("binary", 1), ("unsigned", 2), ("signed", 3), ("unsigned", 5)]


def some_faults(net: te.Network, random: np.random.Generator, each: int) -> list[Fault]:
    """Up to so many cells of every layer, each as another value."""
    found = {}
    for layer in net.layers:
        most = int(random.integers(0, each + 1))
        for fault in single_faults(net, [layer.name], most=most, seed=int(random.integers(2**31))):
            found[fault.layer, fault.plane, fault.cell] = fault
    return list(found.values())


def check(net: te.Network, x: Any, sets: Iterable[list[Fault]]) -> None:
    """Answers, in turn, equal runs of the network with the faults; nothing is left behind."""
    ready = WhatIf(net, {"x": x})
    clean = net.run({"x": x})
    for faults in sets:
        found, wanted = ready.ask(faults), ready.programmed(faults).run({"x": x})
        differing = np.zeros(len(x), np.bool_)
        for name, values in wanted.items():
            assert values.tobytes() == found.outputs[name].tobytes(), name
            same = values.reshape(len(x), -1) == clean[name].reshape(len(x), -1)
            differing |= ~same.all(axis=1)
        assert set(np.flatnonzero(differing)) <= set(found.samples)
    for name, values in ready.ask([]).outputs.items():
        assert values.tobytes() == clean[name].tobytes()


def random_network(seed: int) -> tuple[Builder, te.Network]:
    """An image through up to four layers and pools."""
    random = np.random.default_rng(seed)
    made = Builder(seed, int(random.choice([1, 3, 16, 33])), *random.integers(1, 7, 2).tolist())

    def code() -> tuple[str, int]:
        return KINDS[random.integers(len(KINDS))]

    codes = made.encode(*code())
    for _ in range(random.integers(1, 5)):
        _, channels, height, width = made.shape_of(codes)
        kernel = (int(random.integers(1, min(3, height) + 1)), int(random.integers(1, width + 1)))
        strides = (int(random.integers(1, 3)), int(random.integers(1, 3)))
        pads = tuple(int(random.integers(0, kernel[i % 2])) for i in range(4))
        if random.random() < 0.3:
            codes = made.pool(codes, Geometry(kernel, strides, pads, ceil_mode=bool(seed % 2)))
            continue
        groups = int(random.choice([g for g in (1, 2, 3, channels) if channels % g == 0]))
        geometry = Geometry(kernel, strides, pads, (1, 1), groups)
        largest = int(random.choice([1, 1, 4]))  # which planes of trits do not exceed
        outputs = groups * int(random.integers(1, 20 if groups < 4 else 3))
        binary = random.random() < 0.3
        sums = made.crossbar(codes, outputs, geometry, largest=largest, binary=binary)
        narrow = made.reach[sums] < 20_000 and random.random() < 0.3
        codes = (made.look_up_codes if narrow else made.threshold)(sums, *code())
    last = made.crossbar(codes, 5, output_axis=int(random.integers(2)))
    return made, made.network(made.decode(codes), made.look_up(last, "NC"), made.scale(last))


@pytest.mark.parametrize("number", range(25))
def test_random_networks(number: int) -> None:
    made, net = random_network(number)
    random = np.random.default_rng(number + 1000)
    check(net, made.input(5), [some_faults(net, random, each) for each in (1, 1, 8, 100)])


def test_real_and_digital_steps() -> None:
    made = Builder(9, 3, 5, 6)
    real = made.real_convolution(18, made.negation())
    sums = made.crossbar(made.encode("ternary", source=real), 7, Geometry((2, 2)))
    codes = made.threshold(sums, "ternary")
    encoded = made.encode("unsigned", 3, source=made.negation(made.decode(codes)))
    last = made.scale(made.crossbar(encoded, 4))
    net = made.network(made.scale(sums), real, made.negation(real), last)
    random = np.random.default_rng(3)
    check(net, made.input(9), [some_faults(net, random, each) for each in (1, 2, 2, 50)])


@pytest.mark.parametrize("name", ["two_scales", "cnn_ternary", "mlp_binary"])
def test_converted_networks(name: str) -> None:
    if name in te.zoo.names():
        net, x = te.zoo.load(name), te.zoo.data(name)[0][:20]
    else:
        net, x = two_scales()
    random = np.random.default_rng(5)
    ready = WhatIf(net, x)
    for each in (1, 3, 40):
        faults = some_faults(net, random, each)
        assert np.array_equal(ready.ask(faults).outputs, ready.programmed(faults).run(x))


def two_scales() -> tuple[te.Network, Any]:
    """A layer whose +1 and -1 have scales of their own: two sums for each output."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(2)
    weights = random.choice(np.array([-0.5, 0.0, 0.75], np.float32), (12, 8))
    graph = helper.make_graph(
        [
            helper.make_node("Sign", ["x"], ["a"]),
            helper.make_node("MatMul", ["a", "w"], ["y"], "fc"),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 8])],
        [numpy_helper.from_array(weights, "w")],
    )
    opset = [helper.make_opsetid("", 17)]
    net = te.convert(helper.make_model(graph, opset_imports=opset, ir_version=9))
    assert any(getattr(step, "apart", False) for step in net.steps)
    return net, random.normal(size=(30, 12)).astype(np.float32)


def test_what_an_answer_says(task: Any) -> None:
    net, x, labels = task
    ready = WhatIf(net, x, labels)
    faults = [Fault("linear3", cell, -1) for cell in range(0, 2560, 10)]
    found, scores = ready.ask(faults), ready.programmed(faults).run(x)
    clean = net.run(x)
    assert ready.accuracy == (clean.argmax(axis=1) == labels).mean()
    assert found.accuracy == pytest.approx((scores.argmax(axis=1) == labels).mean())
    assert found.drop == pytest.approx(ready.accuracy - found.accuracy)
    assert found.changed == (scores.argmax(axis=1) != clean.argmax(axis=1)).sum() > 0
    assert (found.samples == np.flatnonzero((scores != clean).any(axis=1))).all()
    assert WhatIf(net, x).ask(faults).accuracy is None


def test_rank_is_what_single_runs_say(task: Any) -> None:
    net, x, labels = task
    ready = WhatIf(net, x, labels)
    faults = [*single_faults(net, most=8, seed=1)]
    assert len(faults) == 3 * 8 * 2
    told: list[int] = []
    ranked = ready.rank(faults, progress=told.append)
    assert told == list(range(1, len(faults) + 1))
    clean = net.run(x)
    for one in ranked:
        scores = ready.programmed([one.fault]).run(x)
        assert one.changed == (scores.argmax(axis=1) != clean.argmax(axis=1)).sum()
        assert one.shift == pytest.approx(np.abs(scores - clean).mean())
        assert one.drop == pytest.approx(
            (clean.argmax(axis=1) == labels).mean() - (scores.argmax(axis=1) == labels).mean()
        )
        layer = next(one_ for one_ in net.layers if one_.name == one.fault.layer)
        assert one.stored == layer.weights.reshape(-1)[one.fault.cell] != one.fault.read
    order = [(one.drop, one.changed, one.shift) for one in ranked]
    assert order == sorted(order, reverse=True)
    assert ranked[0].to_dict()["layer"] == ranked[0].fault.layer


def test_every_cell_has_its_faults() -> None:
    made = Builder(1, 2, 3, 3)
    codes = made.encode("ternary")
    codes = made.threshold(made.crossbar(codes, 3, largest=4), "binary")
    net = made.network(made.scale(made.crossbar(codes, 2, binary=True)))
    first, second = net.layers
    found = list(single_faults(net))
    assert len(found) == 2 * first.cells + second.cells
    assert len({(f.layer, f.plane, f.cell, f.read) for f in found}) == len(found)
    assert {f.plane for f in found if f.layer == first.name} == {0, 1}


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([("fc9", 0, 0)], "linear1, linear2, linear3"),
        ([("linear1", 16384, 0)], "0 to 16383"),
        ([("linear1", -1, 0)], "0 to 16383"),
        ([("linear1", 0, 2)], "-1, 0, 1"),
        ([("linear1", 0, 0, 1)], "planes"),
        ([("linear1", 5, 0), ("linear1", 5, 1)], "twice"),
    ],
)
def test_bad_faults(task: Any, faults: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        WhatIf(task.net, task.x[:2]).ask(faults)


def test_a_binary_cell_is_not_read_as_zero() -> None:
    net, x = te.zoo.load("mlp_binary"), te.zoo.data("mlp_binary")[0][:2]
    with pytest.raises(ValueError, match="-1, 1"):
        WhatIf(net, x).ask([("linear1", 0, 0)])
    with pytest.raises(ValueError, match="fc9"):
        single_faults(net, ["fc9"])


def test_a_question_costs_a_small_part_of_a_run() -> None:
    """Of a cell in the largest layer, in processor time: a fifth at most (a fiftieth is usual)."""
    import time

    net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")
    ready = WhatIf(net, x, labels)
    faults = list(single_faults(net, ["conv3"], most=10))
    ready.ask(faults[:1])
    net.run(x, threads=1)

    def spent(work: Any) -> float:
        before = time.process_time()
        work()
        return time.process_time() - before

    asked = min(spent(lambda one=one: ready.ask([one])) for one in faults)
    assert asked < min(spent(lambda: net.run(x, threads=1)) for _ in range(5)) / 5
