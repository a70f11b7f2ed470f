"""The values that flow between operations while one chunk of samples runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ternary_engine.kernels.compile import entry_point
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


class Target(NamedTuple):
    """Where a layer's results go: start of every position, codes as uint16, or sums."""

    places: Array
    codes: Array
    sums: Array


Call = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True, eq=False)
class Tape:
    """All calls of one error-free run, to be made again on other inputs of the same shape.

    What the operations work out between calls costs more than the kernels where samples are few.

    Attributes:
        copied: buffers of inputs that calls are tied to (sessions of ONNX Runtime), by port name.
        fed: for every call, which arguments are an input: place, port name and shape.
        calls: in order.
        outputs: buffers by port name.
    """

    copied: Mapping[str, Array]
    fed: Sequence[tuple[tuple[int, str, tuple[int, ...]], ...]]
    calls: Sequence[Call]
    outputs: Mapping[str, Array]

    @staticmethod
    def of(
        inputs: Mapping[str, Array],
        copied: Mapping[str, Array],
        calls: Sequence[Call],
        outputs: Mapping[str, Array],
    ) -> Tape:
        """Make a tape that calls compiled kernels without looking up their types again.

        Args:
            inputs: the arrays the calls were made with, by port name.
            copied: as above. calls, outputs: as above.
        """
        direct = [name for name in inputs if name not in copied]
        fed = [
            tuple(
                (place, name, argument.shape)
                for place, argument in enumerate(arguments)
                for name in direct
                if isinstance(argument, np.ndarray) and _is_same(argument, inputs[name])
            )
            for _, arguments in calls
        ]
        return Tape(copied, fed, [(entry_point(f, a), a) for f, a in calls], outputs)

    def play(self, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run on new inputs; the outputs hold until the next run."""
        for name, buffer in self.copied.items():
            np.copyto(buffer, inputs[name])
        for (function, arguments), fed in zip(self.calls, self.fed, strict=True):
            if fed:
                changed = list(arguments)
                for place, name, shape in fed:
                    changed[place] = inputs[name].reshape(shape)
                function(*changed)
            else:
                function(*arguments)
        return self.outputs


def _is_same(view: Array, array: Array) -> bool:
    """Whether a view shows the whole of an array."""
    return view.ctypes.data == array.ctypes.data and view.nbytes == array.nbytes > 0


@dataclass(eq=False)
class Chunk:
    """One chunk of samples on its way through the network, with the buffers it writes to.

    A worker keeps its chunk object, so that buffers are allocated once.

    Attributes:
        images: samples in the chunk.
        first: number of its first sample in the run.
        noise: the errors of the run, if any.
        mixed: the graph mixes samples: shapes of results may depend on values.
        single: the graph takes one sample at a time.
        real, codes, sums: values by name.
        faulty: weights with errors in them, by layer; see `faulty.FaultyPlanes`.
        tape: calls made so far, where they are being taken down; None where they are not, or
            where an operation did something that a call with the same arguments would not repeat.
        tapes: what was taken down, by shape of the inputs; void once a buffer moves.
    """

    images: int = 0
    first: int = 0
    noise: Noise | None = None
    mixed: bool = False
    single: bool = False
    real: dict[str, Array] = field(default_factory=dict)
    codes: dict[str, CodeImages] = field(default_factory=dict)
    sums: dict[str, SumImages] = field(default_factory=dict)
    faulty: dict[str, Any] = field(default_factory=dict)
    tape: list[Call] | None = None
    tapes: dict[object, Tape] = field(default_factory=dict)
    _buffers: dict[str, tuple[object, Array]] = field(default_factory=dict)

    def call(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function that works on buffers, and take the call down."""
        function(*arguments)
        if self.tape is not None:
            self.tape.append((function, arguments))

    def _keep(self, name: str, key: object, array: Array) -> Array:
        self._buffers[name] = (key, array)
        self.tapes.clear()
        return array

    def code_buffer(self, name: str, layout: ImageLayout) -> npt.NDArray[np.uint64]:
        """Room for the codes of a chunk; what lies outside the positions is zero."""
        held = self._buffers.get(name)
        size = self.images * layout.image_pitch
        if held is None or held[0] != layout or held[1].size < size:
            return self._keep(name, layout, np.zeros(size, np.uint64))
        return held[1]

    def place_buffer(
        self, name: str, layout: ImageLayout, dtype: npt.DTypeLike, fill: int = 0
    ) -> Array:
        """Room for what a chunk's codes become, and 64 more; ``fill`` outside the positions."""
        held = self._buffers.get(name)
        key, size = (layout, np.dtype(dtype)), self.images * layout.image_pitch + 64
        if held is None or held[0] != key or held[1].size < size:
            return self._keep(name, key, np.full(size, fill, dtype))
        return held[1]

    def sum_buffer(self, name: str, size: int) -> npt.NDArray[np.int32]:
        """Room for int32 sums; contents are left over."""
        held = self._buffers.get(name)
        if held is None or held[1].size < size:
            return self._keep(name, None, np.empty(size, np.int32))
        return held[1][:size]

    def word_buffer(self, name: str, size: int) -> npt.NDArray[np.uint64]:
        """Room for bare words; contents are left over."""
        held = self._buffers.get(name)
        if held is None or held[1].size < size:
            return self._keep(name, None, np.empty(size, np.uint64))
        return held[1][:size]

    def real_buffer(
        self, name: str, shape: tuple[int, ...], dtype: npt.DTypeLike = np.float32
    ) -> Array:
        """Room for a real value; contents are left over.

        Fresh memory costs more than most operations: the system clears every page of it.
        """
        held = self._buffers.get(name)
        key = (shape[1:], np.dtype(dtype))
        if held is None or held[0] != key or len(held[1]) < shape[0]:
            return self._keep(name, key, np.empty(shape, dtype))
        return held[1][: shape[0]]

    @property
    def bytes(self) -> int:
        """Memory of all buffers and real values."""
        buffers = sum(array.nbytes for _, array in self._buffers.values())
        return buffers + sum(array.nbytes for array in self.real.values())
