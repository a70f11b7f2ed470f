"""Whether values read from a file are of the types that a record declares."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["mistyped"]


def mistyped(record: Any) -> str:
    """Say where a record holds something else than its fields declare.

    Args:
        record: a dataclass instance.

    Returns:
        The first such place, as ``Layer.shape``; empty where there is none.
    """
    kind: Any = type(record)
    for name, hint in _hints(kind).items():
        found = _problem(getattr(record, name), hint)
        if found is not None:
            return found or f"{kind.__name__}.{name}"
    return ""


@functools.cache
def _hints(record: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    return {field.name: hints[field.name] for field in dataclasses.fields(record)}


def _problem(value: Any, hint: Any) -> str | None:
    """None if the value is of that type, the place inside it that is not, or an empty string."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return None
    if origin in (typing.Union, types.UnionType):
        problems = [_problem(value, option) for option in arguments]
        return None if None in problems else max(map(str, problems), key=len)
    if origin is typing.Literal:
        return None if type(value) is str and value in arguments else ""
    if origin is np.ndarray:
        return _array_problem(value, typing.get_args(arguments[1])[0])
    if origin is tuple:
        return _tuple_problem(value, arguments)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            return ""
        pairs = [
            (item, one) for both in value.items() for item, one in zip(both, arguments, strict=True)
        ]
        return next((p for item, one in pairs if (p := _problem(item, one)) is not None), None)
    if type(value) is not hint:
        return ""
    return (mistyped(value) or None) if dataclasses.is_dataclass(hint) else None


def _tuple_problem(value: Any, arguments: tuple[Any, ...]) -> str | None:
    if type(value) is not tuple:
        return ""
    hints = arguments
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        hints = (arguments[0],) * len(value)
    if len(hints) != len(value):
        return ""
    pairs = zip(value, hints, strict=True)
    return next((p for item, one in pairs if (p := _problem(item, one)) is not None), None)


def _array_problem(value: Any, scalar: Any) -> str | None:
    return None if isinstance(value, np.ndarray) and value.dtype == np.dtype(scalar) else ""
