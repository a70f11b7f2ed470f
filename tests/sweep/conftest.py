"""A small network with its data, for trials of a millisecond."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

import ternary_engine as te

SAMPLES = 60


class Task(NamedTuple):
    """What a sweep takes first."""

    net: te.Network
    x: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]


@pytest.fixture(scope="session")
def task() -> Task:
    """The smallest ternary network of the zoo."""
    x, labels = te.zoo.data("mlp_ternary")
    return Task(te.zoo.load("mlp_ternary"), x[:SAMPLES], labels[:SAMPLES])
