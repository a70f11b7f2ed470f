"""Sweeps over errors: points, trials, workers and the file they end in.

A `Point` is one setting; `sweep` runs trials of many on threads, processes or a cluster and keeps
each as a row of a CSV file that it can resume from.
"""

from __future__ import annotations

from ternary_engine.sweeps.collect import PointProgress, Progress, iter_sweep, sweep
from ternary_engine.sweeps.intervals import Interval
from ternary_engine.sweeps.point import Point
from ternary_engine.sweeps.results import PointSummary, Results, SweepWarning, read_results

__all__ = [
    "Interval",
    "Point",
    "PointProgress",
    "PointSummary",
    "Progress",
    "Results",
    "SweepWarning",
    "iter_sweep",
    "read_results",
    "sweep",
]
