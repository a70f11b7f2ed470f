"""Files that cannot be imported: one clear error each: subject, what it got, what it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from ternary_engine.converters import convert
from ternary_engine.exceptions import ConversionError
from tests import networks


def small() -> onnx.ModelProto:
    return networks.mlp((8, 4, 3))


def saved(tmp_path: Path, *, external: bool = True) -> Path:
    path = tmp_path / "model.onnx"
    onnx.save(
        networks.mlp((64, 32, 3)), path, save_as_external_data=external, location="weights.bin",
        size_threshold=0,
    )  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n rest", "starting 89 50 4e 47"),
        (b"{}", "not an ONNX model"),
        (b"\x08\x08", "it has no graph"),
    ],
)
def test_not_onnx(tmp_path: Path, data: bytes, text: str) -> None:
    with pytest.raises(ConversionError, match=text):
        convert(data)
    path = tmp_path / "file.onnx"
    path.write_bytes(data)
    with pytest.raises(ConversionError, match=r"^file\.onnx: "):
        convert(path)


def test_truncated_anywhere() -> None:
    data = small().SerializeToString()
    for size in range(0, len(data), max(len(data) // 40, 1)):
        with pytest.raises(ConversionError):
            convert(data[:size])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"none\.onnx: cannot be read: No such file"):
        convert(tmp_path / "none.onnx")


def test_wrong_type() -> None:
    with pytest.raises(TypeError, match=r"path, bytes or onnx\.ModelProto; got int"):
        convert(3)  # type: ignore[arg-type]


def test_external_data(tmp_path: Path) -> None:
    assert len(convert(saved(tmp_path)).layers) == 2
    assert len(convert(str(saved(tmp_path))).layers) == 2


def test_external_data_missing(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(
        ConversionError, match=r"tensor '.*' lies in 'weights.bin', which is missing"
    ):
        convert(path)


def test_external_data_too_short(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "weights.bin").write_bytes(b"1234")
    with pytest.raises(ConversionError, match="external data of tensor"):
        convert(path)


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "a/../../secret.bin"])
def test_external_data_outside_the_folder(tmp_path: Path, location: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    path = saved(inside)
    (tmp_path / "secret.bin").write_bytes(b"0" * 10_000)
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ConversionError, match="outside the model's folder"):
        convert(path)


def test_external_data_of_bytes(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="give the path of the file"):
        convert(saved(tmp_path).read_bytes())


def test_all_unknown_operators_at_once() -> None:
    model = small()
    for index, domain in ((0, "acme.ops"), (3, "acme.ops"), (5, "")):
        model.graph.node[index].op_type = f"Strange{index}"
        model.graph.node[index].domain = domain
        model.graph.node[index].name = f"odd{index}"
    with pytest.raises(ConversionError) as caught:
        convert(model)
    text = str(caught.value)
    assert "3 unsupported nodes" in text
    for line in ("'odd0' (acme.ops.Strange0)", "'odd3' (acme.ops.Strange3)", "'odd5' (Strange5)"):
        assert line in text
    assert "MultiThreshold" in text


def test_nan_weights_name_the_tensor() -> None:
    model = small()
    (weights,) = [t for t in model.graph.initializer if t.name == "fc1.weight"]
    array = onnx.numpy_helper.to_array(weights).copy()
    array[0, 0] = np.nan
    weights.CopyFrom(onnx.numpy_helper.from_array(array, "fc1.weight"))
    with pytest.raises(ConversionError, match=r"weights 'fc1.weight': 1 of 12 values are NaN"):
        convert(model)


def test_latent_weights_say_how_many_values() -> None:
    model = small()
    for tensor in model.graph.initializer:
        if tensor.name.endswith(".weight"):
            random = np.random.default_rng(0).normal(size=list(tensor.dims)).astype(np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(random, tensor.name))
    network = convert(model)
    assert network.layers[0].reason == "32 distinct values; looks like latent weights"
    assert network.notes == ("no layer is on the crossbar: everything is computed digitally",)


def test_cycle() -> None:
    model = small()
    model.graph.node[0].input[0] = model.graph.node[-2].output[0]
    with pytest.raises(ConversionError, match="cycle"):
        convert(model)


@pytest.mark.parametrize("op", ["MatMul", "Transpose", "Conv", "Gemm", "Split"])
def test_missing_inputs(op: str) -> None:
    model = small()
    node = model.graph.node[0]
    node.op_type = op
    del node.input[:], node.attribute[:]
    with pytest.raises(ConversionError, match=rf"\({op}\): it has 0 inputs and 1 outputs; {op}"):
        convert(model)


def test_undefined_input() -> None:
    model = small()
    model.graph.node[0].input[0] = "nowhere"
    with pytest.raises(ConversionError, match="nothing defines its input 'nowhere'"):
        convert(model)


def test_undefined_output() -> None:
    model = small()
    model.graph.output[0].name = "nowhere"
    with pytest.raises(ConversionError, match="nothing defines the graph output 'nowhere'"):
        convert(model)


def test_shapes_that_do_not_fit() -> None:
    model = small()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 9
    with pytest.raises(ConversionError, match="ONNX Runtime"):
        convert(model)


def test_ports_that_are_no_tensors() -> None:
    model = small()
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    model.graph.input.append(sequence)
    with pytest.raises(ConversionError, match="port 's' is a sequence_type"):
        convert(model)


def test_the_model_given_is_left_alone() -> None:
    model = small()
    before = model.SerializeToString(deterministic=True)
    convert(model)
    assert model.SerializeToString(deterministic=True) == before
