"""The suite's products and pools again with low-bit constants: on the crossbar, same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.reference import ReferenceEvaluator

import ternary_engine as te
from tests.conformance import suite
from tests.converters.agreement import compare, normal, source_values
from tests.networks import Builder

Array = npt.NDArray[Any]
FLOAT = TensorProto.FLOAT
PAIRS = [("ternary", "ternary"), ("binary", "binary"), ("ternary", "uint3"), ("binary", "int4"),
         ("ternary", "qdq"), ("ternary", "real")]  # fmt: skip
# Where the crossbar cannot hold a case's operand, and what is said of it.
DIGITAL = {
    "test_gemm_all_attributes": "transA=1",
    "test_gemm_default_matrix_bias": "no batch axis",  # a bias of its own for each sample
    "test_gemm_transposeA": "transA=1",
    "test_matmul_1d_1d": "weights of rank 1",
    "test_matmul_1d_3d": "weights of rank 3",
    "test_matmul_3d": "weights of rank 3",
    "test_matmul_4d": "weights of rank 4",
    "test_matmul_4d_1d": "weights of rank 1",
    "test_matmul_bcast": "weights of rank 4",
}


def shape_of(info: onnx.ValueInfoProto) -> list[int]:
    return [dim.dim_value for dim in info.type.tensor_type.shape.dim]


def attributes_of(case: TestCase) -> dict[str, Any]:
    return {a.name: helper.get_attribute_value(a) for a in case.model.graph.node[0].attribute}


def product(case: TestCase, weights: str, activations: str, *, matrix: bool) -> onnx.ModelProto:
    """A case's node on codes of ``x`` and random low-bit constants of the same shapes."""
    b = Builder(sum(map(ord, case.name)))
    x, w, *rest = map(shape_of, case.model.graph.input)
    constants = [b.real(b.random.normal(size=shape)) for shape in rest]
    held = b.weights(w[-2:] if matrix else w, weights, "w")
    node = case.model.graph.node[0]
    b.node(node.op_type, b.quantise("x", activations), held, *constants, name="layer", output="y",
           **attributes_of(case))  # fmt: skip
    result = [*x[:-1], w[-1]] if matrix else shape_of(case.model.graph.output[0])
    return b.model({"x": (FLOAT, x)}, {"y": (FLOAT, result)})


@pytest.mark.parametrize(("weights", "activations"), PAIRS, ids=str)
def test_products(weights: str, activations: str) -> None:
    cases = suite.cases_of("conv", "gemm", "matmul")
    assert len(cases) >= 24
    for case in cases:
        model = product(case, weights, activations, matrix=False)
        found = compare(model, {"x": normal(*shape_of(case.model.graph.input[0]), scale=0.3)})
        (layer,) = found.network.layers
        reason = DIGITAL.get(case.name, "")
        assert layer.placement == ("digital" if reason else "crossbar"), (case.name, layer.reason)
        assert reason in layer.reason, case.name
        assert found.different == 0, case.name
        assert found.output_error < 1e-5, case.name
        if not reason and activations != "real":
            assert layer.input != "real", (case.name, layer.reason)
            assert found.codes > 0, case.name


@pytest.mark.parametrize(("weights", "activations"), PAIRS[:3], ids=str)
def test_operands_of_matrices_are_shared_by_all_images(weights: str, activations: str) -> None:
    for case in suite.cases_of("matmul"):
        operand = shape_of(case.model.graph.input[1])
        rows = shape_of(case.model.graph.input[0])
        if len(operand) < 3 or len(rows) < 2:
            continue
        model = product(case, weights, activations, matrix=True)
        found = compare(model, {"x": normal(*rows, scale=0.3)})
        assert found.network.layers[0].placement == "crossbar", case.name
        assert found.different == 0, case.name
        assert found.output_error < 1e-5, case.name


def integer_product(case: TestCase, random: np.random.Generator, *, trits: bool) -> Any:
    """A case with everything constant but its first input, and values for that."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    first, *rest = model.graph.input
    del model.graph.input[1:]
    place = 3 if "qlinear" in case.name else 1
    zero_place = {"ConvInteger": 3, "MatMulInteger": 3}.get(model.graph.node[0].op_type, 5)
    has_zero = len(rest) >= zero_place
    for index, info in enumerate(rest, 1):
        dtype = helper.tensor_dtype_to_np_dtype(info.type.tensor_type.elem_type)
        value = random_integers(random, dtype, shape_of(info)) if dtype.kind in "iu" else None
        zero = 7 if dtype == np.uint8 and has_zero else 0
        if value is None:
            value = np.asarray(case.data_sets[0][0][index])
        elif trits and index == place:
            value = (random.integers(-1 if has_zero else 0, 2, shape_of(info)) + zero).astype(dtype)
        elif trits and index == zero_place:
            value = np.full(shape_of(info), zero, dtype)
        model.graph.initializer.append(numpy_helper.from_array(value, info.name))
    dtype = helper.tensor_dtype_to_np_dtype(first.type.tensor_type.elem_type)
    return model, random_integers(random, dtype, shape_of(first))


def random_integers(random: np.random.Generator, dtype: np.dtype[Any], shape: list[int]) -> Array:
    info = np.iinfo(dtype)
    return np.asarray(random.integers(info.min, info.max + 1, shape), dtype)


@pytest.mark.parametrize("trits", [True, False], ids=["trits", "bytes"])
def test_integer_products(trits: bool) -> None:
    cases = suite.cases_of("convinteger", "matmulinteger", "qlinearconv", "qlinearmatmul")
    assert len(cases) >= 8
    for case in cases:
        model, x = integer_product(case, np.random.default_rng(len(case.name)), trits=trits)
        feeds = {model.graph.input[0].name: x}
        if case.name == "test_convinteger_with_padding":  # ONNX Runtime: one zero point for all
            (wanted,) = ReferenceEvaluator(model).run(None, feeds)
        else:
            wanted = source_values(model, feeds)[model.graph.output[0].name]
        network = te.convert(model)
        (layer,) = network.layers
        expected = "digital" if "3D" in case.name else "crossbar"
        assert layer.placement == expected, (case.name, layer.reason)
        if expected == "crossbar" and np.prod(layer.shape) > 1:
            assert (layer.planes == 1) == trits, case.name
        got = network.run(x)
        np.testing.assert_array_equal(got, wanted, err_msg=case.name)
        assert got.dtype == wanted.dtype
