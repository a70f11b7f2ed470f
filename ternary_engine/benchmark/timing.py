"""Side-by-side timing: alternating, in one process, the best of many calls.

Times on a shared machine wander by tens of percent; two programs timed by turns wander together,
so the ratio is what to trust.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Timing", "alternate", "best_of"]

BLOCK_SECONDS = 0.02  # one turn: long enough for caches and a pool's threads to settle
ROUNDS = 3  # turns each, at least
TIME_SLICE = 0.003  # seconds; what Linux lets a program run at a stretch when others wait


@dataclass(frozen=True)
class Timing:
    """Durations of repeated calls.

    Attributes:
        best_seconds: the shortest call.
        median_seconds: the middle one.
        calls: how many were timed.
        processor_seconds: the lower quartile in time of the processor, where all the work was done
            on the calling thread; else NaN.
    """

    best_seconds: float
    median_seconds: float
    calls: int
    processor_seconds: float = math.nan

    @property
    def spread(self) -> float:
        """How much slower the middle call was than the best: 0.1 is ten percent."""
        return self.median_seconds / self.best_seconds - 1

    @property
    def seconds(self) -> float:
        """What counts: the shortest call by the clock, unless other programs come between.

        They do in calls that outlast a time slice; of these it is the lower quartile in processor
        time (whose own errors, some tenths of a millisecond either way, forbid a minimum).
        """
        if self.best_seconds > TIME_SLICE and not math.isnan(self.processor_seconds):
            return min(self.processor_seconds, self.median_seconds)
        return self.best_seconds


def alternate(
    candidates: Mapping[str, Callable[[], object]],
    *,
    seconds: float = 1.0,
    on_this_thread: bool = False,
) -> dict[str, Timing]:
    """Time several calls by turns.

    Args:
        candidates: what to call, by name; each is called once beforehand, untimed.
        seconds: time to spend on each, in all; defaults to 1. Three turns each are the least.
        on_this_thread: whether the calls do all their work on the calling thread, so that its
            processor time tells how long they took; defaults to False.

    Returns:
        Timing of each, by name.
    """
    for call in candidates.values():
        call()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in candidates}
    deadline = time.perf_counter() + seconds * len(candidates)
    turns = 0
    while turns < ROUNDS or time.perf_counter() < deadline:
        for name, call in candidates.items():
            taken[name] += _turn(call)
        turns += 1
    return {name: _timing(times, on_this_thread) for name, times in taken.items()}


def _turn(call: Callable[[], object]) -> list[tuple[float, float]]:
    """Time calls by clock and processor until the turn is over; at least one."""
    times = []
    before = time.perf_counter()
    end = before + BLOCK_SECONDS
    while before < end:
        used = time.thread_time()
        before = time.perf_counter()
        call()
        after = time.perf_counter()
        times.append((after - before, time.thread_time() - used))
        before = after
    return times


def _timing(times: list[tuple[float, float]], on_this_thread: bool) -> Timing:
    clock, processor = zip(*times, strict=True)
    used = sorted(processor)[len(processor) // 4] if on_this_thread else math.nan
    return Timing(min(clock), statistics.median(clock), len(clock), used)


def best_of(one: Timing, other: Timing) -> Timing:
    """Give the timing that had the machine more to itself."""
    return one if one.seconds <= other.seconds else other
