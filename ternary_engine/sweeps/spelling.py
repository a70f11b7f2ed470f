"""Devices and amplifiers as text: all of it for a hash, or what is special about them."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import numpy as np

__all__ = ["in_full", "in_short"]

_HEX = 12


def in_full(value: Any) -> Any:
    """Everything that tells a record from others, in values that JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [
            f.name for f in dataclasses.fields(value) if f.compare or _is_array(value, f.name)
        ]
        return {type(value).__name__: {name: in_full(getattr(value, name)) for name in fields}}
    if isinstance(value, np.ndarray):
        return hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
    return repr(value)


def in_short(value: Any) -> str:
    """A record by the fields that are not as by default: ``SenseAmp(vdd=0.9)``."""
    if isinstance(value, np.ndarray):
        return f"{value.size} values {in_full(value)[:_HEX]}"
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return f"{value:g}" if isinstance(value, float) else repr(value)
    parts = []
    for field in dataclasses.fields(value):
        one = getattr(value, field.name)
        usual = field.default
        if field.default_factory is not dataclasses.MISSING:
            usual = field.default_factory()
        if _is_array(value, field.name) or (field.compare and one != usual):
            parts.append(f"{field.name}={in_short(one)}")
    return f"{type(value).__name__}({', '.join(parts)})"


def _is_array(value: Any, name: str) -> bool:
    return isinstance(getattr(value, name), np.ndarray)
