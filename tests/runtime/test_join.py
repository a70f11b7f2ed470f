"""Joined images in networks: layers behind them, what-if questions, sizes that do not fit."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.network import Network
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder, check
from tests.studies.test_what_if import check as check_what_if
from tests.studies.test_what_if import some_faults

PADDED = Geometry((3, 3), pads=(1, 1, 1, 1))


def branches(kind: str, bits: int, channels: tuple[int, ...]) -> tuple[Builder, Network]:
    """Layers side by side on one image, joined with it, pooled, and a padded layer behind."""
    made = Builder(len(channels), 5, 6, 7)
    codes = made.encode(kind, bits)
    parts = [codes]
    for count in channels:
        made.random = np.random.default_rng(count)
        threshold = made.threshold(made.crossbar(codes, count, PADDED), kind, bits)
        parts.append(threshold)
    joined = made.join(*parts, codes)
    pooled = made.pool(joined, Geometry((2, 2), (2, 2)))
    sums = made.crossbar(joined, 9, PADDED)
    return made, made.network(made.decode(joined), made.scale(sums), made.decode(pooled))


@pytest.mark.parametrize(
    ("kind", "bits"), [("ternary", 1), ("binary", 1), ("unsigned", 3), ("signed", 4)]
)
@pytest.mark.parametrize("channels", [(3,), (59, 64), (1, 70, 33)])
def test_layers_side_by_side(kind: str, bits: int, channels: tuple[int, ...]) -> None:
    made, network = branches(kind, bits, channels)
    check(network, made.input(5))
    check(network, made.input(5), threads=1)


def test_what_if() -> None:
    made, network = branches("ternary", 1, (59, 64))
    random = np.random.default_rng(3)
    check_what_if(network, made.input(5), [some_faults(network, random, n) for n in (1, 1, 40)])


def test_images_of_different_sizes() -> None:
    made = Builder(2, 4, 6, 6)
    codes = made.encode("ternary")
    same = made.join(codes, codes)
    network = made.network(made.decode(same))
    pooled = dataclasses.replace(network.steps[1], sources=(codes, "small"))  # type: ignore[call-arg]
    made.pool(codes, Geometry((2, 2), (2, 2)))
    small = dataclasses.replace(made.steps[-1], target="small")  # type: ignore[call-arg]
    steps = (network.steps[0], small, pooled, *network.steps[2:])
    with pytest.raises(TernaryEngineError, match="4 x 6 x 6, 4 x 3 x 3 cannot be joined"):
        dataclasses.replace(network, steps=steps).run(made.input(2))
