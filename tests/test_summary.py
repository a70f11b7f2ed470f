"""The table of layers, on networks made by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from ternary_engine import summary
from ternary_engine.layer import Layer
from ternary_engine.network import Network, Port


def make_layer(codes: np.ndarray | None, **changes: Any) -> Layer:
    fields: dict[str, Any] = {
        "name": "conv1",
        "op": "Conv",
        "kind": "conv",
        "placement": "digital" if codes is None else "crossbar",
        "input": "ternary",
        "reason": "ternary weights",
        "shape": (4, 2, 3, 3) if codes is None else codes.shape,
        "output_axis": 0,
        "scales": np.array([] if codes is None else [0.5], np.float32),
        "pairs": None if codes is None else Layer.pack(codes),
        "levels": 3,
    }
    return Layer(**(fields | changes))


def make_network(*layers: Layer, **changes: Any) -> Network:
    fields: dict[str, Any] = {
        "inputs": (Port("x", "float32", (None, 2, 8, 8)),),
        "outputs": (Port("y", "float32", (None, 10)),),
        "layers": layers,
        "steps": (),
        "provenance": {"file": "net.onnx"},
    }
    return Network(**(fields | changes))


TERNARY = np.array([[1, 0, -1, 0], [0, 0, 1, -1]], np.int8)


def test_row_counts_by_hand() -> None:
    (row,) = summary.rows(make_network(make_layer(TERNARY)))
    assert row["weights"] == 8
    assert row["device_pairs"] == 8
    assert row["bits"] == 16
    assert row["zero_fraction"] == 0.5
    assert row["scales"] == {"count": 1, "range": [0.5, 0.5]}


def test_layers_of_several_planes_take_several_pairs() -> None:
    codes = np.array([[4, -3, 0, 1]], np.int8)  # two balanced-ternary digits each
    network = make_network(make_layer(codes))
    (row,) = summary.rows(network)
    assert (row["planes"], row["device_pairs"], row["bits"]) == (2, 8, 16)


@pytest.mark.parametrize("width", [80, 120])
def test_planes_are_shown_where_a_layer_has_several(width: int) -> None:
    several = make_layer(np.array([[4, -3, 0, 1]], np.int8), name="several")
    plain, digital = make_layer(TERNARY, name="plain"), make_layer(None, name="dense")
    shown = summary.render(make_network(several, plain, digital), width)
    shown = shown.replace(" %", "%").splitlines()
    heads = next(line for line in shown if "levels" in line).split()
    place = heads.index("planes") - len(heads)
    cells = {line.split()[0]: line.split()[place] for line in shown if line[:1] in "spd" and line}
    assert (cells["several"], cells["plain"], cells["dense"]) == ("2", "1", "-")
    assert "planes" not in summary.render(make_network(plain, digital), width)


def test_digital_layers_take_floats() -> None:
    (row,) = summary.rows(make_network(make_layer(None)))
    assert row["bits"] == 72 * 32
    assert row["device_pairs"] == 0
    assert row["zero_fraction"] is None
    assert row["scales"] is None


def test_scales_by_channel_and_by_sign() -> None:
    by_channel = make_layer(TERNARY, scales=np.array([0.25, 2], np.float32))
    by_sign = make_layer(TERNARY, scales=np.array([[0.25, 1], [2, 4]], np.float32))
    first, second = summary.rows(make_network(by_channel, by_sign))
    assert first["scales"] == {"count": 2, "range": [0.25, 2]}
    assert second["scales"] == {"count": 4, "range": [0.25, 2], "range_negative": [1, 4]}


def test_totals_add_up() -> None:
    total = summary.totals(make_network(make_layer(TERNARY), make_layer(None)))
    assert (total["layers"], total["crossbar_layers"], total["digital_layers"]) == (2, 1, 1)
    assert (total["weights"], total["crossbar_weights"]) == (80, 8)
    assert total["zero_fraction"] == 0.5
    assert total["float32_bytes"] == 320
    assert total["stored_bytes"] == (16 + 32 + 72 * 32) // 8
    assert total["compression"] == 80 * 32 / (16 + 32 + 72 * 32)


def test_warnings() -> None:
    assert summary.warnings(make_network(make_layer(TERNARY))) == []
    (line,) = summary.warnings(make_network(make_layer(None)))
    assert "no layer is on the crossbar" in line
    (line,) = summary.warnings(make_network())
    assert "no convolution or linear layer" in line
    told = summary.warnings(make_network(make_layer(TERNARY), notes=("mind",), batching="single"))
    assert told[0] == "mind"
    assert "one sample at a time" in told[1]


@pytest.mark.parametrize("width", [60, 80, 111, 112, 160])
def test_render_fits_and_shows_everything(width: int) -> None:
    long = make_layer(None, name="a/very/long/name/of/a/layer/in/pytorch", reason="many values")
    drawn = summary.render(make_network(make_layer(TERNARY), long), width)
    lines = drawn.splitlines()
    assert max(map(len, lines)) <= width
    assert all(line == line.rstrip() for line in lines)
    assert "\x1b" not in drawn
    for part in ("net.onnx", "crossbar", "digital", "50.0 %", "many values", "device pairs"):
        assert part in drawn


def test_names_are_not_markup() -> None:
    drawn = summary.render(make_network(make_layer(TERNARY, name="[red]x", reason="[/bold]")))
    assert "[red]x" in drawn
    assert "[/bold]" in drawn


def test_equal_reasons_are_told_once() -> None:
    layers = [make_layer(TERNARY, name=f"fc{number}") for number in range(7)]
    drawn = summary.render(make_network(*layers))
    assert drawn.count("ternary weights") == 1
    assert "all layers" in drawn
    mixed = summary.render(make_network(*layers, make_layer(None, reason="other")))
    assert "fc0, fc1, fc2, fc3 and 3 more" in mixed


def test_dict_is_json() -> None:
    told = json.loads(json.dumps(summary.as_dict(make_network(make_layer(TERNARY)))))
    assert told["inputs"] == [{"name": "x", "dtype": "float32", "shape": [None, 2, 8, 8]}]
    assert told["layers"][0]["shape"] == [2, 4]
