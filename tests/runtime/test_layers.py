"""One crossbar layer at a time, with every input code and geometry, against the oracle."""

from __future__ import annotations

import pytest

from ternary_engine.runtime.plan import build_operations
from ternary_engine.runtime.sensed import SensedCrossbar
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder, check

BITS = [("unsigned", bits) for bits in range(1, 10)] + [("signed", bits) for bits in range(2, 10)]
INPUTS = [("ternary", 1), ("binary", 1), ("unsigned", 1), ("unsigned", 4), ("signed", 3)]
CHANNELS = (1, 3, 16, 63, 64, 65, 127, 128)
inputs = pytest.mark.parametrize(("kind", "bits"), INPUTS)

GEOMETRIES = {
    "1 x 1": Geometry(),
    "3 x 3": Geometry((3, 3)),
    "padded": Geometry((3, 3), pads=(1, 1, 1, 1)),
    "strided": Geometry((3, 3), strides=(2, 3), pads=(1, 1, 1, 1)),
    "asymmetric": Geometry((3, 2), strides=(2, 1), pads=(0, 1, 2, 0)),
    "dilated": Geometry((2, 3), pads=(2, 3, 2, 3), dilations=(3, 2)),
    "1 x 1 padded": Geometry(strides=(2, 2), pads=(1, 0, 1, 2)),
    "wide": Geometry((1, 5), pads=(0, 2, 0, 2)),
    "whole image": Geometry((6, 7)),
    "padding alone": Geometry((2, 2), pads=(2, 2, 2, 2), dilations=(1, 1)),
}


def _layer(
    kind: str,
    bits: int,
    channels: int,
    outputs: int,
    geometry: Geometry,
    *,
    binary: bool = False,
    largest: int = 1,
    code: tuple[str, int] | None = None,
    image: tuple[int, int] = (6, 7),
) -> None:
    """x -> codes -> sums -> codes or values, on three samples."""
    made = Builder(channels + outputs, channels, *image)
    codes = made.encode(kind, bits)
    sums = made.crossbar(codes, outputs, geometry, binary=binary, largest=largest)
    last = made.scale(sums) if code is None else made.decode(made.threshold(sums, *code))
    check(made.network(last), made.input(3), threads=1)


@inputs
@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("binary", [False, True])
def test_geometries(kind: str, bits: int, geometry: str, binary: bool) -> None:
    _layer(kind, bits, 5, 18, GEOMETRIES[geometry], binary=binary)


@pytest.mark.parametrize(("kind", "bits"), BITS)
def test_bit_serial_inputs(kind: str, bits: int) -> None:
    _layer(kind, bits, 9, 17, GEOMETRIES["padded"])


@inputs
@pytest.mark.parametrize("channels", CHANNELS)
def test_channels(kind: str, bits: int, channels: int) -> None:
    _layer(kind, bits, channels, 17, GEOMETRIES["padded"], image=(3, 4))
    _layer(kind, bits, channels, 17, GEOMETRIES["padded"], image=(3, 4), code=("ternary", 1))


@pytest.mark.parametrize("code", [("ternary", 1), ("binary", 1), ("unsigned", 2), ("signed", 4)])
@pytest.mark.parametrize("outputs", [1, 15, 16, 17, 33, 64, 65, 130])
def test_outputs(code: tuple[str, int], outputs: int) -> None:
    _layer("ternary", 1, 3, outputs, GEOMETRIES["padded"], code=code, image=(3, 3))


@inputs
@pytest.mark.parametrize("largest", [2, 4, 13, 40])
@pytest.mark.parametrize("code", [None, ("ternary", 1), ("unsigned", 3)])
def test_several_weight_planes(
    kind: str, bits: int, largest: int, code: tuple[str, int] | None
) -> None:
    _layer(kind, bits, 5, 18, GEOMETRIES["padded"], largest=largest, code=code)


