"""Networks of one crossbar layer whose sums come out as they are, built from steps by hand."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

import ternary_engine as te
from ternary_engine.layer import Layer
from ternary_engine.network import Network, Port
from ternary_engine.steps import Crossbar, Encode, Geometry, RealCrossbar, ScaleReal, Step
from tests.oracles import naive_errors, products

Int64Array = npt.NDArray[np.int64]
Float64Array = npt.NDArray[np.float64]
QUARTER = 0.25  # real inputs are whole quarters, so that float32 sums are exact


@dataclass(frozen=True)
class Case:
    """One layer.

    Attributes:
        kind, bits: of the input's code; "real" for real inputs.
        channels, size, outputs: of the input image and of the layer.
        planes: trit planes of the weights.
        binary: the weights have no zero.
        matmul: the weights' last axis counts outputs.
    """

    kind: str = "ternary"
    bits: int = 1
    channels: int = 3
    size: tuple[int, int] = (1, 1)
    outputs: int = 4
    geometry: Geometry = field(default_factory=Geometry)
    planes: int = 1
    binary: bool = False
    matmul: bool = False

    @property
    def linear(self) -> bool:
        return self.size == (1, 1)

    @property
    def shape(self) -> tuple[int, ...]:
        """ONNX shape of the weights."""
        per_group = self.channels // self.geometry.groups
        if self.linear:
            return (per_group, self.outputs) if self.matmul else (self.outputs, per_group)
        return (self.outputs, per_group, *self.geometry.kernel)


_PADDED = Geometry((3, 3), pads=(1, 1, 1, 1))
_STRIDED = Geometry((3, 2), strides=(2, 1), pads=(1, 0, 0, 1))
_DILATED = Geometry((2, 2), dilations=(2, 1), pads=(1, 1, 1, 1))

CASES = {
    "linear": Case(channels=40),
    "linear, 70 inputs of one trit plane": Case(channels=70, outputs=17, matmul=True),
    "convolution": Case(size=(3, 3), geometry=_PADDED),
    "strides": Case(size=(5, 3), geometry=_STRIDED),
    "dilation": Case(size=(4, 3), geometry=_DILATED),
    "groups": Case(channels=6, size=(3, 3), outputs=4, geometry=replace(_PADDED, groups=2)),
    "depthwise": Case(channels=20, size=(2, 2), outputs=20, geometry=replace(_PADDED, groups=20)),
    "two trit planes": Case(size=(2, 3), geometry=_PADDED, planes=2),
    "binary inputs": Case("binary", size=(3, 3), geometry=_PADDED),
    "binary inputs, groups": Case(
        "binary", channels=4, size=(3, 2), geometry=replace(_PADDED, groups=2)
    ),
    "binary": Case("binary", channels=30, binary=True),
    "binary convolution": Case("binary", size=(3, 3), geometry=_PADDED, binary=True),
    "binary groups": Case(
        "binary", channels=4, size=(3, 2), geometry=replace(_PADDED, groups=2), binary=True
    ),
    "one bit": Case("unsigned", 1, channels=30),
    "three bits": Case("unsigned", 3, size=(3, 3), geometry=_PADDED),
    "signed, four bits": Case("signed", 4, channels=12, matmul=True),
    "three bits, groups": Case(
        "unsigned", 3, channels=4, size=(3, 2), geometry=replace(_STRIDED, groups=2)
    ),
    "three bits, two trit planes": Case("unsigned", 3, channels=10, planes=2),
    "real": Case("real", channels=30),
    "real, columns": Case("real", channels=9, planes=2, matmul=True),
    "real convolution": Case("real", size=(4, 3), geometry=_STRIDED),
    "real groups": Case("real", channels=4, size=(3, 3), geometry=replace(_PADDED, groups=2)),
}

_FLIP, _DROP, _RISE, _MIXED = {"sign_flip": 0.2}, {"drop": 0.3}, {"rise": 0.25}, None
_UNEVEN = [[0.85, 0.1, 0.05], [0.15, 0.8, 0.05], [0.02, 0.13, 0.85]]
_TWO_STATES = [[0.85, 0.0, 0.15], [0.1, 0.8, 0.1], [0.3, 0.0, 0.7]]


def kinds_of_errors(case: Case, strength: float = 1.0) -> dict[str, te.SenseErrors]:
    """Every kind of error that the layer can have; ``strength`` multiplies all rates."""

    def table(rows: list[list[float]]) -> te.SenseErrors:
        weakened = np.eye(3) + strength * (np.array(rows) - np.eye(3))
        return te.SenseErrors.from_table(weakened)

    flips = te.SenseErrors(sign_flip=0.2 * strength)
    if case.binary:
        return {
            "sign flips": flips,
            "bit error rate": te.SenseErrors.from_ber(0.1 * strength),
            "uneven table": table(_TWO_STATES),
        }
    return {
        "sign flips": flips,
        "drops": te.SenseErrors(drop=0.3 * strength),
        "rises": te.SenseErrors(rise=0.25 * strength),
        "all three": te.SenseErrors(
            sign_flip=0.05 * strength, drop=0.1 * strength, rise=0.3 * strength
        ),
        "bit error rate": te.SenseErrors.from_ber(0.15 * strength),
        "uneven table": table(_UNEVEN),
    }


@dataclass(frozen=True, eq=False)
class Single:
    """A network of one layer named ``layer``, and what the oracle needs to know of it."""

    case: Case
    network: Network
    trits: Int64Array  # [planes, outputs, channels of a group, kernel rows, kernel columns]

    @property
    def layer(self) -> Layer:
        return self.network.layers[0]

    def image(self, seed: int) -> Int64Array:
        """Random integers of the code (1, C, H, W), the input 0 among them."""
        random = np.random.default_rng(seed)
        shape = (1, self.case.channels, *self.case.size)
        if self.case.kind == "real":
            return random.integers(-3, 4, shape)
        codes = products.make_codes(self.case.kind, self.case.bits)
        return random.choice(np.array(codes.integers), shape).astype(np.int64)

    def feed(self, image: Int64Array, samples: int) -> npt.NDArray[np.float32]:
        """The image as the network takes it, repeated."""
        unit = QUARTER if self.case.kind == "real" else 1.0
        x = np.repeat((image * unit).astype(np.float32), samples, axis=0)
        return x.reshape(samples, -1) if self.case.linear else x

    def sums(self, y: npt.NDArray[Any]) -> Int64Array:
        """What the network gave as integer sums (sample, output, row, column)."""
        unit = QUARTER if self.case.kind == "real" else 1.0
        whole = np.rint(y / unit).astype(np.int64)
        assert (whole * unit == y).all()
        return whole.reshape(*whole.shape[:2], *(1, 1, *whole.shape[2:])[-2:])

    def change(
        self, image: Int64Array, samples: int, errors: te.SenseErrors, seed: int, **how: Any
    ) -> Int64Array:
        """Change of the sums by the engine's errors; (sample, output, row, column)."""
        clean = naive_errors.convolve(image, self.weights, self.case.geometry)
        if samples > 100:  # learn how much memory a sample takes, or all chunks are the smallest
            self.network.run(self.feed(image, 1))
        noisy = self.network.run(self.feed(image, samples), errors=errors, seed=seed, **how)
        return self.sums(np.asarray(noisy)) - clean

    def naive(
        self, image: Int64Array, samples: int, errors: te.SenseErrors, seed: int,
        batch_size: int | None = None,
    ) -> Int64Array:  # fmt: skip
        """The same from the oracle."""
        clean = naive_errors.convolve(image, self.weights, self.case.geometry)
        images = np.repeat(image, samples, axis=0)
        table, random = errors.resolve(self.layer), np.random.default_rng(seed)
        code = (self.case.kind, self.case.bits)
        return (
            naive_errors.sums(
                images, *code, self.trits, self.case.geometry, table, errors.per, random, batch_size
            )
            - clean
        )

    def cells(self, image: Int64Array) -> list[tuple[list[tuple[int, Int64Array]], Int64Array]]:
        """What each output at each position is shown, and its trits; (output, row, column)."""
        geometry, per_group = self.case.geometry, self.trits.shape[2]
        found = []
        windows = [
            (coefficient, naive_errors.windows_of(shown, geometry)[0])
            for coefficient, shown in naive_errors.presentations(
                image, self.case.kind, self.case.bits
            )
        ]
        rows, columns = windows[0][1].shape[1:3]
        for output in range(self.case.outputs):
            first = output // (self.case.outputs // geometry.groups) * per_group
            stored = self.trits[:, output].reshape(len(self.trits), -1)
            for row in range(rows):
                for column in range(columns):
                    shown = [
                        (c, w[first : first + per_group, row, column].reshape(-1))
                        for c, w in windows
                    ]
                    found.append((shown, stored))
        return found

    @functools.cached_property
    def weights(self) -> Int64Array:
        """Integer weights (outputs, channels of a group, kernel rows, kernel columns)."""
        factors = (3 ** np.arange(len(self.trits))).reshape(-1, 1, 1, 1, 1)
        total: Int64Array = (self.trits * factors).sum(0)
        return total


