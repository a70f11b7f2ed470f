"""What all comparisons share: a case, the sessions of ONNX Runtime, memory on cache lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import ModelProto

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Case:
    """One piece of work done by several engines.

    Attributes:
        name: what is done. work: how much of it, in ``unit``, one call does.
        calls: engine to call; ``ours`` is the one that ratios are of.
        roof: field of `roofline.Roofline` that limits ours, or empty.
        threads: threads that every engine may use.
    """

    name: str
    work: int
    unit: str
    calls: Mapping[str, Callable[[], object]]
    roof: str = ""
    threads: int = 1


def aligned(array: Array) -> Array:
    """A copy whose first element starts a cache line."""
    room = np.zeros(array.nbytes + 64, np.uint8)
    first = -room.ctypes.data % 64
    copy = room[first : first + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def session(model: ModelProto, threads: int = 1) -> onnxruntime.InferenceSession:
    """A session at its default optimisation, with so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