@inputs
@pytest.mark.parametrize(
    ("channels", "outputs", "groups"),
    [
        (4, 6, 2), (6, 6, 6), (3, 12, 3), (70, 70, 70), (128, 34, 2), (130, 65, 65), (129, 48, 3),
        (192, 96, 3), (96, 160, 32), (64, 16, 16), (256, 8, 4),
    ],
)  # fmt: skip
@pytest.mark.parametrize("binary", [False, True])
def test_groups(
    kind: str, bits: int, channels: int, outputs: int, groups: int, binary: bool
) -> None:
    geometry = Geometry((2, 3), strides=(1, 2), pads=(1, 1, 0, 1), groups=groups)
    _layer(kind, bits, channels, outputs, geometry, binary=binary, image=(3, 4))


@pytest.mark.parametrize(
    ("channels", "outputs", "groups", "kernel", "wanted"),
    [
        (70, 70, 70, (3, 3), True), (1, 1, 1, (3, 3), False), (6, 12, 6, (3, 3), False),
        (8, 8, 4, (3, 3), False), (5, 5, 5, (5, 6), True), (5, 5, 5, (8, 4), False),
    ],
)  # fmt: skip
def test_depthwise_layers_run_on_slices(
    channels: int, outputs: int, groups: int, kernel: tuple[int, int], wanted: bool
) -> None:
    made = Builder(2, channels, 9, 8)
    sums = made.crossbar(made.encode("ternary"), outputs, Geometry(kernel, groups=groups))
    network = made.network(made.scale(sums))
    operation = next(one for one in build_operations(network) if isinstance(one, SensedCrossbar))
    assert (operation.operation.depthwise is not None) == wanted
    check(network, made.input(3))


@inputs
@pytest.mark.parametrize("output_axis", [0, 1])
@pytest.mark.parametrize("binary", [False, True])
def test_linear(kind: str, bits: int, output_axis: int, binary: bool) -> None:
    made = Builder(3, 150)
    codes = made.encode(kind, bits)
    sums = made.crossbar(codes, 37, output_axis=output_axis, binary=binary)
    outputs = (made.look_up(sums, "NC"), made.scale(sums, "NC", offset=False))
    check(made.network(*outputs), made.input(7))


@inputs
@pytest.mark.parametrize("output_axis", [0, 1])
def test_linear_after_a_flattened_image(kind: str, bits: int, output_axis: int) -> None:
    made = Builder(4, 5, 3, 4)
    sums = made.crossbar(made.encode(kind, bits), 19, output_axis=output_axis)
    check(made.network(made.scale(sums, "NC")), made.input(5))


@inputs
def test_one_dimension(kind: str, bits: int) -> None:
    made = Builder(5, 6, 20)
    geometry = Geometry((1, 4), strides=(1, 2), pads=(0, 2, 0, 1), dilations=(1, 2))
    sums = made.crossbar(made.encode(kind, bits, one=True), 21, geometry)
    codes = made.threshold(sums, "ternary")
    outputs = (made.scale(sums, "NCL"), made.look_up(sums, "NCL"), made.decode(codes, "NCL"))
    check(made.network(*outputs), made.input(4))


@inputs
@pytest.mark.parametrize("channels", [3, 64, 70])
def test_sequences(kind: str, bits: int, channels: int) -> None:
    made = Builder(6, 11, channels)
    codes = made.encode(kind, bits, channels_last=True)
    sums = made.crossbar(codes, 33, Geometry())
    again = made.crossbar(made.threshold(sums, "binary"), 9, Geometry(), binary=True)
    outputs = (made.scale(sums, "NTC"), made.look_up(again, "NTC"), made.decode(codes, "NTC"))
    check(made.network(*outputs), made.input(3))


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize(("kind", "bits"), [("ternary", 1), ("unsigned", 3)])
def test_a_window_larger_than_the_image_is_refused(rows: int, kind: str, bits: int) -> None:
    made = Builder(7, 3, 4, 4)
    codes = made.encode(kind, bits)
    network = made.network(made.scale(made.crossbar(codes, 4, Geometry((4, 4)))))
    small = Builder(7, 3, rows, 4)
    object.__setattr__(network, "inputs", small.network().inputs)
    with pytest.raises(ValueError, match=r"window of \(4, 4\).*does not fit an image"):
        network.run(small.input(2))
