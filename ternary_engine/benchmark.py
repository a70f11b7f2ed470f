"""Side-by-side timing: alternating, in one process, the best of many calls.

Times on a shared machine wander by tens of percent; two programs timed by turns wander together,
so the ratio is what to trust. Preparing (converting, compiling or loading kernels, building
sessions) is timed apart from running.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ternary_engine.network import Network

__all__ = [
    "Comparison",
    "Timing",
    "against_onnxruntime",
    "alternate",
    "device",
    "machine",
    "onnxruntime_run",
]

BLOCK_SECONDS = 0.02  # one turn: long enough for caches and a pool's threads to settle
ROUNDS = 5  # turns each, at least
PACKAGES = ("ternary-engine", "numpy", "numba", "llvmlite", "onnx", "onnxruntime")

# What the kernels use of a processor, by the system's name for it, weakest first.
_ISA_NAMES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vpopcntdq": "AVX-512 VPOPCNTDQ",
    "neon": "NEON",
    "asimd": "NEON",
    "sve": "SVE",
}

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Timing:
    """Durations of repeated calls.

    Attributes:
        best_seconds: the shortest call.
        median_seconds: the middle one.
        calls: how many were timed.
    """

    best_seconds: float
    median_seconds: float
    calls: int

    @property
    def spread(self) -> float:
        """How much slower the middle call was than the best: 0.1 is ten percent."""
        return self.median_seconds / self.best_seconds - 1


@dataclass(frozen=True)
class Comparison:
    """One network, batch and thread count: this engine and ONNX Runtime's float32.

    Attributes:
        network: its name.
        batch: samples in each call.
        threads: threads either may use.
        prepare_seconds: the engine's first call, with compiling or loading of kernels.
        ours: timing of ``Network.run``.
        onnxruntime: timing of ONNX Runtime on the source model, all its optimisations on.
    """

    network: str
    batch: int
    threads: int
    prepare_seconds: float
    ours: Timing
    onnxruntime: Timing

    @property
    def ratio(self) -> float:
        """How many times as fast as ONNX Runtime the engine is."""
        return self.onnxruntime.best_seconds / self.ours.best_seconds

    def as_dict(self) -> dict[str, Any]:
        """Give the plain values, with rates and the ratio, for JSON."""
        return asdict(self) | {
            "samples_per_second": self.batch / self.ours.best_seconds,
            "onnxruntime_samples_per_second": self.batch / self.onnxruntime.best_seconds,
            "ratio": self.ratio,
        }


def alternate(
    candidates: Mapping[str, Callable[[], object]], *, seconds: float = 1.0
) -> dict[str, Timing]:
    """Time several calls by turns.

    Args:
        candidates: what to call, by name; each is called once beforehand, untimed.
        seconds: time to spend on each, in all; defaults to 1. Five turns each are the least.

    Returns:
        Timing of each, by name.
    """
    for call in candidates.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    deadline = time.perf_counter() + seconds * len(candidates)
    turns = 0
    while turns < ROUNDS or time.perf_counter() < deadline:
        for name, call in candidates.items():
            taken[name] += _turn(call)
        turns += 1
    return {
        name: Timing(min(times), statistics.median(times), len(times))
        for name, times in taken.items()
    }


def _turn(call: Callable[[], object]) -> list[float]:
    """Time calls until the turn is over; at least one."""
    times = []
    before = time.perf_counter()
    end = before + BLOCK_SECONDS
    while before < end:
        call()
        after = time.perf_counter()
        times.append(after - before)
        before = after
    return times


def onnxruntime_run(
    model: str | os.PathLike[str] | bytes, *, threads: int = 1, optimise: bool = True
) -> Callable[[Array], Array]:
    """Open a model with one input in ONNX Runtime, as a function of arrays.

    Args:
        model: ONNX file, or its bytes.
        threads: threads for one call; defaults to 1.
        optimise: whether ONNX Runtime may rewrite the graph; off, it follows the model to the
            letter, which is what answers are compared with.

    Returns:
        Function from the input to the first output.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    levels = ort.GraphOptimizationLevel
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimise else levels.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else os.fspath(model)
    session = ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def call(x: Array) -> Array:
        return np.asarray(session.run(None, {name: x})[0])

    return call


def against_onnxruntime(
    network: Network,
    model: str | os.PathLike[str],
    x: Array,
    *,
    name: str,
    threads: int = 1,
    seconds: float = 1.0,
) -> Comparison:
    """Time a network against ONNX Runtime on the model it came from.

    Args:
        network: the converted network.
        model: its source.
        x: one batch.
        name: what to call it in the result.
        threads: threads for either; defaults to 1.
        seconds: time to spend on either; defaults to 1.

    Returns:
        The comparison.
    """
    peer = onnxruntime_run(model, threads=threads)
    started = time.perf_counter()
    network.run(x, threads=threads)
    prepared = time.perf_counter() - started
    times = alternate(
        {"ours": lambda: network.run(x, threads=threads), "theirs": lambda: peer(x)},
        seconds=seconds,
    )
    return Comparison(name, len(x), threads, prepared, times["ours"], times["theirs"])


def device() -> str:
    """Name the processor and the vector instructions that matter here, in one line."""
    known = machine()
    flags = [_ISA_NAMES[flag] for flag in known["isa"]]
    cores = f"{known['cores']} core{'s' if known['cores'] != 1 else ''}"
    return ", ".join([known["cpu"], cores, *flags[-1:]])


def machine() -> dict[str, Any]:
    """Describe where timings were taken.

    Returns:
        ``cpu``, ``cores`` this process may use, ``isa`` (vector extensions, weakest first),
        ``system``, ``python`` and ``versions`` of the packages that matter.
    """
    cpu, flags = _processor()
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        "isa": [flag for flag in _ISA_NAMES if flag in flags],
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _processor() -> tuple[str, set[str]]:
    """Read the processor's name and flags, where the system tells them."""
    name, flags = platform.processor() or platform.machine() or "unknown processor", set[str]()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                key, _, value = (part.strip() for part in line.partition(":"))
                if key == "model name":
                    name = value
                elif key in ("flags", "Features"):
                    return name, set(value.split())
    except OSError:
        pass
    return name, flags


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
