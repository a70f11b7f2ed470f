"""Packed files whose checksum fits but whose parts do not: refused before any kernel runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from ternary_engine import consistency, steps, storage
from ternary_engine.exceptions import FormatError, TernaryEngineError
from ternary_engine.network import Network, Port
from ternary_engine.steps import Geometry
from tests.runtime.builder import Builder
from tests.test_storage import full

NETWORK = full()[0]


def changed(kind: type[Any], **fields: Any) -> Network:
    """The network with fields of its first step (or layer, or port) of a kind changed."""
    place = {"Layer": "layers", "Port": "inputs"}.get(kind.__name__, "steps")
    items = list(getattr(NETWORK, place))
    index = next(i for i, item in enumerate(items) if type(item) is kind)
    items[index] = dataclasses.replace(items[index], **fields)
    return dataclasses.replace(NETWORK, **{place: tuple(items)})


def of(kind: type[Any]) -> Any:
    return next(s for s in (*NETWORK.steps, *NETWORK.layers) if type(s) is kind)


def codes(**fields: Any) -> Any:
    return dataclasses.replace(of(steps.Threshold).codes, **fields)


LAYER = type(NETWORK.layers[0])
CASES: list[tuple[Callable[[], Network], str]] = [
    (lambda: dataclasses.replace(NETWORK, steps=NETWORK.steps[1:]), "nothing makes its source"),
    (lambda: dataclasses.replace(NETWORK, steps=NETWORK.steps * 2), "is made twice"),
    (lambda: dataclasses.replace(NETWORK, steps=NETWORK.steps[:3]), "no step makes the output"),
    (lambda: dataclasses.replace(NETWORK, batching="some"), "batching 'some' is unknown"),
    (lambda: dataclasses.replace(NETWORK, layers=NETWORK.layers * 2), "two layers"),
    (lambda: dataclasses.replace(NETWORK, notes=(1,)), "Network.notes holds a value of the wrong"),  # type: ignore[arg-type]
    (lambda: changed(Port, dtype="nonsense"), "dtype 'nonsense' is no number"),
    (lambda: changed(Port, shape=(None, -3, 6, 6)), "a size is negative"),
    (lambda: changed(LAYER, shape=(20, 3)), "pairs for weights of shape"),
    (lambda: changed(LAYER, output_axis=9), "output axis 9"),
    (lambda: changed(LAYER, placement="digital"), "pairs and placement disagree"),
    (lambda: changed(LAYER, scales=np.ones(3, np.float32)), r"scales of shape \(3,\)"),
    (lambda: changed(LAYER, scales=np.full(1, np.nan, np.float32)), "a scale is NaN"),
    (lambda: changed(LAYER, scales=np.ones(1)), "Layer.scales holds a value of the wrong type"),
    (lambda: changed(LAYER, binary=True), "a binary layer stores a 0"),
    (lambda: changed(steps.Crossbar, layer="none"), "no crossbar layer 'none'"),
    (lambda: changed(steps.Crossbar, source="x"), "is real, not codes"),
    (lambda: changed(steps.Crossbar, apart=True), "two sums for one"),
    (lambda: changed(steps.Crossbar, geometry=Geometry((3, 3), groups=7)), "outputs in 7"),
    (lambda: changed(steps.Crossbar, geometry=Geometry((2, 5))), "under a window"),
    (lambda: changed(steps.Crossbar, geometry=Geometry((3, 3), (0, 1))), "makes no sense"),
    (lambda: changed(steps.Pool, geometry=Geometry((2, 2), pads=(2, 0, 0, 0))), "in the padding"),
    (lambda: changed(steps.Pool, smallest=np.zeros(3, np.bool_)), "directions for 3 channels"),
    (lambda: changed(steps.Threshold, codes=codes(values=(0.0,))), "a code of 1 values"),
    (lambda: changed(steps.Threshold, codes=codes(bits=40)), "a code of 40 bits"),
    (lambda: changed(steps.Threshold, codes=codes(scale=-1.0)), "a code with step"),
    (lambda: changed(steps.Threshold, thresholds=of(steps.Threshold).thresholds[:4]),
     "thresholds for 4 channels"),
    (lambda: changed(steps.Threshold, thresholds=of(steps.Threshold).thresholds[:, ::-1]),
     "not ascending"),
    (lambda: changed(steps.LookupCodes, minimum=0), "sums reach"),
    (lambda: changed(steps.LookupCodes, table=of(steps.LookupCodes).table + np.int16(9)),
     "numbers that the code has not"),
    (lambda: changed(steps.LookupReal, form="HWC"), "form 'HWC'"),
    (lambda: changed(steps.ScaleReal, scale=np.ones(1, np.float32)), "scale of another shape"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CASES, ids=[message for _, message in CASES])
def test_parts_that_do_not_fit(tmp_path: Path, change: Callable[[], Network], message: str) -> None:
    change().save(tmp_path / "net.tern")
    with pytest.raises(FormatError, match=message) as caught:
        storage.load(tmp_path / "net.tern")
    assert len(str(caught.value).splitlines()) == 1


def test_a_network_with_every_step_fits() -> None:
    consistency.check(NETWORK)


def _shaped(made: Builder, *shape: int) -> Network:
    """The network, its input turned into another shape by a digital piece at its beginning."""
    network = made.network()
    node = helper.make_node("Reshape", ["raw", "shape"], ["x"])
    graph = helper.make_graph(
        [node], "piece", [helper.make_tensor_value_info("raw", TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)],
        [helper.make_tensor("shape", TensorProto.INT64, [len(shape)], shape)],
    )  # fmt: skip
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    piece = steps.Digital(sources=("raw",), targets=("x",), model=model.SerializeToString())
    port = dataclasses.replace(network.inputs[0], name="raw")
    outputs = (Port(network.steps[-1].target, "float32", (None,)),)  # type: ignore[union-attr]
    return dataclasses.replace(
        network, inputs=(port,), outputs=outputs, steps=(piece, *network.steps)
    )


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((-1, 8, 6, 3), "its weights take 4 channels, its source has 8"),
        ((-1, 4, 6), "codes of 3 samples cannot be made of float32"),
        ((1, -1), "codes of 3 samples cannot be made of float32"),
        ((3, 4, 6, 6, 1), "codes of 3 samples cannot be made of float32"),
    ],
)
def test_what_only_a_run_shows(shape: tuple[int, ...], message: str) -> None:
    made = Builder(1, 4, 6, 6)
    made.scale(made.crossbar(made.encode("ternary", one=True), 5, Geometry((3, 3))))
    network = _shaped(made, *shape)
    consistency.check(network)
    with pytest.raises(TernaryEngineError, match=message):
        network.run(made.input(3))


def test_images_that_the_form_has_no_place_for() -> None:
    made = Builder(2, 4, 6, 6)
    sums = made.crossbar(made.encode("ternary"), 5, Geometry((3, 3)))
    for finish in (made.scale, made.look_up):
        network = dataclasses.replace(made.network(finish(sums)), steps=(*made.steps,))
        last = dataclasses.replace(network.steps[-1], form="NC")  # type: ignore[arg-type]
        cut = dataclasses.replace(network, steps=(*network.steps[:-1], last))
        with pytest.raises(TernaryEngineError, match="4 x 4 does not fit the form NC"):
            cut.run(made.input(2))


def test_pieces_read_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """External data in a piece of a packed file would be looked for in the user's folder."""
    (tmp_path / "secret.bin").write_bytes(np.ones(4, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret.bin")
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])], "piece",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4])], [tensor],
    )  # fmt: skip
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    piece = steps.Digital(sources=("x",), targets=("y",), model=model.SerializeToString())
    ports = [Port(name, "float32", (None, 4)) for name in "xy"]
    network = Network(inputs=(ports[0],), outputs=(ports[1],), layers=(), steps=(piece,))
    with pytest.raises(TernaryEngineError, match="External data path"):
        network.run(np.zeros((1, 4), np.float32))
