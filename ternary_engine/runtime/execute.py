"""Runs a network over a batch: chunks of samples, each through all operations, over threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.network import Network
from ternary_engine.runtime.inputs import samples_of
from ternary_engine.runtime.noise import Noise
from ternary_engine.runtime.operations import Operation
from ternary_engine.runtime.plan import build_operations
from ternary_engine.runtime.values import Chunk, Tape
from ternary_engine.steps import Digital, RealCrossbar

Array = npt.NDArray[Any]

# A chunk is small enough for its values to stay in the caches, and large enough to spread the
# cost of a call (some microseconds an operation) over many samples.
_CACHE_BYTES = 5 << 20
_FIRST_CHUNK = 4
_MAX_CHUNK = 1024
_MAX_TAPES = 16


def available_threads() -> int:
    """Processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Plan:
    """A network's operations and what they have learnt about its size; shared by all threads."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.operations: Sequence[Operation] = build_operations(network)
        self._tied = _inputs_of_pieces(network)
        self._workers = threading.local()
        self._sample_bytes: dict[object, int] = {}

    def run(
        self, inputs: dict[str, Array], samples: int, threads: int, noise: Noise | None = None
    ) -> dict[str, Array]:
        """Run a batch.

        Args:
            inputs: by port name, checked.
            samples: in every input; where they are mixed, in those that have an axis for them.
            threads: how many chunks may run at once.
            noise: the errors of the run, if any.

        Returns:
            outputs by port name.
        """
        size = self._chunk_size(inputs, samples, threads, noise)
        if samples == 0 and self.network.batching != "whole":
            return self._empty(inputs)
        if size >= samples and not (noise and noise.needs_batches):
            outputs = self._run_chunk(inputs, 0, samples, noise)
            return {name: array.copy() for name, array in outputs.items()}
        gather = _Gather(samples)

        def work(bounds: tuple[int, int]) -> None:
            gather.add(bounds[0], self._run_chunk(inputs, *bounds, noise))

        ranges = _ranges(samples, size, noise)
        if self.network.batching == "free" and self._key(inputs, noise) not in self._sample_bytes:
            work(ranges[0])  # which tells how much memory a sample takes
            done = ranges[0][1]
            ranges = _ranges(samples, self._chunk_size(inputs, samples, threads, noise), noise)
            ranges = [(max(first, done), last) for first, last in ranges if last > done]
        _for_each(work, ranges, threads)
        return gather.outputs

    def _key(self, inputs: dict[str, Array], noise: Noise | None) -> tuple[object, ...]:
        """What the memory of a sample depends on."""
        return *(array.shape[1:] for array in inputs.values()), noise is None

    def _chunk_size(
        self, inputs: dict[str, Array], samples: int, threads: int, noise: Noise | None
    ) -> int:
        if self.network.batching == "single":
            return 1
        if self.network.batching == "whole":
            return max(samples, 1)
        known = self._sample_bytes.get(self._key(inputs, noise))
        if known is None:
            return _FIRST_CHUNK if samples > _FIRST_CHUNK else max(samples, 1)
        most = max(1, min(_CACHE_BYTES // max(known, 1), _MAX_CHUNK))
        rounds = max(1, -(-samples // (most * threads)))
        return max(1, -(-samples // (rounds * threads)))  # threads end together

    def _run_chunk(
        self, inputs: dict[str, Array], first: int, last: int, noise: Noise | None = None
    ) -> Mapping[str, Array]:
        """Run samples ``first`` up to ``last``; the outputs hold until the worker's next run."""
        batching = self.network.batching
        size_key = self._key(inputs, noise)
        chunk: Chunk | None = getattr(self._workers, "chunk", None)
        if chunk is None or size_key not in self._sample_bytes:
            # What other runs left behind is no memory of these samples.
            chunk = Chunk(mixed=batching == "whole", single=batching == "single")
        self._workers.chunk = chunk
        chunk.images, chunk.first, chunk.noise = last - first, first, noise
        part = samples_of(self.network, inputs, first, last)
        key = (size_key, chunk.images)
        if noise is None and key in chunk.tapes:
            return chunk.tapes[key].play(part)
        outputs = self._run_operations(chunk, part, key)
        self._sample_bytes.setdefault(key[0], chunk.bytes // max(chunk.images, 1))
        return outputs

    def _run_operations(
        self, chunk: Chunk, inputs: dict[str, Array], key: object
    ) -> Mapping[str, Array]:
        """Run every operation, and take down the calls of an error-free run."""
        copied = {
            name: chunk.real_buffer(f"{name}/input", array.shape, array.dtype)
            for name, array in inputs.items()
            if name in self._tied
        }
        for name, buffer in copied.items():
            np.copyto(buffer, inputs[name])
        chunk.real = {**inputs, **copied}
        chunk.tape = [] if chunk.noise is None else None
        for operation in self.operations:
            operation(chunk)
        outputs = {port.name: chunk.real[port.name] for port in self.network.outputs}
        if chunk.tape is not None:
            if len(chunk.tapes) >= _MAX_TAPES:
                chunk.tapes.clear()
            chunk.tapes[key] = Tape.of(inputs, copied, chunk.tape, outputs)
        chunk.real, chunk.tape = {}, None
        return outputs

    def _empty(self, inputs: dict[str, Array]) -> dict[str, Array]:
        """Outputs of no samples: the shapes that one sample gives."""
        one = {n: np.zeros((1, *array.shape[1:]), array.dtype) for n, array in inputs.items()}
        return {name: array[:0] for name, array in self._run_chunk(one, 0, 1).items()}


def _inputs_of_pieces(network: Network) -> frozenset[str]:
    """Inputs that pieces of ONNX Runtime read, and outputs: calls are tied to their buffers."""
    read = [port.name for port in network.outputs]
    for step in network.steps:
        if isinstance(step, Digital):
            read += step.sources
        elif isinstance(step, RealCrossbar):
            read.append(step.source)
    return frozenset(read)


def _ranges(samples: int, size: int, noise: Noise | None) -> list[tuple[int, int]]:
    """Chunks of at most ``size`` samples; none reaches over the end of a batch that matters."""
    batch = noise.batch_size if noise and noise.needs_batches else samples
    return [
        (first, min(first + size, start + batch, samples))
        for start in range(0, samples, batch)
        for first in range(start, min(start + batch, samples), size)
    ]


class _Gather:
    """Puts the outputs of chunks side by side."""

    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.outputs: dict[str, Array] = {}
        self._lock = threading.Lock()

    def add(self, first: int, outputs: Mapping[str, Array]) -> None:
        for name, array in outputs.items():
            with self._lock:
                if name not in self.outputs:
                    self.outputs[name] = np.empty((self.samples, *array.shape[1:]), array.dtype)
            self.outputs[name][first : first + len(array)] = array


_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _pool(threads: int) -> ThreadPoolExecutor:
    """A thread pool of this process (a forked child makes its own)."""
    with _pools_lock:
        key = (os.getpid(), threads)
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(threads, thread_name_prefix="ternary-engine")
        return _pools[key]


def _fresh_lock_after_fork() -> None:
    global _pools_lock
    _pools_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fresh_lock_after_fork)


def _for_each(
    work: Callable[[tuple[int, int]], None], items: Sequence[tuple[int, int]], threads: int
) -> None:
    """Call ``work`` on every item, ``threads`` at a time; the first error ends it."""
    if threads == 1 or len(items) <= 1:
        for item in items:
            work(item)
        return
    for future in [_pool(threads).submit(work, item) for item in items]:
        future.result()
