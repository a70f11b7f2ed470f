"""Figures: what is drawn where, in one's own Axes, and into files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import same_color
from matplotlib.figure import Figure

import ternary_engine as te
from ternary_engine.plot.series import choose_columns, series_of
from ternary_engine.plot.style import COLOURS


def row(accuracy: float, **cells: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("per", "ber", "sign_flip", "drop", "rise", "layers", "network"))
    return {**blank, "accuracy": accuracy, "accuracy_error_free": 0.95, **cells}


ROWS = [
    row(level - 0.01 * trial, ber=ber, per=per)
    for per, shift in (("read", 0.0), ("program", 0.05))
    for ber, level in ((0.0, 0.95), (1e-3, 0.94 - shift), (1e-1, 0.8 - shift))
    for trial in range(5)
]


@pytest.fixture(scope="module")
def task() -> Any:
    x, labels = te.zoo.data("mlp_ternary")
    return te.zoo.load("mlp_ternary"), x[:60], labels[:60]


def test_columns_are_chosen_by_what_varies() -> None:
    assert choose_columns(ROWS, None, "accuracy", None) == ("ber", ("per",))
    assert choose_columns(ROWS, "per", "accuracy", None) == ("per", ("ber",))
    own = [row(0.9, vdd_V=volts, device=name) for volts in (0.8, 0.9) for name in "AB"]
    assert choose_columns(own, None, "accuracy", None) == ("vdd_V", ("device",))
    words = [row(0.9, vdd_V=v, age_s=a, programmed=f"{v} {a}") for v in (1, 2, 3) for a in (0, 9)]
    assert choose_columns(words, None, "accuracy", None) == ("vdd_V", ("age_s",))


def test_series_are_means_with_bands_over_trials() -> None:
    first, second = series_of(ROWS, "ber", "accuracy", ("per",), "trials")
    assert (first.label, second.label) == ("read", "program")
    assert first.x == (0.0, 1e-3, 1e-1)
    assert first.mean == pytest.approx([0.93, 0.92, 0.78])
    wanted = np.percentile([0.76, 0.77, 0.78, 0.79, 0.80], [5, 95])
    assert (first.low[2], first.high[2]) == pytest.approx(wanted)
    interval = series_of(ROWS, "ber", "accuracy", ("per",), "interval")[0]
    assert interval.high[2] - interval.low[2] == pytest.approx(
        2 * 2.7764451 * 0.01581139 / 5**0.5, rel=1e-6
    )


def test_curve_line_and_zero() -> None:
    axes = te.plot.curves(ROWS)
    assert axes.get_xscale() == "log"
    curves = [line for line in axes.lines if line.get_label() in ("read", "program")]
    assert [list(curve.get_xdata()) for curve in curves] == [[1e-3, 1e-1]] * 2
    assert list(curves[1].get_ydata()) == pytest.approx([0.87, 0.73])
    assert same_color(curves[0].get_color(), COLOURS[0])
    (clean,) = [line for line in axes.lines if line.get_label() == "no errors"]
    assert list(clean.get_ydata()) == [0.95, 0.95]
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names[0] == "0"
    assert 0 < axes.get_xticks()[0] < 1e-3
    nought = [line for line in axes.lines if list(line.get_xdata()) == [axes.get_xticks()[0]]]
    assert [line.get_ydata()[0] for line in nought] == pytest.approx([0.93, 0.93])
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["read", "program", "no errors", "90 % of trials"]


def test_your_own_axes() -> None:
    left, right = Figure().subplots(1, 2)
    assert te.plot.curves(ROWS, ax=right, group="per", x="ber") is right
    assert not left.lines
    assert right.get_xlabel() == "bit error rate"


def test_words_along_x() -> None:
    rows = [row(0.9 - 0.1 * n, layers=name) for n, name in enumerate(("a", "b")) for _ in "xy"]
    axes = te.plot.curves(rows, x="layers")
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b"]
    assert axes.get_xscale() == "linear"


def test_drop_has_its_line_at_zero() -> None:
    rows = [{**one, "accuracy_drop": 0.95 - one["accuracy"]} for one in ROWS]
    axes = te.plot.curves(rows, y="accuracy_drop")
    (clean,) = [line for line in axes.lines if line.get_label() == "no errors"]
    assert list(clean.get_ydata()) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("rows", "arguments", "told"),
    [
        ([], {}, "no rows"),
        (ROWS, {"x": "vdd"}, "'vdd'"),
        (ROWS, {"group": ["vdd"]}, "'vdd'"),
        (ROWS, {"y": "per"}, "no numbers"),
        (ROWS, {"x": "layers"}, "blank"),
        ([row(0.9)], {}, "no numeric setting"),
    ],
)
def test_nothing_to_draw(rows: Any, arguments: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        te.plot.curves(rows, **arguments)


def test_sensitivity_bars(task: Any) -> None:
    found = te.sensitivity(*task, errors=0.2, by=["layer", "type"], trials=3, workers=1)
    axes = te.plot.sensitivity(found)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["linear1", "linear2", "linear3"]
    widths = [bar.get_width() for bar in axes.patches]
    layers = [one for one in found.entries if one.by == "layer"]
    assert widths == pytest.approx(
        [one.alone.value for one in layers] + [one.spared.value for one in layers]
    )
    with pytest.raises(ValueError, match="layer, type"):
        te.plot.sensitivity(found, by="part")


def test_yield_curve(task: Any) -> None:
    found = te.population(*task, te.SenseErrors.from_ber(0.2), chips=16, workers=1)
    axes = te.plot.yields(found)
    (curve,) = [line for line in axes.lines if line.get_label() == "ber 0.2"]
    shares = list(curve.get_ydata())
    assert (shares[0], shares[-1]) == (1.0, 0.0)
    assert shares == sorted(shares, reverse=True)


def test_files(tmp_path: Path) -> None:
    axes = te.plot.curves(ROWS)
    for suffix, begin in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        te.plot.save(axes, tmp_path / f"figure{suffix}")
        assert (tmp_path / f"figure{suffix}").read_bytes().startswith(begin)
    with pytest.raises(ValueError, match=r"\.jpg"):
        te.plot.save(axes, tmp_path / "figure.jpg")
    assert len(list(tmp_path.iterdir())) == 3


def test_without_matplotlib(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.figure'] = None\n"
        "import ternary_engine as te\n"
        "rows = [{'per': None, 'ber': 0.1, 'accuracy': 0.9, 'accuracy_error_free': 0.9}]\n"
        "try:\n    te.plot.curves(rows, x='ber', group='per')\n"
        "except te.TernaryEngineError as error:\n    sys.stdout.write(str(error))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "plots need matplotlib: pip install 'ternary-engine[plot]'", done.stderr


def test_occupancy_map() -> None:
    mapping = te.map(te.zoo.load("cnn_ternary"))
    axes = te.plot.occupancy(mapping)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        layer.name for layer in mapping.layers
    ]
    assert len(axes.collections) == len(mapping.layers)
    for drawn, layer in zip(axes.collections, mapping.layers, strict=True):
        shares = np.asarray(drawn.get_array()).reshape(-1)
        assert shares == pytest.approx(layer.occupancy.reshape(-1))


@pytest.mark.parametrize("outputs", ["rows", "columns"])
def test_weak_cell_map(task: Any, outputs: Any) -> None:
    net = task[0]
    chip = net.program(device=te.Device(), sense=te.SenseAmp(), seed=1, outputs=outputs)
    axes = te.plot.weak_cells(chip, "linear1", above=1e-6)
    now_and_then, always = axes.collections[:2]
    table = chip.weak_cells("linear1", above=1e-6)
    drawn = [*now_and_then.get_offsets().tolist(), *always.get_offsets().tolist()]
    assert len(drawn) == len(table) > 0
    layer = next(one for one in net.layers if one.name == "linear1")
    assert layer.output_axis == 0
    places = {(cell % 64, cell // 64) for cell in table.cell.tolist()}  # input, output
    if outputs == "columns":
        places = {(output, entry) for entry, output in places}
    assert {tuple(map(int, place)) for place in drawn} == places
    chances = np.sort(np.asarray(now_and_then.get_array()))
    assert chances == pytest.approx(np.sort(table.p_wrong[table.p_wrong < 1 - 1e-9]))
    with pytest.raises(ValueError, match="fc9"):
        te.plot.weak_cells(chip, "fc9")
