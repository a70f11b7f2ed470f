"""What a question about one cell costs: ``python -m bench.bench_what_if [NETWORK] [CELLS]``.

By turns with whole runs on one thread, so that what else the machine does meets both.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import ternary_engine as te


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main(name: str, cells: int) -> None:
    net, (x, labels) = te.zoo.load(name), te.zoo.data(name)
    started = time.perf_counter()
    ready = te.WhatIf(net, x, labels)
    taken = time.perf_counter() - started
    print(f"{name}, {len(x)} samples: ready in {taken:.2f} s, {ready.nbytes / 1e6:.0f} MB kept")
    for layer in net.layers:
        faults = list(te.single_faults(net, [layer.name], most=cells, seed=1))
        ready.ask(faults[:1])
        net.run(x, threads=1)
        asked, ran = [], []
        for fault in faults:
            asked.append(_seconds(lambda fault=fault: ready.ask([fault])))
            ran.append(_seconds(lambda: net.run(x, threads=1)))
        both = [1e3 * statistics.median(part) for part in (asked, ran)]
        print(f"  {layer.name}: one cell {both[0]:.2f} ms, a run {both[1]:.2f} ms (medians)")


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "cnn_ternary",
        int(sys.argv[2]) if len(sys.argv) > 2 else 12,
    )
