"""What timings were taken on, and whether it had other things to do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any

__all__ = ["device", "load", "machine", "processor_class"]

PACKAGES = ("ternary-engine", "numpy", "numba", "llvmlite", "onnx", "onnxruntime")
PEERS = ("numkong", "torch")  # named where they are installed

# What the kernels use of a processor, by the system's name for it, weakest first.
_ISA_NAMES = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx512_vpopcntdq": "AVX-512 VPOPCNTDQ",
    "amx_int8": "AMX",
    "neon": "NEON",
    "asimd": "NEON",
    "sve": "SVE",
}


def device() -> str:
    """Name the processor and the vector instructions that matter here, in one line."""
    known = machine()
    cores = f"{known['cores']} core{'s' if known['cores'] != 1 else ''}"
    return ", ".join([known["cpu"], cores, *(_ISA_NAMES[flag] for flag in known["isa"][-1:])])


def machine() -> dict[str, Any]:
    """Describe where timings were taken.

    Returns:
        ``cpu``, ``cores`` this process may use, ``isa`` (vector extensions, weakest first),
        ``compiles_for`` (see `processor_class`), ``system``, ``python`` and ``versions`` of the
        packages that matter.
    """
    cpu, flags = _processor()
    versions = {name: _version(name) for name in PACKAGES}
    peers = {name: _version(name) for name in PEERS}
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1,
        "isa": [flag for flag in _ISA_NAMES if flag in flags],
        "compiles_for": processor_class(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions | {n: v for n, v in peers.items() if v != "not installed"},
    }


def processor_class() -> str:
    """Name the strongest vector instructions that kernels are compiled for.

    ``NUMBA_CPU_FEATURES``, by which Numba can be told to take the processor for another, counts
    instead of what the processor has.

    Returns:
        ``"AVX-512 VPOPCNTDQ"``, ``"AVX-512"``, ``"AVX2"``, ``"NEON"`` or ``"other"``.
    """
    told = os.environ.get("NUMBA_CPU_FEATURES")
    if told:
        named = {part[1:].replace("-", "_") for part in told.split(",") if part.startswith("+")}
        flags = {"avx512_vpopcntdq" if name == "avx512vpopcntdq" else name for name in named}
    else:
        flags = _processor()[1]
    for flag in ("avx512_vpopcntdq", "avx512f", "avx2", "neon", "asimd"):
        if flag in flags:
            return _ISA_NAMES[flag]
    return "other"


def load() -> float:
    """Give the load average of the last minute, per core; 0 where the system does not tell."""
    try:
        return os.getloadavg()[0] / (os.cpu_count() or 1)
    except (OSError, AttributeError):
        return 0.0


def _processor() -> tuple[str, set[str]]:
    """Read the processor's name and flags, where the system tells them."""
    name, flags = platform.processor() or platform.machine() or "unknown processor", set[str]()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                key, _, value = (part.strip() for part in line.partition(":"))
                if key == "model name":
                    name = value
                elif key in ("flags", "Features"):
                    return name, set(value.split())
    except OSError:
        pass
    return name, flags


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
