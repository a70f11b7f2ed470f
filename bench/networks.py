"""Whole networks from ONNX: images per second beside ONNX Runtime on the same float32 model."""

from __future__ import annotations

import numpy as np

import ternary_engine as te
from bench.peers import Case, session
from tests.networks import vgg

FILTERS = (128, 32, 16)
SETTINGS = ((64, 1), (64, 2), (1, 1))  # batch, threads


def case(filters: int, batch: int, threads: int) -> Case:
    """The VGG of the ternary papers with ternary weights and activations."""
    model = vgg(filters)
    network = te.convert(model)
    peer = session(model, threads)
    x = np.random.default_rng(0).normal(size=(batch, 3, 32, 32)).astype(np.float32)
    return Case(
        name=f"VGG f={filters} batch {batch}",
        work=batch,
        unit="image",
        calls={
            "ours": lambda: network.run(x, threads=threads),
            "onnxruntime float32": lambda: peer.run(None, {"x": x})[0],
        },
        threads=threads,
    )
