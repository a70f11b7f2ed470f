"""Verdicts follow the figures: each is made to come out either way."""

from __future__ import annotations

from typing import Any

import pytest

from ternary_engine.reproduction import findings, shipped, sizes, study
from ternary_engine.reproduction.panel import Setting

pytest.importorskip("matplotlib", reason="figures need the extra 'plot'")

Row = dict[str, Any]
RATES = (1e-4, 0.1)


def _rows(network: str, accuracies: dict[float, float], **more: Any) -> list[Row]:
    return [
        {
            "network": network,
            "study": "ber",
            "per": per,
            "rate": rate,
            "trial": trial,
            "accuracy": accuracy,
            "accuracy_error_free": 0.9,
            "accuracy_drop": 0.9 - accuracy,
            **more,
        }
        for per in study.DURATIONS
        for rate, accuracy in accuracies.items()
        for trial in range(2)
    ]


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.895, "holds"), (0.88, "does not hold")])
def test_tolerance_is_a_point(accuracy: float, verdict: str) -> None:
    claim = findings.standard(_rows("B", {1e-4: accuracy}), ["B"], "data")
    assert claim.verdict == verdict
    assert f"{100 * (0.9 - accuracy):.2f} pt per read" in claim.found


def test_nothing_measured_is_not_tolerance() -> None:
    assert findings.standard(_rows("T", {1e-4: 0.9}), ["B"], "data").verdict == "does not hold"


@pytest.mark.parametrize(
    ("ternary", "binary", "verdict"),
    [
        ((0.9, 0.8), (0.89, 0.5), "holds"),
        ((0.9, 0.4), (0.89, 0.5), "holds in part"),
        ((0.8, 0.4), (0.89, 0.5), "does not hold"),
        ((0.9, 0.10), (0.89, 0.11), "holds"),  # both guess: that place is not counted
    ],
)
def test_ahead_counts_places(
    ternary: tuple[float, float], binary: tuple[float, float], verdict: str
) -> None:
    rows = _rows("T", dict(zip(RATES, ternary, strict=True)))
    rows += _rows("B", dict(zip(RATES, binary, strict=True)))
    assert findings.ahead(rows, [("T", "B")], "data").verdict == verdict


@pytest.mark.parametrize(
    ("drops", "verdict"),
    [((0.5, 0.2, 0.1), "holds"), ((0.1, 0.2, 0.5), "does not hold")],
)
def test_harm_is_an_order(drops: tuple[float, float, float], verdict: str) -> None:
    rows = [
        row
        for name, drop in zip(study.TYPES, drops, strict=True)
        for row in _rows("T", {0.1: 0.9 - drop, 0.3: 0.9 - drop}, type=name)
    ]
    assert findings.harm(rows, "T", "data").verdict == verdict


def test_points_keep_the_band() -> None:
    rows = _rows("T", {0.1: 0.5})
    for place, row in enumerate(rows):
        row["accuracy"] = 0.1 * place
    table = findings.points("t", rows)
    assert len(table.rows) == len(study.DURATIONS)
    first = dict(zip(table.columns, table.rows[0], strict=True))
    assert first["trials"] == 2
    assert float(first["accuracy"]) == pytest.approx(0.05)
    assert float(first["accuracy_5"]) < 0.05 < float(first["accuracy_95"])


def _network(f: int, kind: str, seed: int, accuracy: float, packed: float | None = None) -> Row:
    return {
        "f": f,
        "weights": kind,
        "activations": kind,
        "seed": seed,
        "ber": 0.0,
        "recipe": "5",
        "epochs": 5,
        "test_accuracy": accuracy,
        "packed_accuracy": accuracy if packed is None else packed,
    }


@pytest.mark.parametrize(
    ("ternary", "binary", "packed", "verdicts"),
    [
        ((0.63, 0.64), (0.57, 0.58), None, ("holds", "holds")),
        ((0.63, 0.55), (0.57, 0.58), None, ("does not hold", "holds")),  # within the spread
        ((0.57, 0.58), (0.63, 0.64), 0.5, ("does not hold", "does not hold")),
    ],
)
def test_sizes_weigh_the_gap_against_the_spread(
    monkeypatch: pytest.MonkeyPatch,
    ternary: tuple[float, ...],
    binary: tuple[float, ...],
    packed: float | None,
    verdicts: tuple[str, str],
) -> None:
    rows = []
    for f in (8, 16):
        rows += [_network(f, "ternary", n, one, packed) for n, one in enumerate(ternary)]
        rows += [_network(f, "binary", n, one) for n, one in enumerate(binary)]
    monkeypatch.setattr(shipped, "networks", lambda: tuple(rows))
    panel = sizes.panel(Setting())
    assert tuple(claim.verdict for claim in panel.claims[:2]) == verdicts
    assert [line[:2] for line in panel.tables[0].rows] == [
        (f, kind) for f in (8, 16) for kind in ("B/B", "T/T")
    ]


def test_one_size_is_not_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (_network(8, "ternary", 0, 0.6), _network(8, "binary", 0, 0.5))
    monkeypatch.setattr(shipped, "networks", lambda: rows)
    assert sizes.panel(Setting()).claims[0].verdict == "holds in part"


def test_sizes_without_a_pair_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "networks", lambda: (_network(8, "ternary", 0, 0.6),))
    claim = sizes.panel(Setting()).claims[0]
    assert claim.verdict == "not tested"
    assert "no pair trained" in claim.found
