"""Pools, tables and forms: every step on every kind of code, against the oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder, check

KINDS = [
    ("ternary", 1), ("binary", 1), ("unsigned", 1), ("unsigned", 3), ("unsigned", 8),
    ("signed", 2), ("signed", 8), ("signed", 9),
]  # fmt: skip
kinds = pytest.mark.parametrize(("kind", "bits"), KINDS)

POOLS = {
    "2 x 2": Geometry((2, 2), strides=(2, 2)),
    "overlapping": Geometry((3, 3), strides=(2, 1)),
    "padded": Geometry((3, 3), strides=(2, 2), pads=(1, 1, 1, 1)),
    "asymmetric": Geometry((3, 2), strides=(1, 2), pads=(0, 1, 2, 0)),
    "dilated": Geometry((2, 2), dilations=(2, 3)),
    "ceil": Geometry((2, 2), strides=(2, 2), ceil_mode=True),
    "ceil padded": Geometry((3, 3), strides=(3, 3), pads=(1, 1, 1, 1), ceil_mode=True),
    "ceil behind the image": Geometry((1, 1), strides=(3, 5), ceil_mode=True),
    "global": Geometry((5, 7)),
}


@kinds
@pytest.mark.parametrize("geometry", POOLS)
def test_pool(kind: str, bits: int, geometry: str) -> None:
    made = Builder(1, 6, 5, 7)
    pooled = made.pool(made.encode(kind, bits), POOLS[geometry])
    check(made.network(made.decode(pooled)), made.input(3), threads=1)


@kinds
@pytest.mark.parametrize("channels", [1, 63, 64, 65, 128])
def test_pool_of_any_channels_feeds_a_padded_layer(kind: str, bits: int, channels: int) -> None:
    made = Builder(2, channels, 4, 6)
    pooled = made.pool(made.encode(kind, bits), POOLS["2 x 2"])
    sums = made.crossbar(pooled, 5, Geometry((3, 3), pads=(1, 1, 1, 1)))
    check(made.network(made.scale(sums)), made.input(2))


@kinds
@pytest.mark.parametrize(
    ("form", "shape"),
    [("NCHW", (66, 3, 4)), ("NCL", (66, 5)), ("NC", (66,)), ("NTC", (5, 66))],
)
def test_decode_in_every_form(kind: str, bits: int, form: str, shape: tuple[int, ...]) -> None:
    made = Builder(3, *shape)
    codes = made.encode(kind, bits, channels_last=form == "NTC")
    check(made.network(made.decode(codes, form)), made.input(3))


@pytest.mark.parametrize(
    ("form", "shape"),
    [("NCHW", (7, 3, 4)), ("NCL", (7, 5)), ("NC", (7,)), ("NTC", (5, 7))],
)
def test_sums_in_every_form(form: str, shape: tuple[int, ...]) -> None:
    made = Builder(4, *shape)
    codes = made.encode("signed", 3, channels_last=form == "NTC")
    sums = made.crossbar(codes, 35, Geometry())
    outputs = (
        made.look_up(sums, form),
        made.scale(sums, form),
        made.scale(sums, form, offset=False),
    )
    check(made.network(*outputs), made.input(3))


@kinds
@pytest.mark.parametrize("outputs", [1, 17, 64, 70])
def test_look_up_codes(kind: str, bits: int, outputs: int) -> None:
    made = Builder(5, 6, 3, 4)
    sums = made.crossbar(made.encode("ternary"), outputs, Geometry((3, 3), pads=(1, 1, 1, 1)))
    codes = made.look_up_codes(sums, kind, bits)
    again = made.crossbar(codes, 4, Geometry((2, 2), pads=(1, 0, 0, 1)))
    check(made.network(made.decode(codes), made.scale(again)), made.input(3))


@kinds
def test_encode_of_special_values(kind: str, bits: int) -> None:
    made = Builder(6, 40, 3)
    codes = made.encode(kind, bits)
    network = made.network(made.decode(codes, "NCL"))
    x = made.input(4)
    x[0, :, 0], x[1, :, 0] = np.inf, -np.inf
    x[2, :, 1], x[3, :, 2] = np.nan, -0.0
    x[:, :, 1] = np.where(made.random.random((4, 40)) < 0.5, made.steps[0].thresholds[:, 0], 0)
    check(network, x)


@kinds
def test_readers_with_different_pads(kind: str, bits: int) -> None:
    made = Builder(7, 65, 4, 5)
    codes = made.encode(kind, bits)
    geometries = [
        Geometry(),
        Geometry((3, 3), pads=(1, 1, 1, 1)),
        Geometry((5, 2), pads=(2, 0, 2, 1)),
        Geometry((2, 2), pads=(0, 3, 0, 0), strides=(2, 2)),
    ]
    outputs = [made.scale(made.crossbar(codes, 6, geometry)) for geometry in geometries]
    pooled = made.pool(codes, Geometry((3, 3), pads=(1, 1, 1, 1)))
    check(made.network(*outputs, made.decode(pooled), made.decode(codes)), made.input(3))


@pytest.mark.parametrize("kind", ["ternary", "binary"])
def test_sums_with_several_readers(kind: str) -> None:
    """A threshold may not swallow sums that something else reads."""
    made = Builder(8, 5, 4, 4)
    sums = made.crossbar(made.encode("ternary"), 20, Geometry((3, 3), pads=(1, 1, 1, 1)))
    outputs = (made.decode(made.threshold(sums, kind)), made.scale(sums))
    other = made.decode(made.threshold(sums, kind))
    check(made.network(*outputs, other), made.input(3))


@settings(max_examples=80, deadline=None)
@given(st.data(), st.integers(0, 2**31))
def test_random_networks(data: st.DataObject, seed: int) -> None:
    """Up to five steps on an image, each with a geometry that fits."""
    draw = data.draw
    sizes = st.sampled_from([1, 2, 3, 16, 33, 64, 65])
    code = st.sampled_from(KINDS)
    made = Builder(seed, draw(sizes), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    codes = made.encode(*draw(code), one=draw(st.booleans()))
    for _ in range(draw(st.integers(1, 4))):
        _, channels, height, width = made.shape_of(codes)
        kernel = (draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width))))
        strides = (draw(st.integers(1, 2)), draw(st.integers(1, 2)))
        pads = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
        if draw(st.booleans()):
            codes = made.pool(codes, Geometry(kernel, strides, pads, ceil_mode=draw(st.booleans())))
            continue
        groups = draw(st.sampled_from([g for g in (1, 2, 3, channels) if channels % g == 0]))
        sums = made.crossbar(
            codes,
            groups * draw(st.integers(1, 20)),
            Geometry(kernel, strides, pads, groups=groups),
            largest=draw(st.sampled_from([1, 1, 4, 5])),
            binary=draw(st.booleans()),
        )
        if draw(st.integers(0, 3)) or made.reach[sums] > 20_000:
            codes = made.threshold(sums, *draw(code))
        else:
            codes = made.look_up_codes(sums, *draw(code))
    network = made.network(made.decode(codes))
    check(network, made.input(draw(st.sampled_from([1, 2, 9]))), threads=draw(st.integers(1, 2)))


def test_digital_and_real_steps() -> None:
    made = Builder(9, 3, 5, 6)
    real = made.real_convolution(18, made.negation())
    sums = made.crossbar(made.encode("ternary", source=real), 7, Geometry((2, 2)))
    network = made.network(made.scale(sums), real, made.negation(real))
    for threads in (1, 2):
        check(network, made.input(9), threads=threads)
