"""ONNX to Network: reads spellings, folds constants, finds trits and thresholds by evaluation.

Installed as ``ternary_engine.converters``. Importing it does not import onnx: that happens at the
first use of `convert`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if __name__ != "ternary_engine.converters":
    raise ImportError(
        "import ternary_engine.converters; `import converters` would load a second copy"
    )

if TYPE_CHECKING:
    from ternary_engine.converters.conversion import convert as convert

__all__ = ["convert"]


def __getattr__(name: str) -> Any:
    if name != "convert":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ternary_engine.converters.conversion import convert

    globals()["convert"] = convert
    return convert
