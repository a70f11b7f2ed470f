"""A network whose accuracy is known, and the smallest of the zoo."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import ternary_engine as te


class Task(NamedTuple):
    """What a study takes first."""

    net: te.Network
    x: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]


@pytest.fixture(scope="session")
def task() -> Task:
    """The smallest ternary network of the zoo, with a part of its data."""
    x, labels = te.zoo.data("mlp_ternary")
    return Task(te.zoo.load("mlp_ternary"), x[:150], labels[:150])
