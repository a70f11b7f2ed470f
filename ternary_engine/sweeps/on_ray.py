"""Blocks of trials as tasks of Ray."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.sweeps.pending import Pending
from ternary_engine.sweeps.work import Outcome, run_block

__all__ = ["ray_stream"]

_CONNECT_SECONDS = 10
_AHEAD = 2  # blocks in flight for each worker, so that none waits for the next


@contextlib.contextmanager
def ray_stream(
    settings: tuple[Any, ...], arrays: Sequence[Any], workers: int | None
) -> Iterator[Callable[[Pending], Iterator[Outcome]]]:
    """A function that runs what is pending on the cluster this process is connected to.

    Without a connection one is made: to the cluster that ``RAY_ADDRESS`` names, else to one that
    runs on this machine, else to a new one here that ends with the sweep.

    Args:
        settings: see `Cargo.settings`.
        arrays: what every block needs; stored once, each node of the cluster fetches it once.
        workers: blocks at once; None for all of the cluster.

    Raises:
        TernaryEngineError: Ray is not installed, or its cluster cannot be reached.
    """
    try:
        import ray
    except ImportError as error:
        raise TernaryEngineError("backend 'ray' needs Ray: pip install ray") from error
    own = not ray.is_initialized()
    if own:
        try:
            _knock(os.environ.get("RAY_ADDRESS", ""))
            ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError) as error:
            told = (str(error).strip().splitlines() or ["no reason given"])[0]
            raise TernaryEngineError(
                f"no Ray cluster: {told} (RAY_ADDRESS or ray.init(address=...) says where it is)"
            ) from error
    try:
        stored = [ray.put(array) for array in arrays]
        yield functools.partial(_stream, settings, stored, workers)
    finally:
        if own:
            ray.shutdown()


def _knock(address: str) -> None:
    """Raise OSError unless somebody answers there; Ray itself tries for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdecimal():
        try:
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        except OSError as error:
            raise OSError(f"{address} does not answer ({error})") from error


def _stream(
    settings: tuple[Any, ...], stored: Sequence[Any], workers: int | None, pending: Pending
) -> Iterator[Outcome]:
    """Outcomes as they come; Ray itself repeats a task whose worker died, some times."""
    import ray

    size = workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    task = ray.remote(run_block)
    blocks = pending.blocks()
    flying: list[Any] = []
    try:
        while True:
            for block in blocks:
                flying.append(task.remote(settings, block, *stored))
                if len(flying) >= _AHEAD * size:
                    break
            if not flying:
                return
            done, flying = ray.wait(flying, num_returns=1)
            yield from ray.get(done)
    finally:
        for one in flying:
            ray.cancel(one)
