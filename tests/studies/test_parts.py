from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.studies.parts import TYPES, crossbar, nested, only_type

ASYMMETRIC = te.SenseErrors.from_table([[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.0, 0.3, 0.7]])


@pytest.mark.parametrize(
    "errors", [te.SenseErrors(0.1, 0.2, 0.3), te.SenseErrors.from_ber(0.1), ASYMMETRIC]
)
def test_types_add_up_to_the_whole(task: Any, errors: te.SenseErrors) -> None:
    layer = task.net.layers[0]
    parts = [only_type(errors, layer, {name}) for name in TYPES]
    moved = sum(part.resolve(layer) - np.eye(3) for part in parts if part is not None)
    assert np.allclose(moved, errors.resolve(layer) - np.eye(3), atol=1e-15)


def test_a_type_without_errors_is_none(task: Any) -> None:
    assert only_type(te.SenseErrors(drop=0.1), task.net.layers[0], {"rise"}) is None


def _after(stages: tuple[Any, ...], net: te.Network, name: str) -> np.ndarray[Any, Any]:
    """P[stored, read] of all stages: each strikes the cells that are still right."""
    total = np.eye(3)
    for stage in stages:
        errors = stage[name] if isinstance(stage, dict) else stage
        table = errors.resolve(crossbar(net)[name])
        right = np.diag(total).copy()
        np.fill_diagonal(total, 0.0)
        total += right[:, np.newaxis] * table
    return total


def test_stages_make_each_setting_exactly(task: Any) -> None:
    rates = [0.1, 0.02, 0.3]
    settings = [te.SenseErrors.from_ber(rate) for rate in rates] + [te.SenseErrors(drop=0.5)]
    staged = nested(settings, task.net)
    assert [len(stages) for stages in staged] == [2, 1, 3, 1]
    for stages, errors in zip(staged, settings, strict=True):
        for name, layer in crossbar(task.net).items():
            assert np.allclose(_after(stages, task.net, name), errors.resolve(layer), atol=1e-12)
