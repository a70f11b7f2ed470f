"""What a first start costs, and several callers at once: ``python -m bench.start``."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from ternary_engine import zoo

NETWORK = "cnn_ternary"


def _used(command: list[str], environment: dict[str, str]) -> float:
    """Processor time of a command, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cold_start() -> dict[str, float]:
    """Processor time of ``ternary-engine run`` with no kernel compiled before, and right after."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, x=zoo.data(NETWORK)[0])
        net = Path(folder) / "net.tern"
        zoo.load(NETWORK).save(net)
        command = [sys.executable, "-m", "ternary_engine", "run", str(net), str(data)]
        environment = os.environ | {"NUMBA_CACHE_DIR": f"{folder}/cache"}
        return {"cold": _used(command, environment), "warm": _used(command, environment)}


def concurrent_rate(callers: int, seconds: float = 1.0) -> float:
    """Samples per second of all callers of one network together, each on one thread."""
    net, (x, _) = zoo.load(NETWORK), zoo.data(NETWORK)
    net.run(x, threads=1)
    done = [0] * callers
    end = time.perf_counter() + seconds

    def call(caller: int) -> None:
        while time.perf_counter() < end:
            net.run(x, threads=1)
            done[caller] += len(x)

    workers = [threading.Thread(target=call, args=(caller,)) for caller in range(callers)]
    started = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - started)


if __name__ == "__main__":
    for name, spent in cold_start().items():
        print(f"{name} start of `ternary-engine run` on {NETWORK}: {spent:.2f} s of processor time")
    for callers in (1, 2):
        print(f"{callers} callers at once: {concurrent_rate(callers):,.0f} samples/s")
