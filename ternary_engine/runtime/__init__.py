"""Runs a network: the plan that calls the kernels and the digital periphery."""

from __future__ import annotations

from ternary_engine.runtime.execute import Plan, available_threads
from ternary_engine.runtime.inputs import check_count, check_inputs
from ternary_engine.runtime.noise import Noise, programmed, replayed
from ternary_engine.runtime.recording import Recorder

__all__ = [
    "Noise",
    "Plan",
    "Recorder",
    "available_threads",
    "check_count",
    "check_inputs",
    "programmed",
    "replayed",
]
