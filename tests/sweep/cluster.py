"""A Dask cluster on this machine: a scheduler and two workers, each a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """Where the scheduler answers, and the processes of the workers."""

    address: str
    workers: list[subprocess.Popen[bytes]]


def _address(file: Path, process: subprocess.Popen[bytes]) -> str:
    import json

    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the scheduler died"
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads(file.read_text())["address"])
        time.sleep(0.1)
    raise AssertionError("the scheduler does not answer")


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Start a scheduler and workers on 127.0.0.1 and end them afterwards."""
    file = folder / "scheduler.json"
    dask = [sys.executable, "-W", "ignore", "-m", "dask"]
    environment = {**os.environ, "DASK_DISTRIBUTED__WORKER__MEMORY__TERMINATE": "False"}
    with contextlib.ExitStack() as stack:

        def start(*arguments: str) -> subprocess.Popen[bytes]:
            with (folder / "log.txt").open("ab") as log:
                process = subprocess.Popen(
                    [*dask, *arguments], stdout=log, stderr=log, env=environment, cwd=folder
                )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        place = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        scheduler = start("scheduler", *place, "--scheduler-file", str(file))
        address = _address(file, scheduler)
        crew = [
            start(
                "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--host", "127.0.0.1", "--local-directory", str(folder),
            )
            for _ in range(workers)
        ]  # fmt: skip
        yield Cluster(address, crew)
