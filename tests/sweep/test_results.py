from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.sweeps.results import COLUMNS

POINTS = [0.01, te.Point(te.SenseErrors(drop=0.2), columns={"vdd_V": 0.9, "device": "A"})]


@pytest.fixture
def file(task: Any, tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    te.sweep(*task, points=POINTS, trials=4, out=path, workers=1)
    return path


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_columns_are_those_that_users_rely_on(file: Path) -> None:
    header = file.read_text().splitlines()[0]
    assert header == (
        "task_id,network,network_hash,data_hash,samples,per,ber,sign_flip,drop,rise,layers,errors,"
        "programmed,batch_size,sweep_seed,trial,seed,accuracy,accuracy_error_free,accuracy_drop,"
        "seconds,ternary_engine_version,numpy_version,onnxruntime_version,vdd_V,device"
    )


def test_rows_read_by_any_csv_reader(task: Any, file: Path) -> None:
    with file.open(newline="") as text:
        rows = list(csv.DictReader(text))
    assert len(rows) == 8
    assert {row["device"] for row in rows} == {"", "A"}
    for row in rows:
        assert float(row["accuracy_drop"]) == pytest.approx(
            float(row["accuracy_error_free"]) - float(row["accuracy"])
        )
        assert int(row["samples"]) == len(task.x)
        assert float(row["seconds"]) > 0
        assert row["ternary_engine_version"] == te.__version__
        assert row["network"] == "mlp_ternary.onnx"


def test_read_results_gives_values_their_types(file: Path) -> None:
    rows = te.read_results(file).rows
    own = [row for row in rows if row["device"] == "A"]
    assert own[0]["vdd_V"] == 0.9
    assert own[0]["drop"] == 0.2
    assert own[0]["ber"] is None
    assert sorted(row["trial"] for row in own) == [0, 1, 2, 3]


def test_summary_is_over_trials(task: Any) -> None:
    results = te.sweep(*task, points=POINTS, trials=4, workers=1)
    for point, one in zip(POINTS, results.summary(), strict=True):
        wanted = [
            row["accuracy"] for row in results if (row["ber"] == 0.01) == isinstance(point, float)
        ]
        assert one.trials == 4
        assert one.accuracy.value == pytest.approx(np.mean(wanted))
        assert one.drop.value == pytest.approx(one.accuracy_error_free - np.mean(wanted))
        assert one.accuracy.low <= min(one.accuracy.value, one.accuracy.high)
    assert results.summary()[1].to_dict()["vdd_V"] == 0.9


def test_a_torn_last_line_is_dropped_with_a_warning(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    with pytest.warns(te.SweepWarning, match=r"results\.csv:9: .*unfinished"):
        results = te.read_results(file)
    assert len(results) == 7
    assert file.read_bytes() == whole[:-3]


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_is_run_again(task: Any, file: Path, cut: int) -> None:
    before = te.read_results(file).rows
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.warns(te.SweepWarning, match=r"results\.csv:9: .*run again"):
        te.sweep(*task, points=POINTS, trials=4, out=file, workers=1)
    after = te.read_results(file).rows
    for row in (*before, *after):
        del row["seconds"]
    assert after == before


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda line: line[3:], "task_id"),
        (lambda line: line.replace(b",", b";"), "fields"),
        (lambda line: line.replace(b",60,", b","), "fields"),
        (lambda line: b"\n", "fields"),
        (lambda line: line.replace(b"mlp", b'"mlp'), "damaged"),
        (lambda line: b"\0" * len(line) + b"\n", "damaged"),
    ],
)
def test_a_damaged_middle_row_is_named(task: Any, file: Path, damage: Any, told: str) -> None:
    lines = _lines(file)
    lines[3] = damage(lines[3])
    file.write_bytes(b"".join(lines))
    with pytest.raises(te.FormatError, match=rf"results\.csv:4: .*{told}"):
        te.sweep(*task, points=POINTS, trials=4, out=file)
    assert file.read_bytes() == b"".join(lines)


def test_a_bad_number_is_named_when_it_is_read(file: Path) -> None:
    lines = _lines(file)
    lines[3] = lines[3].replace(b",60,", b",six,")
    file.write_bytes(b"".join(lines))
    with pytest.raises(te.FormatError, match=r"results\.csv:4: .*six"):
        _ = te.read_results(file).rows


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("     shots,    errors\n 1, 2\n", "not a results file"),
        ("not a table at all", "not a results file"),
        ("\n", "not a results file"),
        ("task_id,network,other\n", "another version"),
        (",".join(COLUMNS) + "\n", "no column 'vdd_V'"),
    ],
)
def test_other_files_are_refused_and_left_alone(
    task: Any, tmp_path: Path, content: str, told: str
) -> None:
    path = tmp_path / "other.csv"
    path.write_text(content)
    with pytest.raises(te.FormatError, match=told):
        te.sweep(*task, points=POINTS, trials=1, out=path)
    assert path.read_text() == content


def test_resuming_many_rows_is_quick(task: Any, tmp_path: Path) -> None:
    """100,000 rows in a few times what it takes Python to read them as a table."""
    path = tmp_path / "many.csv"
    te.sweep(*task, points=[0.1], trials=1, out=path, workers=1)
    header, first = _lines(path)
    name, _, rest = first.partition(b"-0,")
    middle, _, end = rest.partition(b",,,0,0,")
    rows = (b"%s-%d,%s,,,0,%d,%s" % (name, trial, middle, trial, end) for trial in range(100_000))
    path.write_bytes(header + b"".join(rows))
    before = path.read_bytes()
    taken, reading = [], []
    for _ in range(3):
        started = time.process_time()
        with path.open(newline="") as file:
            assert sum(1 for _ in csv.DictReader(file)) == 100_000
        reading.append(time.process_time() - started)
        started = time.process_time()
        results = te.sweep(*task, points=[0.1], trials=100_000, out=path)
        taken.append(time.process_time() - started)
        assert len(results) == 100_000
    assert min(taken) < 4 * min(reading)
    assert path.read_bytes() == before
