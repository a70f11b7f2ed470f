"""The digital periphery: pieces of the source graph, executed by ONNX Runtime."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from ternary_engine.runtime.values import Chunk
from ternary_engine.steps import Digital

if TYPE_CHECKING:
    import onnxruntime

Array = npt.NDArray[Any]


def make_session(model: bytes) -> onnxruntime.InferenceSession:
    """Open a session that computes what the graph says, on the calling thread alone.

    Graph optimisations stay off: they fuse and re-quantise (DequantizeLinear with MatMul, batch
    norm into convolutions), which moves values across thresholds. Threads are the plan's, one
    chunk each.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class Piece:
    """One model, opened on first use; safe to run from several threads."""

    def __init__(self, model: bytes) -> None:
        self.model = model

    @functools.cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """The open session."""
        return make_session(self.model)

    def run(self, feeds: dict[str, Array], targets: tuple[str, ...]) -> list[Array]:
        """Execute the model."""
        outputs: list[Array] = self.session.run(list(targets), feeds)
        return outputs


class DigitalOperation:
    """real -> real."""

    def __init__(self, step: Digital) -> None:
        self.step = step
        self.piece = Piece(step.model)

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        feeds = {name: chunk.real[name] for name in self.step.sources}
        outputs = self.piece.run(feeds, self.step.targets)
        chunk.real.update(zip(self.step.targets, outputs, strict=True))
