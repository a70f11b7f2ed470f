"""The kernel calls that a network makes, apart from all that leads up to them.

The runtime chooses the kernel for a layer; what it called is what is timed here, whatever the
machine. `layer_calls` gives the calls of crossbar layers, `operation_calls` those of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

if TYPE_CHECKING:
    from ternary_engine.network import Network
    from ternary_engine.runtime.values import Chunk

__all__ = ["Recorded", "layer_calls", "operation_calls"]

Array = npt.NDArray[Any]

WORD_BYTES = 64  # outputs of a look-up, each with two ternary or four binary weights

# Which limit of `roofline.MEANINGS` a kernel stands under.
_ROOFS = {
    "convolve_gated": "gated",
    "convolve_masked": "masked",
    "convolve_plain": "plain",
    "convolve_tiles": "tiles",
    "convolve_nibbles": "look-up",
    "convolve_int8": "int8",
}


@dataclass(frozen=True, eq=False)
class Recorded:
    """The calls of one step, to be made again.

    Attributes:
        step: the step. layer: crossbar layer that it computes, or "".
        calls: functions with their arguments. kernels: names of the functions.
        chunk: what the step ran on, with its results.
    """

    step: Any
    layer: str
    calls: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]
    kernels: tuple[str, ...]
    chunk: Chunk

    def __call__(self) -> None:
        """Make the calls again."""
        for function, arguments in self.calls:
            function(*arguments)

    @property
    def roof(self) -> str:
        """The limit that the kernel stands under, or empty."""
        return next((_ROOFS[name] for name in self.kernels if name in _ROOFS), "")

    def roof_work(self, macs: float, planes: int = 1, *, binary: bool = False) -> float:
        """Give how much of what the roof counts the calls do.

        Args:
            macs: multiply-accumulates of the layer.
            planes: bits of a code, for kernels that take one bit after the other.
            binary: whether codes and weights are all -1 or +1.
        """
        if self.roof == "look-up":
            passes = sum(name in _ROOFS for name in self.kernels)
            return macs * passes / (4 * WORD_BYTES if binary else 2 * WORD_BYTES)
        return macs if self.roof in ("int8", "tiles") else macs * planes

    def sums(self) -> Array:
        """Give the sums of the layer, int32 [positions, outputs]."""
        made = self.chunk.sums[self.step.target]
        return made.sums.reshape(-1, made.pitch)[:, : made.channels]


def operation_calls(network: Network, x: Array) -> list[Recorded]:
    """Run a network with one input, on this thread, and keep the calls of every step.

    Args:
        network: the network.
        x: one chunk of samples.
    """
    from ternary_engine.kernels.compile import entry_point
    from ternary_engine.runtime.plan import build_operations
    from ternary_engine.runtime.values import Chunk

    chunk = Chunk(images=len(x))
    chunk.real = {network.inputs[0].name: x}
    operations = build_operations(network)
    for operation in operations:  # pieces of ONNX Runtime tell their shapes, buffers settle
        operation(chunk)
    found = []
    for operation in operations:
        chunk.tape = []
        operation(chunk)
        if chunk.tape is None:
            raise ValueError(f"{type(operation).__name__} makes calls that cannot be repeated")
        step = _step_of(operation)
        calls = [(entry_point(function, given), given) for function, given in chunk.tape]
        names = tuple(getattr(function, "__name__", "") for function, _ in chunk.tape)
        found.append(Recorded(step, getattr(step, "layer", ""), calls, names, chunk))
    return found


def _step_of(operation: Any) -> Any:
    held = getattr(operation, "operation", operation)
    return held.step


def layer_calls(network: Network, x: Array, layer: str = "layer") -> Recorded:
    """Run a network and keep the calls of one crossbar layer, by its name."""
    (found,) = (one for one in operation_calls(network, x) if one.layer == layer)
    return found
