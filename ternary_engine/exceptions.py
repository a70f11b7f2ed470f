"""The errors that ternary-engine raises on purpose, under one base class."""

from __future__ import annotations

__all__ = ["ConversionError", "FormatError", "TernaryEngineError"]


class TernaryEngineError(Exception):
    """Base of every error that is about the user's files or networks."""


class ConversionError(TernaryEngineError):
    """An ONNX model that cannot be imported; the message names node, operator and reason."""


class FormatError(TernaryEngineError):
    """A packed file that is not one, is damaged, or comes from a newer version."""
