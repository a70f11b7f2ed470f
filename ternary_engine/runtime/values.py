"""The values that flow between operations while one chunk of samples runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.runtime.layout import ImageLayout
from ternary_engine.runtime.noise import Noise

Array = npt.NDArray[Any]


@dataclass(frozen=True, eq=False)
class CodeImages:
    """Packed codes of a chunk: flat uint64 in the given layout."""

    layout: ImageLayout
    codes: npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class SumImages:
    """Integer sums of a chunk: flat int32 [image][row][column][pitch], ``channels`` used."""

    channels: int
    height: int
    width: int
    pitch: int
    sums: npt.NDArray[np.int32]

    @property
    def positions(self) -> int:
        """Positions of one image."""
        return self.height * self.width


@dataclass(eq=False)
class Chunk:
    """One chunk of samples on its way through the network, with the buffers it writes to.

    A worker keeps its chunk object, so that buffers are allocated once.

    Attributes:
        images: samples in the chunk.
        first: number of its first sample in the run.
        noise: the errors of the run, if any.
        outputs: names of the network's outputs.
        real, codes, sums: values by name.
        faulty: weights with errors in them, by layer; see `faulty.FaultyPlanes`.
    """

    images: int = 0
    first: int = 0
    noise: Noise | None = None
    outputs: frozenset[str] = frozenset()
    real: dict[str, Array] = field(default_factory=dict)
    codes: dict[str, CodeImages] = field(default_factory=dict)
    sums: dict[str, SumImages] = field(default_factory=dict)
    faulty: dict[str, Any] = field(default_factory=dict)
    _buffers: dict[str, tuple[object, Array]] = field(default_factory=dict)

    def code_buffer(self, name: str, layout: ImageLayout) -> npt.NDArray[np.uint64]:
        """Room for the codes of a chunk; what lies outside the positions is zero."""
        held = self._buffers.get(name)
        size = self.images * layout.image_pitch
        if held is None or held[0] != layout or held[1].size < size:
            held = (layout, np.zeros(size, np.uint64))
            self._buffers[name] = held
        return held[1]

    def sum_buffer(self, name: str, size: int) -> npt.NDArray[np.int32]:
        """Room for int32 sums; contents are left over."""
        held = self._buffers.get(name)
        if held is None or held[1].size < size:
            held = (None, np.empty(size, np.int32))
            self._buffers[name] = held
        return held[1][:size]

    def real_buffer(
        self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """Room for a real value; outputs of the network get memory of their own.

        Fresh memory costs more than most operations: the system clears every page of it.
        """
        if name in self.outputs:
            return np.empty(shape, dtype)
        held = self._buffers.get(name)
        key = (shape[1:], np.dtype(dtype))
        if held is None or held[0] != key or len(held[1]) < shape[0]:
            held = (key, np.empty(shape, dtype))
            self._buffers[name] = held
        return held[1][: shape[0]]

    @property
    def bytes(self) -> int:
        """Memory of all buffers and real values."""
        buffers = sum(array.nbytes for _, array in self._buffers.values())
        return buffers + sum(array.nbytes for array in self.real.values())
