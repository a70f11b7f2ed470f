"""A first start, several callers at once, what threads add: ``python -m bench.start``."""

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
from ternary_engine.benchmark import models, networks
from ternary_engine.converters import convert

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


def thread_overhead(filters: int = 128, batch: int = 64, turns: int = 5) -> float:
    """Processor time of a VGG on two threads by that on one: 1 where threads add no work.

    On a busy machine, where two threads never have two cores, it is what can be measured.
    """
    net, x = convert(models.vgg(filters)), networks.vgg_image(batch)
    taken: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(turns + 1):
        for threads, times in taken.items():
            before = time.process_time()
            net.run(x, threads=threads)
            if turn:  # the first one gets ready
                times.append(time.process_time() - before)
    return min(taken[2]) / min(taken[1])


if __name__ == "__main__":
    for name, spent in cold_start().items():
        print(f"{name} start of `ternary-engine run` on {NETWORK}: {spent:.2f} s of processor time")
    for callers in (1, 2):
        print(f"{callers} callers at once: {concurrent_rate(callers):,.0f} samples/s")
    print(f"VGG f=128: two threads take {thread_overhead():.2f} of the processor time of one")
