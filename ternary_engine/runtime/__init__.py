"""Runs a network: the plan that calls the kernels and the digital periphery."""

from __future__ import annotations

from ternary_engine.runtime.noise import programmed
from ternary_engine.runtime.run import Runner

__all__ = ["Runner", "programmed"]
