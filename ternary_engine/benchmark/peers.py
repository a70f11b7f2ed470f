"""Other engines that the same work is given to: ONNX Runtime, NumKong, NumPy, PyTorch.

All are called like for like: weights prepared beforehand, inputs in the form the engine takes,
equal threads. What cannot take part raises `AbsentPeerError` with the reason.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ternary_engine.benchmark.cases import AbsentPeerError, Call

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = [
    "import_peer",
    "int8_model",
    "numkong_product",
    "numpy_product",
    "onnxruntime_run",
    "present",
    "session",
]

Array = npt.NDArray[Any]


def present(
    peers: dict[str, Callable[[], Call]],
) -> tuple[dict[str, Call], dict[str, str]]:
    """Prepare the peers that can take part.

    Args:
        peers: for every name a function that prepares the peer and gives its call.

    Returns:
        the calls, and why others are missing, both by name.
    """
    calls, skipped = {}, {}
    for name, prepare in peers.items():
        try:
            calls[name] = prepare()
        except AbsentPeerError as reason:
            skipped[name] = str(reason)
    return calls, skipped


def import_peer(module: str) -> Any:
    """Import a package that the engine does without.

    Raises:
        AbsentPeerError: it is not installed, or not usable here.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise AbsentPeerError(f"{module} is not installed") from error
    except Exception as error:
        raise AbsentPeerError(f"{module} does not start: {error}") from error


def session(model: str | os.PathLike[str] | bytes | ModelProto, threads: int = 1) -> Any:
    """Open a session of ONNX Runtime with all its optimisations and so many threads."""
    return _session(model, threads, optimise=True)


def _session(
    model: str | os.PathLike[str] | bytes | ModelProto, threads: int, *, optimise: bool
) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    if isinstance(model, str | os.PathLike):
        source: str | bytes = os.fspath(model)
    else:
        source = model if isinstance(model, bytes) else model.SerializeToString()
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def onnxruntime_run(
    model: str | os.PathLike[str] | bytes | ModelProto, *, threads: int = 1, optimise: bool = True
) -> Callable[[Array], Array]:
    """Open a model with one input in ONNX Runtime, as a function of arrays.

    Args:
        model: ONNX file, its bytes, or the model.
        threads: threads for one call; defaults to 1.
        optimise: whether ONNX Runtime may rewrite the graph; off, it follows the model to the
            letter, which is what answers are compared with.

    Returns:
        Function from the input to the first output.
    """
    opened = _session(model, threads, optimise=optimise)
    name = opened.get_inputs()[0].name

    def call(x: Array) -> Array:
        return np.asarray(opened.run(None, {name: x})[0])

    return call


def int8_model(model: ModelProto, samples: Array) -> bytes:
    """Quantise a float model with one input to int8, statically, by ``onnxruntime.quantization``.

    Activations are u8 and weights s8 per tensor: the fast path of ONNX Runtime on processors
    without AMX (s8 x s8 is not, u8 x u8 neither).

    Args:
        model: float32.
        samples: inputs that the ranges of the activations are read off.
    """
    quantization = import_peer("onnxruntime.quantization")
    preprocess = import_peer("onnxruntime.quantization.shape_inference").quant_pre_process
    name = model.graph.input[0].name

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc, name-defined]
        """Gives the samples once."""

        def __init__(self) -> None:
            self.batches = iter([{name: samples}])

        def get_next(self) -> dict[str, Array] | None:
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as folder, _quiet():
        whole, ready, made = (Path(folder) / part for part in ("0.onnx", "1.onnx", "2.onnx"))
        whole.write_bytes(model.SerializeToString())
        preprocess(str(whole), str(ready), skip_symbolic_shape=True)
        quantization.quantize_static(
            str(ready),
            str(made),
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            reduce_range=True,  # 7-bit weights: sums of two products saturate int16 without VNNI
        )
        return made.read_bytes()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the quantiser's advice to itself."""
    import onnxruntime as ort

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    ort.set_default_logger_severity(3)
    try:
        yield
    finally:
        ort.set_default_logger_severity(2)
        logging.disable(before)


def numpy_product(x: Array, w: Array) -> Callable[[], Array]:
    """Prepare ``x @ w`` in NumPy, its BLAS pinned to one thread from now on."""
    try:
        limits = import_peer("threadpoolctl").threadpool_limits
    except AbsentPeerError as reason:
        raise AbsentPeerError(f"{reason}, which pins the BLAS of NumPy to one thread") from reason
    limits(1, user_api="blas")
    return lambda: x @ w


def numkong_product(x_bits: Array, w_bits: Array) -> Callable[[], Array]:
    """Prepare a binary product in NumKong: Hamming distances of packed rows.

    Args:
        x_bits: bool [rows, inputs].
        w_bits: bool [outputs, inputs].

    Returns:
        a call that gives uint32 [rows, outputs], how many bits differ; the product of -1/+1 codes
        is ``inputs - 2 * distances``.
    """
    numkong = import_peer("numkong")
    x, w = np.packbits(x_bits, axis=1), numkong.hammings_pack(np.packbits(w_bits, axis=1))
    distances = numkong.zeros((len(x), len(w_bits)), dtype="uint32")

    def call() -> Array:
        numkong.hammings_packed(x, w, out=distances)
        return np.asarray(distances)

    return call
