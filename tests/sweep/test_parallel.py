"""Processes and clusters: the same numbers, and workers that die."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ternary_engine as te
from tests.sweep.cluster import Cluster, dask_cluster

POINTS = te.Point.grid(ber=[0.01, 0.2])
TRIALS = 1500


def numbers(results: te.Results) -> dict[str, tuple[Any, ...]]:
    return {row["task_id"]: (row["trial"], row["seed"], row["accuracy"]) for row in results}


@pytest.fixture(scope="module")
def wanted(task: Any) -> dict[str, tuple[Any, ...]]:
    return numbers(te.sweep(*task, points=POINTS, trials=TRIALS, workers=1))


def test_errors_of_transport_run_again_and_then_stop(task: Any, monkeypatch: Any) -> None:
    from ternary_engine.sweeps import parallel

    def broken(*_: Any) -> Iterator[Any]:
        raise BrokenPipeError("the line is dead")
        yield

    monkeypatch.setattr(parallel, "_stream", broken)
    with pytest.raises(te.TernaryEngineError, match=r"4 times.*BrokenPipeError: the line is dead"):
        te.sweep(*task, points=[0.1], trials=2, workers=2)


def test_what_was_lost_in_flight_runs_again(task: Any, monkeypatch: Any) -> None:
    from ternary_engine.sweeps import parallel

    usual = parallel._stream
    calls = []

    def failing(cargo: Any, settings: Any, pending: Any) -> Iterator[Any]:
        calls.append(1)
        for number, outcome in enumerate(usual(cargo, settings, pending)):
            if number == 2 and len(calls) < 3:
                raise BrokenPipeError("gone")
            yield outcome

    wanted = te.sweep(*task, points=POINTS, trials=30, workers=1)
    monkeypatch.setattr(parallel, "_stream", failing)
    with pytest.warns(te.SweepWarning, match="run again"):
        found = te.sweep(*task, points=POINTS, trials=30, workers=2)
    assert len(calls) == 3
    assert numbers(found) == numbers(wanted)


def test_no_dask_client(task: Any) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    with pytest.raises(te.TernaryEngineError, match="no Dask client"):
        te.sweep(*task, points=[0.1], trials=1, backend="dask")


@pytest.mark.filterwarnings("default")
def test_no_dask_scheduler(task: Any, monkeypatch: Any) -> None:
    pytest.importorskip("distributed", reason="Dask is not installed")
    monkeypatch.setattr("ternary_engine.sweeps.parallel._CONNECT_SECONDS", 1)
    with pytest.raises(te.TernaryEngineError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1 "):
        te.sweep(*task, points=[0.1], trials=1, backend="dask", scheduler="tcp://127.0.0.1:1")


def test_no_ray(task: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(te.TernaryEngineError, match="pip install ray"):
        te.sweep(*task, points=[0.1], trials=1, backend="ray")


@pytest.mark.slow
def test_processes_and_one_that_is_killed(task: Any, wanted: Any, tmp_path: Path) -> None:
    from joblib.externals.loky import reusable_executor

    path = tmp_path / "results.csv"
    arguments: Any = {"points": POINTS, "trials": TRIALS, "out": path}
    states = te.iter_sweep(*task, **arguments, workers=2, backend="processes")
    next(state for state in states if state.done > 50)
    os.kill(next(iter(reusable_executor._executor._processes)), signal.SIGKILL)
    with pytest.warns(te.SweepWarning, match="worker died"):
        last = list(states)[-1]
    assert last.done == last.total
    assert numbers(te.read_results(path)) == wanted


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    pytest.importorskip("distributed", reason="Dask is not installed")
    with dask_cluster(tmp_path) as running:
        yield running


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_dask_and_a_worker_that_is_killed(
    task: Any, wanted: Any, cluster: Cluster, tmp_path: Path
) -> None:
    path = tmp_path / "results.csv"
    states = te.iter_sweep(
        *task, points=POINTS, trials=TRIALS, out=path, backend="dask", scheduler=cluster.address
    )
    killed = False
    for state in states:
        if state.done > 50 and not killed:
            cluster.workers[0].kill()
            killed = True
    assert killed
    assert state.done == state.total
    assert cluster.workers[1].poll() is None
    assert numbers(te.read_results(path)) == wanted
    again = te.sweep(*task, points=POINTS, trials=TRIALS, out=path, workers=1)
    assert numbers(again) == wanted


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_network_goes_to_each_dask_worker_once(task: Any, cluster: Cluster) -> None:
    from distributed import Client

    def loaded() -> int:
        from ternary_engine.sweeps import work

        return len(work._networks)

    with Client(cluster.address) as client:
        client.wait_for_workers(2)
        te.sweep(*task, points=POINTS, trials=200, backend="dask")
        assert set(client.run(loaded).values()) == {1}


@pytest.fixture
def ray(monkeypatch: Any) -> Iterator[Any]:
    """A Ray cluster of this machine, with two workers."""
    found = pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    found.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=100 << 20,
    )
    yield found
    found.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_ray_and_a_worker_that_is_killed(task: Any, wanted: Any, ray: Any, tmp_path: Path) -> None:
    @ray.remote
    def where() -> int:
        return os.getpid()

    path = tmp_path / "results.csv"
    states = te.iter_sweep(*task, points=POINTS, trials=TRIALS, out=path, backend="ray")
    victim = 0
    for state in states:
        if state.done > 50 and not victim:
            victim = ray.get(where.remote())
            os.kill(victim, signal.SIGKILL)
    assert victim
    assert state.done == state.total
    assert numbers(te.read_results(path)) == wanted


@pytest.mark.filterwarnings("default")
def test_no_ray_cluster(task: Any, monkeypatch: Any) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(
        te.TernaryEngineError, match=r"no Ray cluster: 127\.0\.0\.1:1 does not answer"
    ):
        te.sweep(*task, points=[0.1], trials=1, backend="ray")
