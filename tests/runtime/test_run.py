"""What a user may rely on when calling run: batches, threads, chunks, names, shapes, types."""

from __future__ import annotations

import pickle
import re
import threading
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.network import Network, Port
from ternary_engine.runtime import execute
from ternary_engine.steps import Geometry
from tests import networks
from tests.runtime.builder import Builder, check

PADDED = Geometry((3, 3), pads=(1, 1, 1, 1))


def small(seed: int = 0) -> tuple[Builder, Network]:
    """Two convolutions with a pool between, then two outputs."""
    made = Builder(seed, 3, 8, 8)
    sums = made.crossbar(made.encode("signed", 4), 20, PADDED)
    pooled = made.pool(made.threshold(sums, "ternary"), Geometry((2, 2), strides=(2, 2)))
    codes = made.threshold(made.crossbar(pooled, 33, PADDED), "binary")
    outputs = (made.scale(made.crossbar(codes, 10), "NC"), made.decode(codes))
    return made, made.network(*outputs)


def _run(network: Network, x: Any, **options: Any) -> dict[str, np.ndarray[Any, Any]]:
    return network.run({"x": x}, **options)


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return all(np.array_equal(first[name], second[name]) for name in first) and (
        first.keys() == second.keys()
    )


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5, 17, 130])
@pytest.mark.parametrize("threads", [1, 2, 3, None])
def test_batches_and_threads(samples: int, threads: int | None) -> None:
    made, network = small()
    x = made.input(samples)
    for _ in range(3):  # the first call learns how large chunks may be
        check(network, x, threads=threads)


def test_an_empty_batch_gives_an_empty_result() -> None:
    made, network = small()
    for _ in range(2):
        got = _run(network, made.input(0))
        shapes = {port.name: (0, *port.shape[1:]) for port in network.outputs}
        assert {name: array.shape for name, array in got.items()} == shapes
        assert all(array.dtype == np.float32 for array in got.values())
        check(network, made.input(6))


@pytest.mark.parametrize("cache", [1, 4_000, 60_000, 1 << 30])
@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_change_nothing(cache: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "_CACHE_BYTES", cache)
    made, network = small()
    x = made.input(23)
    for _ in range(3):
        check(network, x, threads=threads)


def test_batches_of_changing_size() -> None:
    """Buffers are kept between calls; what is left in them must not show."""
    made, network = small()
    for samples in (9, 1, 30, 2, 0, 5, 30, 1):
        check(network, made.input(samples), threads=1)


def test_images_of_changing_size() -> None:
    made = Builder(1, 3, 8, 8)
    sums = made.crossbar(made.encode("ternary"), 20, PADDED)
    network = made.network(made.decode(made.threshold(sums, "ternary")))
    free = Network(
        inputs=(Port("x", "float32", (None, 3, None, None)),),
        outputs=network.outputs, layers=network.layers, steps=network.steps,
    )  # fmt: skip
    for height, width in ((8, 8), (5, 9), (8, 8), (9, 5), (3, 3), (1, 1), (8, 8)):
        x = made.random.normal(size=(5, 3, height, width)).astype(np.float32)
        check(free, x, threads=1)


@pytest.mark.parametrize("batching", ["single", "whole"])
def test_batching(batching: str) -> None:
    made, network = small()
    sized = Network(
        inputs=network.inputs, outputs=network.outputs, layers=network.layers,
        steps=network.steps, batching=batching,
    )  # fmt: skip
    for samples in (0, 1, 7):
        check(sized, made.input(samples), threads=2)


