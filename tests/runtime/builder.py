"""Networks made of steps by hand, with random weights, thresholds and tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from ternary_engine import steps
from ternary_engine.codes import Codes
from ternary_engine.layer import Layer
from ternary_engine.network import Network, Port
from ternary_engine.steps import Geometry
from tests.oracles import interpreter, products

Array = npt.NDArray[Any]
NEVER = np.iinfo(np.int32).max


class Builder:
    """A network under construction; each method adds one step and names its target.

    Shapes and ranges come from running the oracle on a first sample, so they need no thought.
    """

    def __init__(self, seed: int, *shape: int, batching: str = "free") -> None:
        self.random = np.random.default_rng(seed)
        self.shape = shape
        self.steps: list[steps.Step] = []
        self.layers: list[Layer] = []
        self.batching = batching
        self.codes: dict[str, Codes] = {}
        self.reach: dict[str, int] = {}  # largest absolute value of sums

    def input(self, samples: int) -> npt.NDArray[np.float32]:
        """Random samples."""
        return self.random.normal(size=(samples, *self.shape)).astype(np.float32)

    def _name(self, word: str) -> str:
        return f"{word}{len(self.steps)}"

    def network(self, *outputs: str) -> Network:
        values = self._values()
        return Network(
            inputs=(Port("x", "float32", (None, *self.shape)),),
            outputs=tuple(Port(o, "float32", (None, *values[o].shape[1:])) for o in outputs),
            layers=tuple(self.layers),
            steps=tuple(self.steps),
            batching=self.batching,
        )

    def _values(self) -> dict[str, Array]:
        """Every value for one sample of zeros."""
        held = Network(inputs=(), outputs=(), layers=tuple(self.layers), steps=tuple(self.steps))
        return interpreter.trace(held, {"x": np.zeros((1, *self.shape), np.float32)})

    def shape_of(self, name: str) -> tuple[int, ...]:
        return self._values()[name].shape

    # Into codes

    def _steps_of(self, rows: int, kind: str, bits: int, spread: float) -> tuple[Codes, Array]:
        codes = products.make_codes(kind, bits, scale=0.25)
        thresholds = self.random.normal(0, spread, (rows, len(codes.values) - 1))
        return codes, np.sort(thresholds, axis=1)

    def encode(
        self, kind: str, bits: int = 1, *, one: bool = False, channels_last: bool = False,
        source: str = "x",
    ) -> str:  # fmt: skip
        shape = self.shape_of(source)
        rows = 1 if one else shape[-1 if channels_last else 1]
        codes, thresholds = self._steps_of(rows, kind, bits, 0.7)
        step = steps.Encode(
            source=source,
            target=self._name("codes"),
            codes=codes,
            thresholds=thresholds.astype(np.float32),
            decreasing=self.random.random(rows) < 0.3,
            channels_last=channels_last,
        )
        self.codes[step.target] = codes
        self.steps.append(step)
        return step.target

    def threshold(self, source: str, kind: str, bits: int = 1) -> str:
        """Thresholds where sums are dense, some equal, some beyond reach."""
        channels = self.shape_of(source)[1]
        codes, thresholds = self._steps_of(channels, kind, bits, self.reach[source] ** 0.5)
        whole = np.rint(thresholds).astype(np.int32)
        whole[0::7, -1] = NEVER
        whole[1::7, 0] = -NEVER
        whole[2::7] = whole[2::7, :1]
        step = steps.Threshold(
            source=source,
            target=self._name("codes"),
            codes=codes,
            thresholds=np.sort(whole, axis=1),
            decreasing=self.random.random(channels) < 0.3,
        )
        self.codes[step.target] = codes
        self.steps.append(step)
        return step.target

    def look_up_codes(self, source: str, kind: str, bits: int = 1) -> str:
        channels, reach = self.shape_of(source)[1], self.reach[source]
        codes = products.make_codes(kind, bits)
        table = self.random.choice(np.array(codes.integers), (channels, 2 * reach + 1))
        step = steps.LookupCodes(
            source=source,
            target=self._name("codes"),
            codes=codes,
            minimum=-reach,
            table=table.astype(np.int16),
        )
        self.codes[step.target] = codes
        self.steps.append(step)
        return step.target

    def pool(self, source: str, geometry: Geometry) -> str:
        smallest = self.random.random(self.shape_of(source)[1]) < 0.4
        step = steps.Pool(
            source=source, target=self._name("pooled"), geometry=geometry, smallest=smallest
        )
        self.codes[step.target] = self.codes[source]
        self.steps.append(step)
        return step.target

    def join(self, *sources: str) -> str:
        step = steps.Join(sources=sources, target=self._name("joined"))
        self.codes[step.target] = self.codes[sources[0]]
        self.steps.append(step)
        return step.target

    # Products

    def crossbar(
        self,
        source: str,
        outputs: int,
        geometry: Geometry | None = None,
        *,
        largest: int = 1,
        binary: bool = False,
        output_axis: int = 0,
    ) -> str:
        """A convolution; without a geometry, a linear layer over the flattened image."""
        channels, *image = self.shape_of(source)[1:]
        linear = geometry is None
        if geometry is None:
            geometry = Geometry(kernel=(image[0], image[1]))
        taps = geometry.kernel
        if linear:
            shape: tuple[int, ...] = (outputs, channels * taps[0] * taps[1])
        else:
            shape = (outputs, channels // geometry.groups, *taps)
        weights = self.random.integers(-largest, largest + 1, shape)
        if binary:
            weights = self.random.choice([-1, 1], shape)
        if largest > 1:
            weights.reshape(-1)[0] = largest  # so that all its planes are there
        weights = np.ascontiguousarray(np.moveaxis(weights.astype(np.int8), 0, output_axis))
        layer = Layer(
            name=self._name("layer"),
            op="Gemm" if linear else "Conv",
            kind="linear" if linear else "conv",
            placement="crossbar",
            input=self.codes[source].label,
            reason="",
            shape=weights.shape,
            output_axis=output_axis,
            scales=np.ones(1, np.float32),
            pairs=Layer.pack(weights),
            levels=2 * largest + 1,
            binary=binary,
        )
        self.layers.append(layer)
        step = steps.Crossbar(
            source=source, target=self._name("sums"), layer=layer.name, geometry=geometry
        )
        self.steps.append(step)
        each = max(abs(i) for i in self.codes[source].integers)
        self.reach[step.target] = int(np.prod(shape[1:])) * largest * each
        return step.target

    # Digital and real

    def negation(self, source: str = "x") -> str:
        """A digital step."""
        target = self._name("minus")
        model = _one_node("Neg", [source], target)
        self.steps.append(steps.Digital(sources=(source,), targets=(target,), model=model))
        return target

    def real_convolution(self, outputs: int, source: str = "x") -> str:
        """A 3 x 3 ternary layer whose input is real, with a scale for each sign and output."""
        shape = (outputs, self.shape_of(source)[1], 3, 3)
        weights = self.random.integers(-1, 2, shape, np.int8)
        layer = Layer(
            name=self._name("layer"), op="Conv", kind="conv", placement="crossbar", input="real",
            reason="", shape=shape, output_axis=0,
            scales=self.random.uniform(0.5, 2, (outputs, 2)).astype(np.float32),
            pairs=Layer.pack(weights), levels=3,
        )  # fmt: skip
        self.layers.append(layer)
        target = self._name("real")
        step = steps.RealCrossbar(
            source=source, target=target, layer=layer.name,
            model=_one_node("Conv", [source, "weights"], target, pads=[1, 1, 1, 1]),
            geometry=Geometry((3, 3), pads=(1, 1, 1, 1)), form="NCHW",
        )  # fmt: skip
        self.steps.append(step)
        return target

    # Out of codes and sums

    def decode(self, source: str, form: str = "NCHW") -> str:
        step = steps.Decode(source=source, target=self._name("real"), form=form)
        self.steps.append(step)
        return step.target

    def look_up(self, source: str, form: str = "NCHW") -> str:
        channels, reach = self.shape_of(source)[1], self.reach[source]
        table = self.random.normal(size=(channels, 2 * reach + 1)).astype(np.float32)
        step = steps.LookupReal(
            source=source, target=self._name("real"), minimum=-reach, table=table, form=form
        )
        self.steps.append(step)
        return step.target

    def scale(self, source: str, form: str = "NCHW", *, offset: bool = True) -> str:
        channels = self.shape_of(source)[1]
        factors, offsets = self.random.normal(size=(2, channels)).astype(np.float32)
        step = steps.ScaleReal(
            source=source,
            target=self._name("real"),
            scale=factors,
            offset=offsets if offset else None,
            form=form,
        )
        self.steps.append(step)
        return step.target


def _one_node(op: str, sources: list[str], target: str, **attributes: Any) -> bytes:
    graph = helper.make_graph(
        [helper.make_node(op, sources, [target], **attributes)],
        "piece",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in sources],
        [helper.make_tensor_value_info(target, TensorProto.FLOAT, None)],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opset)
    return bytes(model.SerializeToString())


def check(network: Network, x: Array, **options: Any) -> None:
    """The network gives what the oracle gives, rounding included (-0.0 and 0.0 are one)."""
    values = interpreter.trace(network, {"x": x})
    got = network.run({"x": x}, **options)
    for port in network.outputs:
        assert got[port.name].dtype == np.float32
        np.testing.assert_array_equal(got[port.name], values[port.name].astype(np.float32))
