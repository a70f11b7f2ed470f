"""The digital periphery: pieces of the source graph, executed by ONNX Runtime."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.runtime.values import Chunk
from ternary_engine.steps import Digital

if TYPE_CHECKING:
    import onnxruntime

Array = npt.NDArray[Any]

_LARGE = 1 << 16  # bytes from which writing in place beats the cost of asking for it


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
    options.log_severity_level = 4
    # Pieces carry their data; one from a file must not read what lies in the user's folder.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _Shapes(NamedTuple):
    """Shape of one sample's part, and dtype, of each output."""

    of_outputs: list[tuple[tuple[int, ...], np.dtype[Any]]]

    @property
    def sample_bytes(self) -> int:
        """Memory of one sample's outputs."""
        return sum(int(np.prod(shape)) * dtype.itemsize for shape, dtype in self.of_outputs)


class Piece:
    """One model, opened on first use; safe to run from several threads."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._shapes: dict[object, _Shapes] = {}

    @functools.cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """The open session."""
        return make_session(self.model)

    @functools.cached_property
    def _has_products(self) -> bool:
        """Whether there is a matrix product; a name that reads like one does no harm."""
        return b"MatMul" in self.model or b"Gemm" in self.model

    def run(
        self,
        chunk: Chunk,
        feeds: dict[str, Array],
        targets: tuple[str, ...],
        fixed: tuple[str, ...] = (),
    ) -> list[Array]:
        """Execute the model, writing large results into the chunk's buffers.

        ONNX Runtime multiplies a single row by a matrix in another order than several rows, which
        may move the last bit. A lone sample is run twice over, so that it gets what it gets among
        others.

        Args:
            chunk: the chunk. feeds: inputs by name. targets: the outputs wanted.
            fixed: inputs without an axis for samples.

        Raises:
            TernaryEngineError: ONNX Runtime could not.
        """
        lone = chunk.images == 1 and not (chunk.mixed or chunk.single)
        if not (lone and self._has_products) or any(x.dtype == object for x in feeds.values()):
            return self._execute(chunk, feeds, targets, chunk.images)
        twice = {
            name: self._twice(chunk, name, x) if name not in fixed and x.shape[:1] == (1,) else x
            for name, x in feeds.items()
        }
        return [array[:1] for array in self._execute(chunk, twice, targets, 2)]

    @staticmethod
    def _twice(chunk: Chunk, name: str, x: Array) -> Array:
        room = chunk.real_buffer(f"{name}/twice", (2, *x.shape[1:]), x.dtype)
        chunk.call(np.copyto, room, x)
        return room

    def _execute(
        self, chunk: Chunk, feeds: dict[str, Array], targets: tuple[str, ...], rows: int
    ) -> list[Array]:
        key = tuple((name, array.shape[1:]) for name, array in feeds.items())
        shapes = self._shapes.get(key)
        if shapes is not None:
            large = rows * shapes.sample_bytes >= _LARGE
            if large or chunk.tape is not None:
                return self._run_into_buffers(chunk, feeds, targets, shapes, rows)
        chunk.tape = None
        try:
            outputs: list[Array] = self.session.run(list(targets), feeds)
        except Exception as error:  # ONNX Runtime has many kinds, under no base of its own
            shapes_text = ", ".join(f"{name} {array.shape}" for name, array in feeds.items())
            reason = str(error).strip().splitlines()[0]
            raise TernaryEngineError(
                f"the digital piece that computes {', '.join(targets)} failed on {shapes_text}: "
                f"{reason} (does the source model run in ONNX Runtime on this input?)"
            ) from error
        strings = any(array.dtype == np.object_ for array in (*feeds.values(), *outputs))
        whole = all(array.shape[:1] == (rows,) for array in outputs)
        if whole and not (chunk.mixed or strings):
            self._shapes[key] = _Shapes([(array.shape[1:], array.dtype) for array in outputs])
        return outputs

    def _run_into_buffers(
        self,
        chunk: Chunk,
        feeds: dict[str, Array],
        targets: tuple[str, ...],
        shapes: _Shapes,
        rows: int,
    ) -> list[Array]:
        binding = self.session.io_binding()
        for name, array in feeds.items():
            if not array.flags.c_contiguous:
                array, chunk.tape = np.ascontiguousarray(array), None
            binding.bind_cpu_input(name, array)
        outputs = []
        for name, (shape, dtype) in zip(targets, shapes.of_outputs, strict=True):
            room = chunk.real_buffer(name, (rows, *shape), dtype)
            binding.bind_output(name, "cpu", 0, dtype, room.shape, room.ctypes.data)
            outputs.append(room)
        chunk.call(self.session.run_with_iobinding, binding)
        return outputs


class DigitalOperation:
    """real -> real."""

    def __init__(self, step: Digital) -> None:
        self.step = step
        self.piece = Piece(step.model)

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        feeds = {name: chunk.real[name] for name in self.step.sources}
        outputs = self.piece.run(chunk, feeds, self.step.targets)
        chunk.real.update(zip(self.step.targets, outputs, strict=True))
