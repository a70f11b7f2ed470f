from __future__ import annotations

import json
import time

from ternary_engine import benchmark
from ternary_engine.benchmark import Comparison, Timing


def test_alternate_tells_slow_from_fast_and_takes_turns() -> None:
    order = []

    def slow() -> None:
        order.append("slow")
        time.sleep(0.004)

    def fast() -> None:
        order.append("fast")
        time.sleep(0.001)

    times = benchmark.alternate({"slow": slow, "fast": fast}, seconds=0.05)
    assert times["slow"].best_seconds > times["fast"].best_seconds > 0.0009
    assert times["slow"].median_seconds >= times["slow"].best_seconds
    assert times["slow"].calls == order.count("slow") - 1  # one beforehand
    turns = [name for name, before in zip(order[2:], order[1:], strict=False) if name != before]
    assert len(turns) >= 2 * benchmark.ROUNDS - 1


def test_a_call_longer_than_a_turn_is_timed_once_a_turn() -> None:
    times = benchmark.alternate({"long": lambda: time.sleep(0.03)}, seconds=0)
    assert times["long"].calls == benchmark.ROUNDS


def test_spread() -> None:
    assert round(Timing(1.0, 1.25, 9).spread, 9) == 0.25


def test_comparison() -> None:
    made = Comparison("net", 100, 1, 0.5, Timing(0.01, 0.02, 9), Timing(0.03, 0.04, 9))
    told = json.loads(json.dumps(made.as_dict()))
    assert round(told["ratio"], 9) == 3
    assert round(told["samples_per_second"], 6) == 10_000
    assert told["onnxruntime"]["calls"] == 9


def test_machine_is_described() -> None:
    told = benchmark.machine()
    assert told["cpu"]
    assert told["cores"] >= 1
    assert told["versions"]["numba"][0].isdigit()
    assert told["cpu"] in benchmark.device()
    assert "\n" not in benchmark.device()
