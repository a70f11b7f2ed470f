"""The tables of bench/README.md are what the results beside it say."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench import measure, picture, tables
from ternary_engine.benchmark import regression

RESULTS = sorted((tables.HERE / "results").glob("*.json"))


def _told() -> dict[str, Any]:
    row = {"batch": 960, "threads": 1, "of_roof": 0.5, "roof": "gated", "goals": {}, "skipped": {}}
    ratios = {"onnxruntime float32": 2.0, "numkong": 0.5}
    rates = {"ours": 2e11, "onnxruntime float32": 1e11, "numkong": 4e11}
    layer = row | {"case": "binary x binary 960x1152x128", "suite": "product", "rates": rates}
    layer |= {"ratios": ratios, "goals": {"onnxruntime float32": 2.5, "roof": 0.4}}
    net = row | {"case": "VGG f=8", "suite": "vgg", "of_roof": None, "rates": {"ours": 1234.0}}
    net |= {"ratios": {"onnxruntime float32": 3.0}}
    fact = {"name": "load", "value": 0.06, "unit": "s", "goal": 0.05, "note": "by the clock"}
    return {
        "date": "2026-11-25T20:00+00:00",
        "load average": 0.5,
        "machine": {
            "cpu": "Some processor", "cores": 2, "isa": ["avx2"], "compiles_for": "AVX2",
            "python": "3.11", "versions": {"numba": "0.68"},
        },
        "roofline": {"gated": 400.0, "memory": 20.0},
        "results": [layer, net],
        "facts": [fact],
    }  # fmt: skip


def test_tables() -> None:
    made = tables.tables(_told())
    assert "| 200 | 50% (≥ 40%) of gated | **2.0** (≥ 2.5) | 0.50 |" in made
    assert "| VGG f=8 | 960 | 1 | 1,230 | 3.0 |" in made
    assert "| load | **60.0 ms** | at most 50.0 ms | by the clock |" in made
    assert "kernels for AVX2; 2026-11-25 20:00 UTC" in made
    assert "gated | 400 GMAC/s" in made


def test_tables_of_sense_errors() -> None:
    told = {k: v for k, v in _told().items() if k in ("date", "machine", "load average")}
    run = {"case": "VGG", "run": "read 0.001", "ms": 5.0, "of error-free": 2.5, "of popcounts": 2.0}
    told["rows"] = [
        run | {"goal": "at most 4"},
        {"case": "VGG", "claim": "faster by 3.0", "goal": "at least 2"},
    ]
    told |= {"cells per second": {"draw": 5e10}, "memory": {"clean": [1, 100], "read": [2, 110]}}
    made = tables.tables(told)
    assert "| read 0.001 | 5.00 | 2.50 | 2.00 | at most 4 |" in made
    assert "- faster by 3.0 (goal: at least 2)" in made
    assert "draw 5e+10" in made
    assert "clean 1.00, read 1.10" in made


def test_places_are_filled_again_and_again(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "a.json").write_text(json.dumps(_told()))
    monkeypatch.setattr(tables, "HERE", tmp_path)
    once = tables.filled("before\n<!-- tables: a.json -->\nold\n<!-- end -->\nafter\n")
    assert "old" not in once
    assert once.startswith("before\n<!-- tables: a.json -->\n\nSome processor")
    assert tables.filled(once) == once


def test_readme_is_up_to_date() -> None:
    """If this fails: ``python -m bench.tables``."""
    readme = tables.README.read_text(encoding="utf-8")
    assert tables.filled(readme) == readme


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.name)
def test_every_result_is_in_readme_and_can_be_compared_with(path) -> None:
    assert path.name in tables.README.read_text(encoding="utf-8")
    if json.loads(path.read_text()).get("format"):
        told = regression.read(path)
        assert regression.figures_of(told)


def test_intensity() -> None:
    """Products for each byte: two bits a trit, four bytes a sum."""
    layer = picture.intensity("ternary x ternary 8x64x16")
    assert layer == pytest.approx(8 * 64 * 16 / (8 * 64 / 4 + 64 * 16 / 4 + 8 * 16 * 4))
    large = picture.intensity("linear layer 100x200, batch 1")
    assert large == pytest.approx(100 * 200 / (100 * 200 / 4 + 100 / 4 + 200 * 4))
    image = picture.intensity("3x3 ternary convolution 5x5x8")
    assert image == pytest.approx(9 * 25 * 64 / (2 * 25 * 8 / 4 + 9 * 64 / 4))


def test_picture(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "FIGURES", tmp_path)
    source = tmp_path / "a.json"
    source.write_text(json.dumps(_told()))
    assert picture.main(source).read_bytes().startswith(b"\x89PNG")


def test_suites_measured_again_take_the_place_of_old_ones() -> None:
    old, new = _told(), _told()
    new["results"] = new["results"][:1]
    new["results"][0]["ratios"] = {"onnxruntime float32": 9.0}
    new["roofline"]["gated"] = 200.0  # the machine was busy: the limit stays at 400
    new["facts"] = []
    both = measure.added(old, new)
    assert [row["case"] for row in both["results"]] == ["binary x binary 960x1152x128", "VGG f=8"]
    assert both["results"][0]["ratios"] == {"onnxruntime float32": 9.0}
    assert both["results"][0]["of_roof"] == 0.25
    assert both["roofline"]["gated"] == 400.0
    assert both["facts"] == old["facts"]
