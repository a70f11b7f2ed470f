"""Speed, measured beside other engines and beside the limits of the machine.

Engines are timed by turns in one process (`timing`), on cases whose answers are checked first
(`cases`, `products`, `networks`), with the limits of the machine beside them (`roofline`) and what
is asked for (`goals`). `regression` compares two results by their ratios. Preparing (converting,
compiling or loading kernels, building sessions) is timed apart from running.
"""

from __future__ import annotations

from ternary_engine.benchmark.processor import device, machine
from ternary_engine.benchmark.timing import Timing, alternate

__all__ = ["Timing", "alternate", "device", "machine"]
