"""The reference for integer products is exact, also on processors where ONNX Runtime saturates."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ternary_engine.checking import check
from ternary_engine.converters.exact_integers import exact
from tests.oracles import interpreter


@pytest.mark.parametrize("zero", [None, -7])
def test_products_of_extremes(zero: int | None) -> None:
    """All inputs 255 and all weights -128 or 127: sums of pairs do not fit 16 bits."""
    weights = np.where(np.arange(64)[:, None] % np.array([2, 3, 64]) == 0, -128, 127)
    held = {"w": weights.astype(np.int8)} | ({} if zero is None else {"k": np.int8(zero)})
    node = helper.make_node("MatMulInteger", ["x", "w"] + ["", "k"] * (zero is not None), ["y"])
    graph = helper.make_graph(
        [node], "one", [helper.make_tensor_value_info("x", TensorProto.UINT8, ["N", 64])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, None)],
        [numpy_helper.from_array(np.asarray(v), n) for n, v in held.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    before = model.SerializeToString(deterministic=True)
    x = np.full((2, 64), 255, np.uint8)
    (got,) = interpreter.run_onnx(exact(model).SerializeToString(), {"x": x})
    np.testing.assert_array_equal(got, x.astype(np.int64) @ (weights - (zero or 0)))
    assert model.SerializeToString(deterministic=True) == before
    assert check(model, x).agrees
