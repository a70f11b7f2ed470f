"""The qonnx package's own models and operators, against its executor."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import ternary_engine as te

Array = npt.NDArray[Any]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("qonnx", reason="the qonnx package is not installed")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model

found_package = importlib.util.find_spec("qonnx")
assert found_package is not None
MODELS = Path(found_package.submodule_search_locations[0]) / "data" / "onnx"
# model: placements of its layers
KNOWN = {
    "bsd300x3-espcn/nn_resize/float_model.onnx": ["digital"] * 4,
    "bsd300x3-espcn/nn_resize/quant_model.onnx": ["crossbar"] * 4,
    "bsd300x3-espcn/subpixel/float_model.onnx": ["digital"] * 4,
    "bsd300x3-espcn/subpixel/quant_model.onnx": ["crossbar"] * 4,
    "eltwise_chanlast_testcase.onnx": ["crossbar"],
    "floatquant_exec/qonnx_act_weight_fp8.onnx": ["digital"],
    "matmul_update/sdp.onnx": [],
    "mnist-conv/model.onnx": ["digital"] * 3,
    "residual_block_clean.onnx": ["crossbar"] * 3,
}


def executed(model: onnx.ModelProto, feeds: dict[str, Array]) -> Array:
    """The first output, by the qonnx package."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        executor = cleanup_model(ModelWrapper(model))
        names = [port.name for port in executor.graph.input]
        results = execute_onnx(executor, dict(zip(names, feeds.values(), strict=True)))
    return np.asarray(next(iter(results.values())))


def small(model: onnx.ModelProto) -> onnx.ModelProto:
    """Images of 24 x 24 in place of larger ones."""
    constants = {tensor.name for tensor in model.graph.initializer}
    for info in (*model.graph.input, *model.graph.output):
        if info.name not in constants and len(info.type.tensor_type.shape.dim) == 4:
            for dim in info.type.tensor_type.shape.dim[2:]:
                dim.dim_value = {128: 24, 256: 48}.get(dim.dim_value, dim.dim_value)
    del model.graph.value_info[:]
    return model


SLOW = ("bsd300", "eltwise")  # large images; the executor takes a while even for less


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n.startswith(SLOW) else n for n in KNOWN],
)
def test_models(name: str) -> None:
    if not (MODELS / name).is_file():
        pytest.skip(f"this release of qonnx does not ship {name}")
    model = small(onnx.load(MODELS / name))
    network = te.convert(model)
    assert [layer.placement for layer in network.layers] == KNOWN[name]
    constants = {tensor.name for tensor in model.graph.initializer}
    random = np.random.default_rng(0)
    feeds = {
        info.name: random.random([d.dim_value for d in info.type.tensor_type.shape.dim], np.float32)
        for info in model.graph.input
        if info.name not in constants
    }
    if name.startswith("eltwise"):  # which says that its pixels are whole numbers
        feeds = {key: np.floor(256 * value) for key, value in feeds.items()}
    wanted = executed(model, feeds)
    got = next(iter(network.run(feeds).values()))
    assert got.shape == wanted.shape
    apart = np.abs(got - wanted) > 1e-5 * np.abs(wanted).max()
    # codes on a rounding tie may differ by one step
    assert apart.mean() < 1e-3
    assert np.abs(got - wanted).max() <= 1.01 / 255 or not apart.any()


def test_minifloats_have_their_published_outputs() -> None:
    folder = MODELS / "floatquant_exec"
    if not folder.is_dir():
        pytest.skip("this release of qonnx does not ship floatquant_exec")
    network = te.convert(folder / "qonnx_act_weight_fp8.onnx")
    x, y = (np.load(folder / "test_data" / f"{name}.npy") for name in ("input", "output"))
    np.testing.assert_allclose(network.run(x), y, atol=1e-6)


QUANTS = st.fixed_dictionaries(
    {
        "signed": st.integers(0, 1),
        "narrow": st.integers(0, 1),
        "rounding_mode": st.sampled_from(
            ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "round", "HALF_EVEN"]
        ),
    }
)


@settings(max_examples=40, deadline=None, derandomize=True,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(QUANTS, st.integers(1, 8), st.booleans(), st.booleans(), st.integers(0, 99))
def test_quant_by_channel(
    attributes: dict[str, Any], bits: int, scales: bool, zeros: bool, seed: int
) -> None:
    """Scales and odd zero points per channel; many values sit on ties."""
    random = np.random.default_rng(seed)
    channels = 5
    scale = 2.0 ** random.integers(-3, 3, (1, channels if scales else 1, 1, 1))
    zero = random.integers(-5, 6, (1, channels if zeros else 1, 1, 1))
    constants = {"s": scale, "z": zero, "b": np.array(max(bits, 2) if zeros else bits)}
    node = helper.make_node(
        "Quant", ["x", *constants], ["y"], domain="qonnx.custom_op.general", **attributes
    )
    shape = [1, channels, 4, 6]
    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(v.astype(np.float32), n) for n, v in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    x = (random.integers(-40, 41, shape) * 0.125 * scale.max()).astype(np.float32)
    np.testing.assert_array_equal(te.convert(model).run(x), executed(model, {"x": x}))
