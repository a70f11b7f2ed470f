"""Sense errors beside the error-free run, ONNX Runtime, and the ways of others."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import ternary_engine as te
from bench import errors
from tests.networks import mlp


def bench_network(compare):
    row = compare(errors.whole_network)
    assert row.ratios["read 0.001"] > 0


def bench_product(compare):
    row = compare(errors.product)
    assert row.ratios["naive per cell 0.001"] > row.ratios["read 0.001"]


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def bench_draws(rate, benchmark):
    """Cells drawn per second, and a whole network programmed."""
    speed = benchmark.pedantic(errors.draw_speed, args=(rate, 0.1), rounds=1)
    benchmark.extra_info.update(speed)
    assert min(speed.values()) > 0


def bench_memory(benchmark):
    """The peak of a process that runs with errors, beside one that runs without."""
    peaks = benchmark.pedantic(errors.memory, args=(8,), rounds=1)
    benchmark.extra_info.update({per: resident for per, (_, resident) in peaks.items()})
    assert max(resident for _, resident in peaks.values()) < 1.5 * peaks["clean"][1]


def bench_peers_are_right(benchmark):
    """The naive sampler and the published way draw what the engine draws: the same spread."""
    model = mlp((errors.INPUTS, 16))
    network = te.convert(model)
    x = np.random.default_rng(1).integers(-1, 2, (1, errors.INPUTS)).astype(np.int8)
    rows = np.repeat(x, 2000, axis=0)
    layer = network.layers[0]
    stored = layer.weights.astype(np.int64)
    naive = benchmark.pedantic(errors.naive_product(layer, rows), args=(0.05,), rounds=1)
    q = 0.1 / (1 + layer.zero_fraction)
    on = x[0] != 0
    spread = ((stored[:, on] == 0) * q + (stored[:, on] != 0) * q / 2 * (1 - q / 2)).sum(axis=1)
    np.testing.assert_allclose(naive.var(axis=0), spread, rtol=0.25)
    some = np.repeat(x, 4, axis=0).astype(np.float32)
    clean = network.run(some)
    ways = [errors.published_way(model, network)]
    if importlib.util.find_spec("torch"):
        ways.append(errors.published_in_torch(model, network))
    for flipped in ways:
        np.testing.assert_allclose(flipped(some, 0.0), clean, rtol=1e-4, atol=1e-4)
        assert (flipped(some, 0.05) != clean).any()
