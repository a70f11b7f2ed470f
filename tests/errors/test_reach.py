"""Sums under errors reach further than without: tables behind them must cover that."""

from __future__ import annotations

import numpy as np
import pytest

import ternary_engine as te
from ternary_engine.steps import LookupCodes, LookupReal
from tests import networks


def reach(network: te.Network, step: LookupReal | LookupCodes) -> int:
    """Largest sum if every read is as wrong as can be.

    Bit planes err on their own, so the highest plane of a signed code, worth -2**(bits - 1), may
    add to the others instead of being taken off: -1 is all ones.
    """
    (crossbar,) = (s for s in network.steps if getattr(s, "target", "") == step.source)
    (codes,) = (
        s.codes
        for s in network.steps
        if getattr(s, "target", "") == crossbar.source and hasattr(s, "codes")
    )
    (layer,) = (one for one in network.layers if one.name == crossbar.layer)
    bits = {"binary": 1, "ternary": 1, "unsigned": codes.integers[-1]}
    most = bits.get(codes.kind, (1 << codes.bits) - 1)
    return most * (3**layer.planes - 1) // 2 * int(np.prod(layer.shape)) // layer.outputs


MODELS = {
    "ternary": lambda: networks.mlp((5, 4, 3), seed=1),
    "binary": lambda: networks.mlp((5, 4), "binary", "binary", seed=1),
    "unsigned": lambda: networks.mlp((3, 4), activations="uint3", seed=1),
    "8-bit image": lambda: networks.conv_stack((1, 4), size=(3, 3), seed=1, uint8=True),
    "signed": lambda: networks.mlp((3, 4), activations="int3", seed=1),
}


@pytest.mark.parametrize("name", MODELS)
def test_tables_cover_every_sum(name: str) -> None:
    network = te.convert(MODELS[name]())
    tables = [step for step in network.steps if isinstance(step, LookupReal | LookupCodes)]
    for step in tables:
        most = reach(network, step)
        assert step.minimum <= -most, f"sums go down to {-most}, the table to {step.minimum}"
        assert step.minimum + step.table.shape[1] > most, f"sums go up to {most}"
    if name != "8-bit image":
        assert tables


@pytest.mark.parametrize("name", [name for name in MODELS if name != "8-bit image"])
def test_every_output_is_a_value_of_the_network(name: str, seed: int) -> None:
    """Under errors as under none, the last layer gives what its table holds, nothing else."""
    network = te.convert(MODELS[name]())
    (last,) = (s for s in network.steps if getattr(s, "target", "") == network.outputs[0].name)
    assert isinstance(last, LookupReal)
    port = network.inputs[0]
    random = np.random.default_rng(seed)
    x = random.normal(0, 1, (3000, *port.shape[1:])).astype(np.float32)
    y = network.run(x, errors=te.SenseErrors(sign_flip=0.5), seed=seed)
    for channel in range(y.shape[1]):
        assert np.isin(y[:, channel], last.table[channel]).all(), "read beside the table"
