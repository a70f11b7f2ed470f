"""Ternary and binary neural networks on simulated 2T2R resistive-RAM arrays."""

from __future__ import annotations

__version__ = "0.1.0"
