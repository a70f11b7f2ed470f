"""A process that has run a network may fork or spawn: nothing hangs, dies or changes."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest

from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder

SECONDS = 90


def _network() -> tuple[Network, np.ndarray[Any, Any]]:
    made = Builder(5, 3, 10, 10)
    padded = Geometry((3, 3), pads=(1, 1, 1, 1))
    codes = made.threshold(made.crossbar(made.encode("ternary"), 40, padded), "ternary")
    network = made.network(made.scale(made.crossbar(codes, 10), "NC"))
    return network, made.input(50)


def _child(network: Network, x: np.ndarray[Any, Any], channel: Any) -> None:
    for _ in range(3):
        y = network.run(x, threads=2)
    channel.send(y)
    channel.close()


def _in_child(method: str, network: Network, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    context = multiprocessing.get_context(method)
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(network, x, sender))
    process.start()
    sender.close()
    try:
        assert receiver.poll(SECONDS), "the child hangs"
        try:
            y: np.ndarray[Any, Any] = receiver.recv()
        except EOFError:
            process.join(SECONDS)
            pytest.fail(f"the child died with exit status {process.exitcode}")
        process.join(SECONDS)
        assert process.exitcode == 0
        return y
    finally:
        process.kill()
        process.join()


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fork_after_use() -> None:
    network, x = _network()
    expected = network.run(x, threads=2)
    np.testing.assert_array_equal(_in_child("fork", network, x), expected)
    np.testing.assert_array_equal(network.run(x, threads=2), expected)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_fork_while_other_threads_run() -> None:
    network, x = _network()
    expected = network.run(x, threads=2)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            network.run(x, threads=2)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(5):
            np.testing.assert_array_equal(_in_child("fork", network, x), expected)
    finally:
        stop.set()
        for worker in workers:
            worker.join(SECONDS)


SPAWN = """
import multiprocessing, sys
import numpy as np
from ternary_engine import storage

def child(path, channel):
    channel.put(storage.load(path).run(np.load(path + ".npy"), threads=2).tobytes())

if __name__ == "__main__":
    path = sys.argv[1]
    network, x = storage.load(path), np.load(path + ".npy")
    y = network.run(x, threads=2)
    context = multiprocessing.get_context("spawn")
    channel = context.Queue()
    children = [context.Process(target=child, args=(path, channel)) for _ in range(2)]
    for process in children:
        process.start()
    answers = [channel.get(timeout=60) for _ in children]
    for process in children:
        process.join(60)
    assert answers == [y.tobytes()] * 2
    assert [process.exitcode for process in children] == [0, 0]
    print("same")
"""


def test_spawn_after_use(tmp_path: Any) -> None:
    network, x = _network()
    network.save(tmp_path / "net.tern")
    np.save(tmp_path / "net.tern.npy", x)
    script = tmp_path / "spawn.py"
    script.write_text(SPAWN)
    ran = subprocess.run(
        [sys.executable, script, tmp_path / "net.tern"],
        capture_output=True, text=True, timeout=2 * SECONDS,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "same\n"
