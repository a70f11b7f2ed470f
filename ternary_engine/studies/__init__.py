"""Studies: questions answered by trials, with intervals and budgets.

`tolerance` finds how large errors may be, `sensitivity` where they hurt, `population` how many of
many virtual chips are good enough.
"""

from __future__ import annotations

from ternary_engine.studies.population import ChipYield, Population
from ternary_engine.studies.search import Probe
from ternary_engine.studies.sensitivity import Effect, Sensitivity
from ternary_engine.studies.tolerance import Tolerance

__all__ = [
    "ChipYield",
    "Effect",
    "Population",
    "Probe",
    "Sensitivity",
    "Tolerance",
]
