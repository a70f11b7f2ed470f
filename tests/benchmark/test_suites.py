"""Cases are set up and their engines called on small sizes; nothing is asserted about speed."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ternary_engine import zoo
from ternary_engine.benchmark import models, networks, peers, products, suites, torch_peer
from ternary_engine.benchmark.cases import FLOAT32, INT8, NUMKONG, ONE_THREAD, OURS, measure
from ternary_engine.benchmark.recorded import layer_calls, operation_calls
from ternary_engine.converters import convert

SMALL = products.Shape(5, 70, 20)


def test_every_suite_has_cases_that_are_set_up_later() -> None:
    made = {suite: [name for name, _ in suites.setups([suite])] for suite in suites.SUITES}
    assert len(made["product"]) == 6
    assert len(made["convolution"]) == 4
    assert len(made["vgg"]) == len(networks.VGG_SETTINGS)
    assert len(made["zoo"]) == 2 * len(zoo.names())
    assert made["start"] == []  # measured in processes of their own
    one = [name for name, _ in suites.setups(["zoo"], ["mlp_binary"], [3])]
    assert one == ["mlp_binary, batch 3"]


@pytest.mark.parametrize("product", [*products.PRODUCTS, "ternary x uint2", "ternary x uint4"])
def test_product_cases(product: str) -> None:
    """Wrong sums would raise here."""
    case = products.product_case(product, SMALL)
    assert {OURS, FLOAT32, INT8} <= set(case.calls)
    assert case.work == 5 * 70 * 20
    row = measure(case, {}, 0)
    assert all(ratio > 0 for ratio in row.ratios.values())
    assert (NUMKONG in case.calls | case.skipped) == (product == "binary x binary")


def test_int8_and_numkong_give_the_same_product() -> None:
    case = products.product_case("binary x binary", SMALL)
    right = np.asarray(case.calls[FLOAT32]()[0])  # type: ignore[index]
    if NUMKONG in case.calls:
        distances = np.asarray(case.calls[NUMKONG]())
        np.testing.assert_array_equal(SMALL.inputs - 2 * distances.astype(np.int64), right)


@pytest.mark.parametrize(
    ("channels", "outputs", "kernel", "groups"),
    [(16, 16, 3, 1), (3, 24, 3, 1), (24, 24, 3, 24), (32, 16, 1, 1), (16, 32, 3, 4)],
)
def test_convolution_cases(channels: int, outputs: int, kernel: int, groups: int) -> None:
    """Wrong codes would raise here."""
    case = products.convolution_case(6, channels, outputs, kernel=kernel, groups=groups)
    assert case.work == 36 * outputs * channels // groups * kernel**2
    for call in case.calls.values():
        call()


def test_vgg_case() -> None:
    case = networks.vgg_case(8, 2)
    assert {OURS, FLOAT32, INT8} <= set(case.calls)
    assert case.prepare_seconds > 0
    for call in case.calls.values():
        assert np.shape(call()) == (2, 10)


def test_threads_are_compared_with_one() -> None:
    case = networks.zoo_case("mlp_ternary", 3, threads=2)
    assert set(case.calls) == {OURS, FLOAT32, ONE_THREAD}
    np.testing.assert_array_equal(case.calls[OURS](), case.calls[ONE_THREAD]())


def test_wrong_classes_are_noticed() -> None:
    network, other = convert(models.vgg(4)), models.vgg(4, seed=1)
    with pytest.raises(AssertionError, match="classes are ONNX Runtime's"):
        networks.network_case(network, other, networks.vgg_image(40), name="n", suite="vgg")


def test_int8_runs_on_its_fast_path(tmp_path) -> None:
    """ONNX Runtime makes every layer of the quantised model an integer one, u8 by s8."""
    import onnxruntime

    made = peers.int8_model(models.vgg(8, activations="real"), networks.vgg_image(2))
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(made, options, ["CPUExecutionProvider"])
    graph = onnx.load(tmp_path / "optimised.onnx").graph
    kinds = [node.op_type for node in graph.node]
    assert kinds.count("QLinearConv") == 6
    assert "Conv" not in kinds
    weights = [t for t in graph.initializer if len(t.dims) == 4]
    assert {t.data_type for t in weights} == {onnx.TensorProto.INT8}
    quantised = peers.onnxruntime_run(made)(networks.vgg_image(8))
    right = peers.onnxruntime_run(models.vgg(8, activations="real"))(networks.vgg_image(8))
    assert np.corrcoef(quantised.ravel(), right.ravel())[0, 1] > 0.9


def test_torch_gives_what_onnxruntime_gives() -> None:
    pytest.importorskip("torch")
    model, x = models.vgg(4), networks.vgg_image(3)
    same = torch_peer.network(model)(x)
    np.testing.assert_allclose(same, peers.onnxruntime_run(model)(x), rtol=1e-3, atol=1e-3)


def test_a_peer_that_is_not_installed() -> None:
    with pytest.raises(peers.AbsentPeerError, match="no_such_package is not installed"):
        peers.import_peer("no_such_package")


def test_recorded_calls_repeat_the_layer() -> None:
    network = convert(models.linear(40, 12))
    x = np.random.default_rng(0).integers(-1, 2, (6, 40)).astype(np.float32)
    layer = layer_calls(network, x)
    before = layer.sums().copy()
    layer.sums()[:] = 0
    layer()
    np.testing.assert_array_equal(layer.sums(), before)
    assert [one.layer for one in operation_calls(network, x) if one.layer] == ["layer"]
