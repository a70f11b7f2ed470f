"""Checks of what a user feeds a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.network import Network, Port

Array = npt.NDArray[Any]


def _shape_text(shape: tuple[int | None, ...]) -> str:
    free = ["N", *"?" * len(shape)]
    sizes = [free[i] if size is None else str(size) for i, size in enumerate(shape)]
    return f"({', '.join(sizes)})" + (", N samples first" if shape[:1] == (None,) else "")


def _check(port: Port, value: Any) -> Array:
    array = np.asarray(value)
    if array.ndim != len(port.shape) or any(
        size is not None and size != got for size, got in zip(port.shape, array.shape, strict=True)
    ):
        raise ValueError(
            f"input {port.name!r}: got an array of shape {array.shape}; it takes "
            f"{_shape_text(port.shape)}"
        )
    if not np.can_cast(array.dtype, port.dtype, "same_kind"):
        raise TypeError(
            f"input {port.name!r}: got {array.dtype}; it takes {port.dtype} "
            f"(convert with x.astype({port.dtype!r}) if the values allow it)"
        )
    return np.asarray(array, port.dtype, order="C")  # ascontiguousarray gives scalars an axis


def check_inputs(network: Network, x: Any) -> dict[str, Array]:
    """Bring the argument of `Network.run` into arrays of the right dtype, by port name.

    Raises:
        TypeError: a dtype that cannot be taken as the port's, or an argument of the wrong kind.
        ValueError: a missing or unknown name, a wrong shape, batches of different size.
    """
    if isinstance(x, Mapping):
        names = {port.name for port in network.inputs}
        if set(x) != names:
            raise ValueError(
                f"inputs: got {sorted(map(str, x))}; the network takes {sorted(names)}"
            )
        arrays = {port.name: _check(port, x[port.name]) for port in network.inputs}
    elif len(network.inputs) == 1:
        arrays = {network.inputs[0].name: _check(network.inputs[0], x)}
    else:
        names_text = ", ".join(repr(port.name) for port in network.inputs)
        raise TypeError(
            f"the network has {len(network.inputs)} inputs; pass a dict with the keys {names_text}"
        )
    carriers = _carriers(network)
    if len({len(arrays[name]) for name in carriers}) > 1:
        shapes = {name: arrays[name].shape for name in carriers}
        raise ValueError(f"inputs differ in their number of samples: {shapes}")
    return arrays


def count_samples(network: Network, inputs: Mapping[str, Array]) -> int:
    """Samples in checked inputs; 1 where no input has an axis that counts them."""
    return next((len(inputs[name]) for name in _carriers(network)), 1)


def samples_of(
    network: Network, inputs: Mapping[str, Array], first: int, last: int
) -> dict[str, Array]:
    """Some of the samples of checked inputs; inputs without an axis for them are kept whole."""
    carriers = _carriers(network)
    return {n: a[first:last] if n in carriers else a for n, a in inputs.items()}


def _carriers(network: Network) -> list[str]:
    """Inputs whose first axis counts samples: all of them, unless the graph mixes samples."""
    return [port.name for port in network.inputs if port.shape[:1] == (None,)]


def check_count(name: str, value: int | None) -> int | None:
    """A positive whole number or None.

    Raises:
        TypeError: not a whole number. ValueError: below 1.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name}: got {value!r}; it takes a whole number from 1 on, or None")
    if value < 1:
        raise ValueError(f"{name}: got {value}; it takes a whole number from 1 on, or None")
    return int(value)
