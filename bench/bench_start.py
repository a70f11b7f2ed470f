"""Starting, files and memory, in processes of their own."""

from __future__ import annotations

import pytest

from bench import start
from ternary_engine.benchmark import startup


def bench_facts(benchmark):
    facts = benchmark.pedantic(lambda: list(startup.measure_facts()), rounds=1)
    benchmark.extra_info.update({fact.name: fact.value for fact in facts})
    assert all(fact.value > 0 for fact in facts)


def bench_cold_start(benchmark):
    """With no kernel compiled before: longer than with them, by far."""
    cold = benchmark.pedantic(start.cold_start, rounds=1)
    benchmark.extra_info.update(cold)
    assert cold["cold"] > cold["warm"]


@pytest.mark.parametrize("threads", [1, 2])
def bench_concurrent_callers(benchmark, threads):
    """Several Python threads call one network at once, each on one thread."""
    rate = benchmark.pedantic(start.concurrent_rate, args=(threads,), rounds=1)
    benchmark.extra_info["samples per second"] = rate
    assert rate > 0
