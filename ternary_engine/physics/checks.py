"""Checks of physical quantities; each says what it got and what it takes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["PhysicsWarning", "at_least", "kelvin", "number", "positive", "probability"]

ZERO_CELSIUS = 273.15  # K


class PhysicsWarning(UserWarning):
    """Parameters that are possible but cannot be meant: a sense time that resolves nothing."""


def number(name: str, value: Any, unit: str) -> float:
    """A finite number, as float.

    Raises:
        TypeError: not a number. ValueError: infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name}: got {value!r}; it takes a number{_in(unit)}")
    if not math.isfinite(value):
        raise ValueError(f"{name}: got {value}; it takes a finite number{_in(unit)}")
    return float(value)


def positive(name: str, value: Any, unit: str) -> float:
    """A finite number above 0, as float."""
    found = number(name, value, unit)
    if found <= 0.0:
        raise ValueError(f"{name}: got {value}; it takes a number above 0{_in(unit)}")
    return found


def at_least(name: str, value: Any, least: float, unit: str) -> float:
    """A finite number from ``least`` on, as float."""
    found = number(name, value, unit)
    if found < least:
        raise ValueError(f"{name}: got {value}; it takes {least:g} or more{_in(unit)}")
    return found


def probability(name: str, value: Any) -> float:
    """A number from 0 to 1, as float."""
    found = number(name, value, "")
    if not 0.0 <= found <= 1.0:
        raise ValueError(f"{name}: got {value}; it takes a number from 0 to 1")
    return found


def kelvin(name: str, celsius: Any) -> float:
    """An absolute temperature from degrees Celsius."""
    found = number(name, celsius, "degrees Celsius")
    if found <= -ZERO_CELSIUS:
        raise ValueError(f"{name}: got {celsius}; it takes degrees Celsius above -273.15")
    return found + ZERO_CELSIUS


def _in(unit: str) -> str:
    return f", in {unit}" if unit else ""
