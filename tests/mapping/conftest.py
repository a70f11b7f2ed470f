"""Small networks to put on arrays."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder

Made = tuple[Network, np.ndarray]


@pytest.fixture
def make() -> Callable[..., Made]:
    """One crossbar layer on a 5 x 4 image of some channels, with samples for it."""

    def made(
        kind: str = "ternary",
        bits: int = 1,
        *,
        channels: int = 4,
        outputs: int = 6,
        largest: int = 1,
        geometry: Geometry | None = None,
        output_axis: int = 0,
        binary: bool = False,
    ) -> Made:
        b = Builder(3, channels, 5, 4)
        sums = b.crossbar(
            b.encode(kind, bits),
            outputs,
            geometry,
            largest=largest,
            output_axis=output_axis,
            binary=binary,
        )
        form = "NC" if geometry is None else "NCHW"
        return b.network(b.look_up(sums, form)), b.input(3)

    return made


@pytest.fixture(scope="session")
def cnn() -> Network:
    return te.load(te.zoo.path("cnn_ternary"))