def build(case: Case, seed: int = 0, codes: Int64Array | None = None) -> Single:
    """A network of one layer.

    Args:
        case: the layer. seed: of its weights.
        codes: integer weights in ONNX shape instead.
    """
    random = np.random.default_rng(seed)
    most = (3**case.planes - 1) // 2
    if codes is None:
        codes = random.integers(-most, most + 1, case.shape)
        if case.binary:
            codes = random.choice([-1, 1], case.shape)
        codes.flat[0] = most
    axis = 1 if case.matmul else 0
    name = f"{case.bits} bits" if case.kind in ("unsigned", "signed") else case.kind
    layer = Layer(
        name="layer", op="Gemm" if case.linear else "Conv",
        kind="linear" if case.linear else "conv",
        placement="crossbar", input=name, reason="by hand", shape=case.shape, output_axis=axis,
        scales=np.ones(1, np.float32), pairs=Layer.pack(codes.astype(np.int8)),
        levels=2 * most + 1, binary=case.binary,
    )  # fmt: skip
    free = () if case.linear else (None, None)
    network = Network(
        inputs=(Port("x", "float32", (None, case.channels, *(() if case.linear else case.size))),),
        outputs=(Port("y", "float32", (None, case.outputs, *free)),),
        layers=(layer,),
        steps=_real_steps(case) if case.kind == "real" else _code_steps(case),
    )
    ordered = np.moveaxis(layer.trits.astype(np.int64), axis + 1, 1)
    kernel = case.geometry.kernel
    return Single(case, network, ordered.reshape(case.planes, case.outputs, -1, *kernel))


