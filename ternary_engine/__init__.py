"""Ternary and binary neural networks on simulated 2T2R resistive-RAM arrays.

Examples:
    >>> import ternary_engine as te
    >>> net = te.convert(te.zoo.path(te.zoo.names()[0]))
    >>> net.layers[0].placement
    'crossbar'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ternary_engine import backend, plot, zoo
    from ternary_engine.checking import CheckReport, check
    from ternary_engine.chips.chip import Chip
    from ternary_engine.chips.design import ChipDesign, Repair, WriteVerify
    from ternary_engine.codes import Codes
    from ternary_engine.converters import convert
    from ternary_engine.device import Device
    from ternary_engine.ecc.storage import protect
    from ternary_engine.errors import SenseErrors
    from ternary_engine.exceptions import ConversionError, FormatError, TernaryEngineError
    from ternary_engine.layer import Layer
    from ternary_engine.mapping import (
        CostParameters,
        DigitalParameters,
        Mapping,
        cost,
        map,
        read_image,
        write_image,
    )
    from ternary_engine.network import Network
    from ternary_engine.physics.checks import PhysicsWarning
    from ternary_engine.reporting import report
    from ternary_engine.sense import SenseAmp
    from ternary_engine.storage import load
    from ternary_engine.studies.population import population
    from ternary_engine.studies.recalibration import recalibrate
    from ternary_engine.studies.sensitivity import sensitivity
    from ternary_engine.studies.tolerance import tolerance
    from ternary_engine.studies.what_if import Fault, WhatIf, single_faults
    from ternary_engine.sweeps import (
        Point,
        Progress,
        Results,
        SweepWarning,
        iter_sweep,
        read_results,
        sweep,
    )

__version__ = "0.1.0"

__all__ = [
    "CheckReport",
    "Chip",
    "ChipDesign",
    "Codes",
    "ConversionError",
    "CostParameters",
    "Device",
    "DigitalParameters",
    "Fault",
    "FormatError",
    "Layer",
    "Mapping",
    "Network",
    "PhysicsWarning",
    "Point",
    "Progress",
    "Repair",
    "Results",
    "SenseAmp",
    "SenseErrors",
    "SweepWarning",
    "TernaryEngineError",
    "WhatIf",
    "WriteVerify",
    "__version__",
    "backend",
    "check",
    "convert",
    "cost",
    "iter_sweep",
    "load",
    "map",
    "plot",
    "population",
    "protect",
    "read_image",
    "read_results",
    "recalibrate",
    "report",
    "sensitivity",
    "single_faults",
    "sweep",
    "tolerance",
    "write_image",
    "zoo",
]

# Numba and ONNX take most of a second to import; each name is fetched on first use, so that
# `ternary-engine --help` and a script that only needs an exception stay quick.
_HOMES = {
    "CheckReport": "ternary_engine.checking",
    "Chip": "ternary_engine.chips.chip",
    "ChipDesign": "ternary_engine.chips.design",
    "Repair": "ternary_engine.chips.design",
    "WriteVerify": "ternary_engine.chips.design",
    "Codes": "ternary_engine.codes",
    "CostParameters": "ternary_engine.mapping",
    "DigitalParameters": "ternary_engine.mapping",
    "Mapping": "ternary_engine.mapping",
    "cost": "ternary_engine.mapping",
    "map": "ternary_engine.mapping",
    "read_image": "ternary_engine.mapping",
    "write_image": "ternary_engine.mapping",
    "ConversionError": "ternary_engine.exceptions",
    "Device": "ternary_engine.device",
    "Fault": "ternary_engine.studies.what_if",
    "FormatError": "ternary_engine.exceptions",
    "Layer": "ternary_engine.layer",
    "Network": "ternary_engine.network",
    "Point": "ternary_engine.sweeps",
    "Progress": "ternary_engine.sweeps",
    "Results": "ternary_engine.sweeps",
    "PhysicsWarning": "ternary_engine.physics.checks",
    "SenseAmp": "ternary_engine.sense",
    "SenseErrors": "ternary_engine.errors",
    "SweepWarning": "ternary_engine.sweeps",
    "TernaryEngineError": "ternary_engine.exceptions",
    "WhatIf": "ternary_engine.studies.what_if",
    "check": "ternary_engine.checking",
    "convert": "ternary_engine.converters",
    "iter_sweep": "ternary_engine.sweeps",
    "load": "ternary_engine.storage",
    "population": "ternary_engine.studies.population",
    "protect": "ternary_engine.ecc.storage",
    "read_results": "ternary_engine.sweeps",
    "recalibrate": "ternary_engine.studies.recalibration",
    "report": "ternary_engine.reporting",
    "sensitivity": "ternary_engine.studies.sensitivity",
    "single_faults": "ternary_engine.studies.what_if",
    "sweep": "ternary_engine.sweeps",
    "tolerance": "ternary_engine.studies.tolerance",
}


def __getattr__(name: str) -> Any:
    if name in ("backend", "plot", "zoo"):
        return importlib.import_module(f"ternary_engine.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
