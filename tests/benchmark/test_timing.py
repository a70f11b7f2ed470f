from __future__ import annotations

import math
import time

from ternary_engine import benchmark
from ternary_engine.benchmark import timing
from ternary_engine.benchmark.timing import Timing, best_of


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
    assert len(turns) >= 2 * timing.ROUNDS - 1


def test_a_call_longer_than_a_turn_is_timed_once_a_turn() -> None:
    times = benchmark.alternate({"long": lambda: time.sleep(0.03)}, seconds=0)
    assert times["long"].calls == timing.ROUNDS


def test_spread() -> None:
    assert round(Timing(1.0, 1.25, 9).spread, 9) == 0.25


def test_processor_time_counts_only_where_others_come_between() -> None:
    assert Timing(0.001, 0.002, 9, 0.0005).seconds == 0.001  # within a time slice: by the clock
    assert Timing(0.1, 0.2, 9, 0.15).seconds == 0.15
    assert Timing(0.1, 0.2, 9, 0.3).seconds == 0.2  # a processor clock that ran ahead
    assert Timing(0.1, 0.2, 9, math.nan).seconds == 0.1  # work on other threads


def test_processor_time_is_that_of_the_calling_thread() -> None:
    (asleep,) = benchmark.alternate(
        {"asleep": lambda: time.sleep(0.03)}, seconds=0, on_this_thread=True
    ).values()
    assert asleep.best_seconds > 0.029
    assert asleep.seconds < 0.01


def test_best_of_two() -> None:
    good, bad = Timing(1.0, 1.1, 3), Timing(1.2, 1.3, 3)
    assert best_of(good, bad) is good
    assert best_of(bad, good) is good