def _code_steps(case: Case) -> tuple[Step, ...]:
    codes = products.make_codes(case.kind, case.bits)
    between = (np.array(codes.values[1:]) + np.array(codes.values[:-1])) / 2
    encode = Encode(
        source="x", target="codes", codes=codes, thresholds=between[None].astype(np.float32),
        decreasing=np.zeros(1, np.bool_),
    )  # fmt: skip
    scale = ScaleReal(
        source="sums", target="y", scale=np.ones(case.outputs, np.float32), offset=None,
        form="NC" if case.linear else "NCHW",
    )  # fmt: skip
    crossbar = Crossbar(source="codes", target="sums", layer="layer", geometry=case.geometry)
    return encode, crossbar, scale


def _real_steps(case: Case) -> tuple[Step, ...]:
    geometry, free = case.geometry, [] if case.linear else ["H", "W"]
    if case.linear:
        node = helper.make_node("Gemm", ["x", "weights"], ["y"], transB=int(not case.matmul))
    else:
        node = helper.make_node(
            "Conv", ["x", "weights"], ["y"], kernel_shape=geometry.kernel, group=geometry.groups,
            pads=geometry.pads, strides=geometry.strides, dilations=geometry.dilations,
        )  # fmt: skip
    number = TensorProto.FLOAT
    graph = helper.make_graph(
        [node],
        "layer",
        [
            helper.make_tensor_value_info("x", number, ["N", case.channels, *free]),
            helper.make_tensor_value_info("weights", number, case.shape),
        ],
        [helper.make_tensor_value_info("y", number, ["N", case.outputs, *free])],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    form = "NC" if case.linear else "NCHW"
    return (
        RealCrossbar(
            source="x", target="y", layer="layer", model=model, geometry=geometry, form=form
        ),
    )
