"""A MobileNet of eight bits by onnxruntime.quantization: every integer as ONNX Runtime's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ternary_engine as te
from tests.converters import quantised
from tests.converters.agreement import source_values
from tests.oracles import interpreter

LAYERS = 24


CASES = [("QOperator", False, False), ("QOperator", True, True), ("QDQ", True, False),
         ("QDQ", False, True)]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("form", "per_channel", "signed"), CASES)
def test_every_integer(tmp_path: Path, form: str, per_channel: bool, signed: bool) -> None:
    model = quantised.static(
        tmp_path, form, per_channel=per_channel, signed=signed, network=quantised.mobilenet
    )
    network = te.convert(model)
    assert len(network.layers) == LAYERS
    assert {layer.placement for layer in network.layers} == {"crossbar"}
    assert {layer.input for layer in network.layers} <= {"8 bits", "9 bits"}
    x = quantised.images(12, 9)
    wanted = source_values(model, {"x": x})
    values = interpreter.trace(network, {"x": x})
    for name in values:
        if name in wanted and wanted[name].dtype.kind in "iu":
            np.testing.assert_array_equal(values[name], wanted[name])
    found = te.check(model, x)
    assert found.agrees
    codes = [row for row in found.rows if row.kind == "codes"]
    assert sum(row.elements for row in codes) > 100_000
    # products of QDQ are sums of floats in ONNX Runtime: ties may fall to the other side there
    different = sum(row.different for row in found.rows)
    assert different == sum(row.ties + row.following for row in found.rows)
    if form == "QOperator":
        assert different == 0
        np.testing.assert_array_equal(network.run(x), wanted["y"])
    else:
        assert sum(row.ties for row in found.rows) <= 3
