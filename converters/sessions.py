"""Sessions of ONNX Runtime that work out what a model does, within bounds of time and memory."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt
import onnx
import onnxruntime

from ternary_engine.exceptions import ConversionError

Array = npt.NDArray[Any]

LOOPS = (b"Loop", b"Scan")  # operators that may run for ever, as they are spelt in a file
MOST_SECONDS = 3.0  # for them, on random inputs
MOST_BYTES = 2 << 30  # that all sessions together may take
LARGE_MODEL = 128 << 20  # bytes: the weights of larger ones alone may come near that


class TooLongError(ConversionError):
    """A trial run that did not come to an end in time."""


class TooLargeError(ConversionError):
    """A trial run that needed more memory than `MOST_BYTES`."""


@functools.cache
def _limit_memory() -> bool:
    """Make an arena of limited size for all sessions; whether there is one now."""
    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    as_requested = {"max_mem": MOST_BYTES, "arena_extend_strategy": 1}
    try:
        onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg(as_requested))
    except Exception:  # the program that uses us has one of its own
        return False
    return True


class Session:
    """An ONNX Runtime session with every optimisation off, on one thread."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        data = model.SerializeToString()
        if len(data) < LARGE_MODEL and _limit_memory():
            options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry(  # what was not loaded before is outside the model
            "session.model_external_initializers_file_folder_path", os.devnull
        )
        try:
            self._loops = any(name in data for name in LOOPS)
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises many types without a common base
            raise ConversionError(
                f"ONNX Runtime does not take the graph: {brief(error)}"
            ) from error

    @functools.cached_property
    def readable(self) -> frozenset[str]:
        """Outputs of types that NumPy has (sequences are lists of such)."""
        thin = ("bfloat16", "float4", "float8", "int4", "int2")
        return frozenset(
            port.name
            for port in self._session.get_outputs()
            if not any(word in port.type for word in thin)
        )

    def __call__(
        self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> list[Array]:
        """Run on arrays.

        Raises:
            TooLongError: a model with loops ran longer than `MOST_SECONDS`.
            TooLargeError: it took more than `MOST_BYTES`.
            ConversionError: ONNX Runtime could not run it.
        """
        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        timer = threading.Timer(MOST_SECONDS, setattr, (options, "terminate", True))
        timer.daemon = True
        if self._loops:
            timer.start()
        try:
            return list(self._session.run(outputs, dict(feeds), options))
        except Exception as error:  # as above
            if options.terminate:
                raise TooLongError(f"its loops ran for more than {MOST_SECONDS:g} s") from error
            if "Available memory of" in str(error):
                raise TooLargeError(
                    f"it takes more than {MOST_BYTES:,} bytes of memory: {brief(error)}"
                ) from error
            raise ConversionError(f"ONNX Runtime stopped: {brief(error)}") from error
        finally:
            timer.cancel()


def brief(error: Exception) -> str:
    """The first line of an error's text, cut to a readable length."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
