from __future__ import annotations

import dataclasses
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine import accuracy
from ternary_engine.sweeps.store import open_store

POINTS = te.Point.grid(ber=[0.01, 0.2], per=["read", "program"])
ROOT = Path(__file__).resolve().parents[2]


def numbers(results: te.Results) -> dict[str, tuple[Any, ...]]:
    """What must not depend on who ran it."""
    return {row["task_id"]: (row["trial"], row["seed"], row["accuracy"]) for row in results}


def test_the_same_call_again_does_no_work(task: Any, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "results.csv"
    first = te.sweep(*task, points=POINTS, trials=5, seed=7, out=path, workers=1)
    before, changed = path.read_bytes(), path.stat().st_mtime_ns
    assert len(before.splitlines()) == 1 + 4 * 5

    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("work was done")

    monkeypatch.setattr(te.Network, "run", fail)
    again = te.sweep(*task, points=POINTS, trials=5, seed=7, out=path, workers=1)
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == changed
    assert again.rows == first.rows


def test_results_come_by_point_and_trial(task: Any) -> None:
    rows = te.sweep(*task, points=POINTS, trials=3, workers=1).rows
    found = [(row["per"], row["ber"], row["trial"]) for row in rows]
    assert found == [(*_setting(p), trial) for p in POINTS for trial in range(3)]


def _setting(point: te.Point) -> tuple[Any, Any]:
    return point.cells()["per"], point.cells()["ber"]


def test_a_row_is_repeated_by_its_seed(task: Any) -> None:
    net, x, labels = task
    for row in te.sweep(net, x, labels, points=POINTS, trials=2, seed=3, workers=1):
        errors = te.SenseErrors.from_ber(row["ber"], per=row["per"])
        scores = net.run(x, errors=errors, seed=row["seed"])
        assert accuracy.correct(scores, labels) / len(x) == row["accuracy"]
        clean = accuracy.correct(net.run(x), labels) / len(x)
        assert row["accuracy_error_free"] == clean


def test_numbers_do_not_depend_on_workers_order_or_company(task: Any) -> None:
    alone = te.sweep(*task, points=POINTS, trials=6, seed=7, workers=1)
    threads = te.sweep(*task, points=POINTS[::-1], trials=6, seed=7, workers=3)
    single = te.sweep(*task, points=POINTS[:1], trials=2, seed=7, workers=1)
    assert numbers(threads) == numbers(alone)
    assert numbers(single).items() <= numbers(alone).items()


def test_trials_and_points_differ_in_their_seeds(task: Any) -> None:
    results = te.sweep(*task, points=POINTS, trials=6, seed=7, workers=1)
    assert len({row["seed"] for row in results}) == len(results)
    other = te.sweep(*task, points=POINTS, trials=6, seed=8, workers=1)
    assert not numbers(other).keys() & numbers(results).keys()
    assert not {row["seed"] for row in other} & {row["seed"] for row in results}


def test_common_seeds_are_shared_by_points(task: Any) -> None:
    rows = te.sweep(*task, points=POINTS, trials=3, workers=1, common_seeds=True).rows
    for trial in range(3):
        assert len({row["seed"] for row in rows if row["trial"] == trial}) == 1
    assert len({row["seed"] for row in rows}) == 3


def test_a_sweep_left_early_goes_on(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    states = te.iter_sweep(*task, points=POINTS, trials=40, out=path, workers=1)
    early = list(itertools.islice(states, 6))
    states.close()
    assert 0 < early[-1].done < early[-1].total == 160
    kept = te.read_results(path)
    assert len(kept) == early[-1].done
    late = list(te.iter_sweep(*task, points=POINTS, trials=40, out=path, workers=1))
    assert late[0].resumed == len(kept)
    assert late[-1].done == 160
    everything = te.sweep(*task, points=POINTS, trials=40, workers=1)
    assert numbers(te.read_results(path)) == numbers(everything)


def test_progress_tells_what_is_there(task: Any) -> None:
    states = list(te.iter_sweep(*task, points=[0.1, 0.2], trials=8, workers=1))
    assert states[0].done == 0
    assert states[0].rate == 0.0
    assert states[0].seconds_left is None
    assert [state.done for state in states] == sorted(state.done for state in states)
    last = states[-1]
    rows = last.results([record for state in states for record in state.records]).rows
    for point in last.points:
        rate = point.point.cells()["ber"]
        assert point.accuracy == pytest.approx(
            np.mean([row["accuracy"] for row in rows if row["ber"] == rate])
        )
    assert (last.done, last.total, last.seconds_left) == (16, 16, 0.0)
    assert last.accuracy_error_free == rows[0]["accuracy_error_free"]


def test_more_trials_go_on_from_fewer(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    te.sweep(*task, points=POINTS[:1], trials=3, out=path, workers=1)
    before = path.read_bytes()
    more = te.sweep(*task, points=POINTS[:2], trials=5, out=path, workers=1)
    assert path.read_bytes().startswith(before)
    assert len(more) == 10
    fewer = te.sweep(*task, points=POINTS[:1], trials=2, out=path, workers=1)
    assert len(fewer) == 2


def test_an_edited_network_is_kept_apart(task: Any, tmp_path: Path) -> None:
    net, x, labels = task
    path = tmp_path / "results.csv"
    te.sweep(net, x, labels, points=[0.1], trials=2, out=path, workers=1)
    edited = net.program(errors=te.SenseErrors(drop=0.5), seed=1)
    te.sweep(edited, x, labels, points=[0.1], trials=2, out=path, workers=1)
    rows = te.read_results(path).rows
    assert len({row["network_hash"] for row in rows}) == 2
    assert len({row["task_id"] for row in rows}) == 4
    te.sweep(net, x[:50], labels[:50], points=[0.1], trials=2, out=path, workers=1)
    rows = te.read_results(path).rows
    assert len({row["data_hash"] for row in rows}) == 2
    assert len({row["task_id"] for row in rows}) == 6


def test_a_renamed_network_is_the_same(task: Any, tmp_path: Path) -> None:
    net, x, labels = task
    path = tmp_path / "results.csv"
    te.sweep(net, x, labels, points=[0.1], trials=2, out=path, workers=1)
    before = path.read_bytes()
    renamed = dataclasses.replace(net, provenance={"file": "other.onnx"}, notes=("a note",))
    renamed.save(tmp_path / "packed.tern")
    again = te.load(tmp_path / "packed.tern")
    te.sweep(again, x, labels, points=[0.1], trials=2, out=path, workers=1)
    assert path.read_bytes() == before


def test_batch_size_counts_where_draws_last_for_a_batch(task: Any) -> None:
    for per, same in (("read", True), ("batch", False)):
        points = te.Point.grid(ber=[0.2], per=per)
        whole = te.sweep(*task, points=points, trials=2, workers=1)
        parts = te.sweep(*task, points=points, trials=2, workers=1, batch_size=7)
        assert (numbers(whole) == numbers(parts)) is same
        assert parts.rows[0]["batch_size"] == 7


def test_layers_restrict_errors(task: Any) -> None:
    errors = te.SenseErrors(sign_flip=0.5)
    some = te.Point(errors, layers=("linear2",))
    row = te.sweep(*task, points=[some], trials=1, workers=1).rows[0]
    net, x, labels = task
    scores = net.run(x, errors={"linear2": errors}, seed=row["seed"])
    everywhere = net.run(x, errors=errors, seed=row["seed"])
    assert row["accuracy"] == accuracy.correct(scores, labels) / len(x)
    assert not np.array_equal(scores, everywhere)
    assert row["layers"] == "linear2"


def test_stages_of_programming_strike_what_is_still_right(task: Any) -> None:
    from ternary_engine.sweeps.work import _programmed

    net = task.net
    stages = (te.SenseErrors(drop=0.3), te.SenseErrors(drop=0.5, rise=0.5))
    first = _programmed(net, te.Point(programmed=stages[:1]), 5)
    both = _programmed(net, te.Point(programmed=stages), 5)
    for clean, one, two in zip(net.layers, first.layers, both.layers, strict=True):
        struck = one.trits != clean.trits
        assert struck.any()
        assert (two.trits[struck] == one.trits[struck]).all()
        held = (clean.trits != 0) & ~struck
        share = (two.trits[held] == 0).mean()
        assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(held.sum())


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"trials": 0}, "trials"),
        ({"points": []}, "points"),
        ({"points": [1.5]}, "1.5"),
        ({"points": [0.99]}, "0.99"),
        ({"points": [te.Point(te.SenseErrors(drop=0.1), layers=("conv9",))]}, "conv9"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"workers": 0}, "workers"),
        ({"backend": "magic"}, "magic"),
        ({"backend": "threads", "scheduler": "tcp://a:1"}, "dask"),
        ({"batch_size": 0}, "batch_size"),
        ({"labels": np.zeros(59, int)}, "59"),
        ({"labels": np.zeros(60)}, "integers"),
        ({"labels": np.zeros(0, int)}, "labels"),
        ({"x": np.zeros((60, 5), np.float32)}, "5"),
    ],
)
def test_bad_arguments_write_nothing(
    task: Any, tmp_path: Path, changed: dict[str, Any], told: str
) -> None:
    arguments = {**task._asdict(), "points": [0.1], "trials": 1, "out": tmp_path / "a.csv"}
    with pytest.raises((ValueError, TypeError), match=told):
        te.sweep(**{**arguments, **changed})
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "error"), [("none/a.csv", FileNotFoundError), ("", OSError)])
def test_places_that_cannot_be_written(
    task: Any, tmp_path: Path, name: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        te.sweep(*task, points=[0.1], trials=1, out=tmp_path / name)


def test_two_writers_are_one_too_many(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    with open_store(path, ()), pytest.raises(te.TernaryEngineError, match="another sweep"):
        te.sweep(*task, points=[0.1], trials=1, out=path)


def test_an_error_in_a_worker_arrives(task: Any, tmp_path: Path, monkeypatch: Any) -> None:
    from ternary_engine.sweeps import work

    runs = itertools.count()
    usual = work.run_trial

    def fail(*arguments: Any) -> Any:
        if next(runs) == 3:
            raise FloatingPointError("a bad day")
        return usual(*arguments)

    monkeypatch.setattr(work, "run_trial", fail)
    path = tmp_path / "results.csv"
    with pytest.raises(FloatingPointError, match="a bad day") as caught:
        te.sweep(*task, points=[0.1], trials=9, out=path, workers=1)
    assert "at Point(SenseErrors(ber=0.1)" in caught.value.__notes__[0]
    assert len(te.read_results(path)) == 3


def test_kill_loses_only_what_is_in_flight(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    script = (
        "import ternary_engine as te; x, y = te.zoo.data('mlp_ternary');"
        "te.sweep(te.zoo.load('mlp_ternary'), x[:60], y[:60], points=[0.01, 0.2],"
        f"trials=200_000, seed=7, out={str(path)!r}, workers=2)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not path.exists() or path.stat().st_size < 20_000:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    content = path.read_bytes()
    kept = content[: content.rfind(b"\n") + 1].count(b"\n") - 1
    assert kept > 50
    if not content.endswith(b"\n"):
        path.write_bytes(content[: content.rfind(b"\n") + 1])
    done = numbers(te.read_results(path))
    assert len(done) == kept
    again = te.sweep(*task, points=[0.01, 0.2], trials=20, seed=7, workers=1)
    shared = numbers(again).keys() & done.keys()
    assert len(shared) > 20
    assert {name: done[name] for name in shared} == {n: numbers(again)[n] for n in shared}
