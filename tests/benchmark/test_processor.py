from __future__ import annotations

import pytest

from ternary_engine import benchmark
from ternary_engine.benchmark import goals
from ternary_engine.benchmark.processor import load, processor_class


def test_machine_is_described() -> None:
    told = benchmark.machine()
    assert told["cpu"]
    assert told["cores"] >= 1
    assert told["versions"]["numba"][0].isdigit()
    assert told["cpu"] in benchmark.device()
    assert "\n" not in benchmark.device()
    assert load() >= 0


@pytest.mark.parametrize(
    ("features", "expected"),
    [
        ("+avx2,+bmi", "AVX2"),
        ("+avx2,+avx512f,+avx512vpopcntdq", "AVX-512 VPOPCNTDQ"),
        ("+avx2,+avx512f,-avx512vpopcntdq", "AVX-512"),
        ("+neon", "NEON"),
        ("+sse2", "other"),
    ],
)
def test_what_numba_is_told_counts(
    monkeypatch: pytest.MonkeyPatch, features: str, expected: str
) -> None:
    monkeypatch.setenv("NUMBA_CPU_FEATURES", features)
    assert processor_class() == expected


def test_goals_are_those_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(goals, "processor_class", lambda: "AVX2")
    assert goals.goals_for("ternary x ternary") == {"onnxruntime float32": 2.5}
    monkeypatch.setattr(goals, "processor_class", lambda: "AVX-512 VPOPCNTDQ")
    assert goals.goals_for("ternary x ternary")["roof"] == 0.9
    assert goals.goals_for("nothing of the kind") == {}
    monkeypatch.setattr(goals, "processor_class", lambda: "other")
    assert goals.goals_for("ternary x ternary") == {}
