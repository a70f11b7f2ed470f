"""What a piece that ONNX Runtime refuses comes to."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import ternary_engine as te


def test_a_piece_that_cannot_run_is_told_by_what_it_computes() -> None:
    """Two axes left open that must agree: only running shows that they do not."""
    shapes = {"a": ["N", "K"], "b": ["N", "M"]}
    graph = helper.make_graph(
        [helper.make_node("Add", ["a", "b"], ["y"])],
        "open",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", "K"])],
    )
    opset = [helper.make_opsetid("", 17)]
    network = te.convert(helper.make_model(graph, ir_version=8, opset_imports=opset))
    x = {"a": np.zeros((2, 3), np.float32), "b": np.zeros((2, 4), np.float32)}
    with pytest.raises(te.TernaryEngineError, match=r"computes y .*a \(2, 3\), b \(2, 4\)"):
        network.run(x)
