"""Looks into a run without errors: what each crossbar layer is fed, counted on the real codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.network import Network
from ternary_engine.runtime.inputs import check_inputs, count_samples, samples_of
from ternary_engine.runtime.operations import Operation
from ternary_engine.runtime.real_crossbar import RealCrossbarOperation
from ternary_engine.runtime.sensed import SensedCrossbar
from ternary_engine.runtime.values import Chunk, CodeImages
from ternary_engine.steps import Crossbar, RealCrossbar

__all__ = ["ActiveInputs", "count_active_inputs"]

Array = npt.NDArray[Any]

_CHUNK = 32
_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)

ActiveInputs = Callable[[Crossbar | RealCrossbar, npt.NDArray[np.int64]], None]


def count_active_inputs(
    network: Network, x: Array | Mapping[str, Array], watch: ActiveInputs
) -> int:
    """Run a batch without errors, and tell where inputs of crossbar layers are not zero.

    Args:
        network: a converted network.
        x: as for `Network.run`.
        watch: called with the step of a crossbar layer and int64 [images, rows, columns]: over
            all channels, and all bits of a bit-serial input, how many are on at a position.

    Returns:
        the number of samples.

    Raises:
        TypeError, ValueError: as for `Network.run`.
    """
    inputs = check_inputs(network, x)
    samples = count_samples(network, inputs)
    size = {"single": 1, "whole": max(samples, 1)}.get(network.batching, _CHUNK)
    chunk = Chunk(mixed=network.batching == "whole", single=network.batching == "single")
    for first in range(0, samples, size):
        part = samples_of(network, inputs, first, first + size)
        chunk.images, chunk.first, chunk.real = min(size, samples - first), first, part
        for operation in network._runner.plan.operations:
            _tell(operation, chunk, watch)
            operation(chunk)
    return samples


def _tell(operation: Operation, chunk: Chunk, watch: ActiveInputs) -> None:
    if isinstance(operation, SensedCrossbar):
        step = operation.operation.step
        binary = operation.operation.code.kind == "binary"
        ternary = operation.operation.code.kind == "ternary"
        source = chunk.codes[step.source]
        watch(step, _active_codes(source, chunk.images, binary=binary, ternary=ternary))
    elif isinstance(operation, RealCrossbarOperation):
        x = chunk.real[operation.step.source]
        watch(operation.step, _active_values(x, operation.step.form))


def _active_codes(
    source: CodeImages, images: int, *, binary: bool, ternary: bool
) -> npt.NDArray[np.int64]:
    """Inputs that are on, by position; every input of a binary code is."""
    layout = source.layout
    if binary:
        return np.full((images, layout.height, layout.width), layout.channels, np.int64)
    flat = source.codes[: images * layout.image_pitch]
    top, left, bottom, right = layout.border
    rows, columns = top + layout.height + bottom, left + layout.width + right
    words = flat.reshape(images, rows, columns, layout.words, layout.planes)
    inside = words[:, top : top + layout.height, left : left + layout.width]
    if ternary:
        inside = inside[..., :1]  # non-zero; the other plane holds signs
    octets = np.ascontiguousarray(inside).view(np.uint8)
    counts: npt.NDArray[np.int64] = _ONES[octets].sum(axis=(3, 4), dtype=np.int64)
    return counts


def _active_values(x: Array, form: str) -> npt.NDArray[np.int64]:
    """Real inputs that are not zero, by position."""
    if form == "NTC":
        return np.asarray(np.count_nonzero(x, axis=-1), np.int64).reshape(len(x), 1, -1)
    rows, columns = (1, 1, *x.shape[2:])[-2:]
    return np.asarray(np.count_nonzero(x, axis=1), np.int64).reshape(len(x), rows, columns)
