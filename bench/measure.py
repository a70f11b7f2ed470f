"""Measures everything and writes it down: ``python -m bench.measure``, from the root.

One process for this machine as it is and one in which Numba takes it for a Haswell (AVX2, no
512-bit words, no vector popcount); ONNX Runtime uses all the machine has in both.

Engines are timed by turns, see `best_seconds`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import convolutions, networks, products, roofline
from bench.peers import Case
from ternary_engine.benchmark import machine

TIME_SLICE = 0.003  # seconds; what Linux lets a program run at a stretch when others wait
RESULTS = Path(__file__).parent / "results"
AVX2 = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx2,+bmi,+bmi2,+fma,+popcnt"}


def cases(suites: list[str]) -> Iterator[Case]:
    """Every case of some suites, made when it is asked for."""
    if "product" in suites:
        for size in products.SHAPES:
            for product in products.PRODUCTS:
                yield products.case(product, products.Shape(*size))
    if "conv" in suites:
        for shape in convolutions.SHAPES:
            yield convolutions.case(*shape)
    if "network" in suites:
        for filters in networks.FILTERS:
            for setting in networks.SETTINGS:
                yield networks.case(filters, *setting)


def best_seconds(case: Case, seconds: float) -> dict[str, float]:
    """What one call of every engine takes, timed by turns of a fiftieth of a second.

    The shortest by the clock; of calls that outlast a time slice, so that other programs always
    come between, the median in processor time (whose own errors, some tenths of a millisecond
    either way, forbid a minimum). That needs all the work to be done on the calling thread.
    """
    taken: dict[str, list[tuple[float, float]]] = {engine: [] for engine in case.calls}
    for call in case.calls.values():
        call()
    deadline = time.perf_counter() + seconds * len(case.calls)
    turns = 0
    while turns < 5 or time.perf_counter() < deadline:
        for engine, call in case.calls.items():
            turn = time.perf_counter() + 0.02
            while True:
                before = time.perf_counter(), time.thread_time()
                call()
                after = time.perf_counter(), time.thread_time()
                taken[engine].append((after[0] - before[0], after[1] - before[1]))
                if after[0] >= turn:
                    break
        turns += 1
    best = {}
    for engine, times in taken.items():
        best[engine] = min(clock for clock, _ in times)
        if case.threads == 1 and best[engine] > TIME_SLICE:
            best[engine] = statistics.median(processor for _, processor in times)
    return best


def measure(case: Case, roofs: roofline.Roofline, seconds: float) -> dict[str, Any]:
    """Times and rates of all engines on a case."""
    best = best_seconds(case, seconds)
    row: dict[str, Any] = {
        "case": case.name,
        "threads": case.threads,
        "unit": case.unit,
        "seconds": best,
        "rates": {engine: case.work / taken for engine, taken in best.items()},
        "ratios": {e: taken / best["ours"] for e, taken in best.items() if e != "ours"},
    }
    if case.roof:
        row["roof"] = case.roof
        row["of roof"] = row["rates"]["ours"] / 1e9 / getattr(roofs, case.roof)
    return row


def line(row: dict[str, Any]) -> str:
    """A row for people."""
    scale, unit = (1e9, "GMAC/s") if row["unit"] == "MAC" else (1, "images/s")
    of_roof = f" {row['of roof']:4.0%} of roof" if "of roof" in row else ""
    rates = row["rates"]
    others = ", ".join(f"{e} {rates[e] / scale:.0f} ({r:.2f}x)" for e, r in row["ratios"].items())
    name = f"{row['case']}, {row['threads']} thread{'s' * (row['threads'] > 1)}"
    return f"{name:52} {rates['ours'] / scale:7.0f} {unit}{of_roof}; {others}"


def run(suites: list[str], seconds: float) -> dict[str, Any]:
    """Measure in this process."""
    roofs = roofline.measure()
    rows = []
    for case in cases(suites):
        rows.append(measure(case, roofs, seconds))
        print(line(rows[-1]), file=sys.stderr, flush=True)
    again = roofline.measure()
    best = {name: max(rate, getattr(again, name)) for name, rate in asdict(roofs).items()}
    for row in rows:  # other work on the machine only ever lowers a roof
        if "roof" in row:
            row["of roof"] = row["rates"]["ours"] / 1e9 / best[row["roof"]]
    return {"roofline": best, "load average": os.getloadavg()[0], "rows": rows}


def _as_avx2(arguments: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.measure", "--here", *arguments]
    made = subprocess.run(command, env=os.environ | AVX2, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(made.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="on each engine of a case")
    parser.add_argument("--suites", nargs="+", default=["product", "conv", "network"])
    parser.add_argument("--here", action="store_true", help="this process alone, JSON on stdout")
    given = parser.parse_args()
    if given.here:
        json.dump(run(given.suites, given.seconds), sys.stdout)
        return
    arguments = ["--seconds", str(given.seconds), "--suites", *given.suites]
    found = {
        "date": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "machine": machine(),
        "native": run(given.suites, given.seconds),
        "avx2": _as_avx2(arguments),
    }
    name = re.sub(r"\W+", "-", f"{found['date']} {machine()['cpu']}").strip("-").lower()
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
