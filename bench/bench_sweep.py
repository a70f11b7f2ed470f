"""What a sweep costs beside a bare loop: ``python -m bench.bench_sweep [NETWORK] [TRIALS]``.

Prints the overhead of the machinery against a loop of runs with the same seeds, in processor time
and by turns (other programs on the machine stretch the clock, hardly the processor time), and what
share of two workers' time is spent within runs.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ternary_engine as te
from ternary_engine import accuracy
from ternary_engine.sweeps.identity import run_seed

RATES = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 2e-1)
TURNS = 5


def _bare(net: te.Network, x: Any, labels: Any, points: list[te.Point], trials: int) -> None:
    for point in points:
        for trial in range(trials):
            scores = net.run(x, errors=point.errors, seed=run_seed(0, point, trial), threads=1)
            accuracy.correct(scores, labels)


def overhead(net: te.Network, x: Any, labels: Any, points: list[te.Point], trials: int) -> float:
    """Processor time of a sweep beside a bare loop, less one: the median over turns."""
    ratios = []
    for turn in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            started = time.process_time()
            _bare(net, x, labels, points, trials)
            middle = time.process_time()
            out = Path(folder) / "results.csv"
            te.sweep(net, x, labels, points=points, trials=trials, out=out, workers=1)
            swept = time.process_time() - middle
        ratios.append(swept / (middle - started))
        print(
            f"  turn {turn}: loop {middle - started:.2f} s, sweep {swept:.2f} s of processor time"
        )
    return statistics.median(ratios) - 1


def main(name: str, trials: int, backend: str) -> None:
    net, (x, labels) = te.zoo.load(name), te.zoo.data(name)
    points = te.Point.grid(ber=RATES)
    te.sweep(net, x, labels, points=points, trials=1, workers=1)  # compile
    print(f"{name}, {len(x)} samples, {len(points)} points per read")
    lost = overhead(net, x, labels, points, max(1, trials // 10))
    print(f"overhead of the machinery: {lost:+.1%} (asked for: under 5 %)")
    for workers in (1, 2):
        started = time.perf_counter()
        results = te.sweep(
            net, x, labels, points=points, trials=trials, workers=workers, backend=backend
        )
        taken = time.perf_counter() - started
        share = sum(row["seconds"] for row in results) / taken / workers
        print(
            f"{trials} trials x {len(points)} points, {workers} {backend}: {taken:.1f} s, "
            f"{share:.1%} of it within runs (asked for: 300 s, 90 %)"
        )


if __name__ == "__main__":
    main(
        sys.argv[1] if len(sys.argv) > 1 else "mlp_ternary",
        int(sys.argv[2]) if len(sys.argv) > 2 else 1000,
        sys.argv[3] if len(sys.argv) > 3 else "threads",
    )
