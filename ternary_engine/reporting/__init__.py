"""A report on a network: one HTML page that needs nothing else."""

from __future__ import annotations

from ternary_engine.reporting.build import report

__all__ = ["report"]