def test_callers_at_once() -> None:
    made, network = small()
    batches = [made.input(samples) for samples in (1, 5, 40, 12)]
    expected = [_run(network, x, threads=1) for x in batches]
    fresh = pickle.loads(pickle.dumps(network))  # its plan is made by whoever comes first
    wrong: list[str] = []
    ready = threading.Barrier(len(batches))

    def call(i: int) -> None:
        try:
            ready.wait(30)
            for _ in range(8):
                assert _same(_run(fresh, batches[i], threads=1 + i % 3), expected[i])
        except Exception as error:
            wrong.append(repr(error))

    callers = [threading.Thread(target=call, args=(i,)) for i in range(len(batches))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(120)
    assert not wrong
    assert not any(caller.is_alive() for caller in callers)


def test_an_error_in_one_chunk_is_raised_and_forgotten() -> None:
    made, network = small()
    x = made.input(40)
    _run(network, x)
    operations = network._runner.plan.operations
    network._runner.plan.operations = [*operations, _Fails()]
    with pytest.raises(RuntimeError, match="a chunk fails"):
        _run(network, made.input(58), threads=2)  # a size whose calls are not on tape
    network._runner.plan.operations = operations
    check(network, x, threads=2)


class _Fails:
    def __call__(self, *_: Any) -> None:
        raise RuntimeError("a chunk fails")


def test_a_pickled_network_is_the_same_network() -> None:
    made, network = small()
    x = made.input(3)
    _run(network, x)
    assert _same(_run(pickle.loads(pickle.dumps(network)), x), _run(network, x))


def test_outputs_are_the_callers_own() -> None:
    made, network = small()
    x = made.input(2)
    first = _run(network, x)
    kept = {name: array.copy() for name, array in first.items()}
    _run(network, made.input(2))
    assert _same(first, kept)


# What goes in


def test_one_input_and_one_output_are_plain_arrays() -> None:
    made = Builder(2, 5)
    network = made.network(made.scale(made.crossbar(made.encode("ternary"), 4), "NC"))
    x = made.input(3)
    assert isinstance(network.run(x), np.ndarray)
    by_name = network.run({"x": x})
    assert isinstance(by_name, dict)
    np.testing.assert_array_equal(by_name[network.outputs[0].name], network.run(x))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
def test_any_float_and_any_order(order: str, dtype: type) -> None:
    made, network = small()
    x = made.input(3).astype(np.float16)
    given = np.asarray(x.astype(dtype), order=order)
    assert _same(_run(network, given), _run(network, x.astype(np.float32)))
    wide = np.repeat(x.astype(dtype), 2, axis=-1)[..., ::2]
    assert _same(_run(network, wide), _run(network, x.astype(np.float32)))


def test_input_is_left_as_it_was() -> None:
    made, network = small()
    x = made.input(5)
    before = x.copy()
    x.flags.writeable = False
    _run(network, x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (np.zeros((2, 3, 8), np.float32), ValueError, r"'x'.*\(2, 3, 8\).*\(N, 3, 8, 8\)"),
        (np.zeros((3, 8, 8), np.float32), ValueError, r"'x'.*\(3, 8, 8\).*\(N, 3, 8, 8\)"),
        (np.zeros((2, 4, 8, 8), np.float32), ValueError, r"\(2, 4, 8, 8\).*\(N, 3, 8, 8\)"),
        (np.zeros((2, 3, 8, 8), np.complex64), TypeError, "complex64.*float32"),
        (np.zeros((2, 3, 8, 8), "U1"), TypeError, "<U1.*float32"),
        ({}, ValueError, r"got \[\].*takes \['x'\]"),
        ({"y": np.zeros((2, 3, 8, 8), np.float32)}, ValueError, r"got \['y'\].*takes \['x'\]"),
        (None, ValueError, "'x'"),
    ],
)
def test_wrong_inputs(x: Any, error: type[Exception], message: str) -> None:
    _, network = small()
    with pytest.raises(error) as caught:
        network.run(x)
    assert re.search(message, str(caught.value))


@pytest.mark.parametrize(
    ("threads", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_wrong_threads(threads: Any, error: type[Exception]) -> None:
    made, network = small()
    with pytest.raises(error, match="threads"):
        _run(network, made.input(1), threads=threads)


def test_several_inputs() -> None:
    made = Builder(3, 4)
    one = made.scale(made.crossbar(made.encode("ternary"), 3), "NC")
    network = made.network(one)
    doubled = Network(
        inputs=(*network.inputs, Port("unused", "float32", (None, 2))),
        outputs=network.outputs, layers=network.layers, steps=network.steps,
    )  # fmt: skip
    x, other = made.input(3), np.zeros((3, 2), np.float32)
    np.testing.assert_array_equal(
        doubled.run({"x": x, "unused": other})[one], network.run({"x": x})[one]
    )
    with pytest.raises(TypeError, match=r"2 inputs.*'x', 'unused'"):
        doubled.run(x)
    with pytest.raises(ValueError, match="differ in their number of samples"):
        doubled.run({"x": x, "unused": other[:2]})


@pytest.mark.parametrize("first", ["clean", "noisy"])
def test_how_large_chunks_are_does_not_depend_on_earlier_runs_of_another_kind(first: str) -> None:
    """What runs with errors keep in the buffers once counted as memory of error-free samples."""
    x = np.random.default_rng(0).integers(-1, 2, (600, 256)).astype(np.float32)
    how = {"clean": {}, "noisy": {"errors": te.SenseErrors.from_ber(1e-2), "seed": 1}}
    kinds = sorted(how, key=lambda kind: kind != first)
    sizes = {}
    for order in (kinds, kinds[:1], kinds[1:]):
        net = te.convert(networks.mlp((256, 64)))
        for kind in order:
            net.run(x, threads=1, **how[kind])
        sizes[len(order), order[-1]] = dict(net._runner.plan._sample_bytes)
    both = sizes[2, kinds[1]]
    assert len(both) == 2
    assert both == sizes[1, kinds[0]] | sizes[1, kinds[1]]


@pytest.mark.parametrize("inputs", [17, 64, 784])
def test_a_lone_sample_gets_what_it_gets_among_others(inputs: int) -> None:
    """Real inputs: ONNX Runtime multiplies one row in another order than several."""
    rng = np.random.default_rng(inputs)
    network = te.convert(networks.mlp((inputs, 40, 10), activations="real"))
    x = rng.normal(size=(33, inputs)).astype(np.float32)
    errors = te.SenseErrors.from_ber(0.01)
    for options in ({}, {"errors": errors, "seed": 3}):
        for threads in (1, 2):
            whole = network.run(x, threads=threads, **options)
            for count in (1, 2, 5):
                for _ in range(2):  # taken down, then played back
                    part = network.run(x[:count], threads=threads, **options)
                    np.testing.assert_array_equal(part, whole[:count])
