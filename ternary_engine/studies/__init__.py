"""Studies: questions answered by trials, with intervals and budgets.

`tolerance` finds how large errors may be, `sensitivity` where they hurt, `population` how many of
many virtual chips are good enough, `WhatIf` what single faulty cells do,
`recalibrate` what thresholds that fit the chip win back.
"""

from __future__ import annotations

from ternary_engine.studies.population import ChipYield, Population
from ternary_engine.studies.recalibration import Recalibration
from ternary_engine.studies.search import Probe
from ternary_engine.studies.sensitivity import Effect, Sensitivity
from ternary_engine.studies.tolerance import Tolerance
from ternary_engine.studies.what_if import Answer, CellEffect, Fault, WhatIf

__all__ = [
    "Answer",
    "CellEffect",
    "ChipYield",
    "Effect",
    "Fault",
    "Population",
    "Probe",
    "Recalibration",
    "Sensitivity",
    "Tolerance",
    "WhatIf",
]
