"""Checks of what a chip is to be made of; each says what it got and what it takes."""

from __future__ import annotations

from typing import Any, get_args

from ternary_engine.chips.parameters import ChipParameters
from ternary_engine.device import Device
from ternary_engine.errors import check_seed
from ternary_engine.mapping.layers import Outputs
from ternary_engine.mapping.placement import check_array
from ternary_engine.sense import SenseAmp

__all__ = ["checked_parameters"]


def checked_parameters(
    device: Any, sense: Any, seed: Any, errors: Any, array: Any, outputs: Any
) -> ChipParameters:
    """Parameters of a chip, from the arguments of `Network.program`.

    Raises:
        TypeError: of the wrong type, or one of device and sense missing.
        ValueError: impossible, or errors besides.
    """
    if errors is not None:
        raise ValueError(
            "errors: a chip's errors follow from its device and sense amplifier; give either "
            "errors, or device and sense"
        )
    for name, value, kind in (("device", device, Device), ("sense", sense, SenseAmp)):
        if value is None:
            other = "sense amplifier" if name == "device" else "device"
            raise TypeError(
                f"{name}: got none with a {other}; a chip takes both, such as te.{kind.__name__}()"
            )
        if not isinstance(value, kind):
            raise TypeError(
                f"{name}: got {type(value).__name__}; it takes a te.{kind.__name__}, such as "
                f"te.{kind.__name__}()"
            )
    if outputs not in get_args(Outputs):
        raise ValueError(f"outputs: got {outputs!r}; it takes 'rows' or 'columns'")
    return ChipParameters(
        device=device,
        sense=sense,
        seed=check_seed(seed),
        array=check_array(array),
        outputs=outputs,
    )
