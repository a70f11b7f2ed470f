"""What is asked of the engine, by the vector instructions that its kernels are compiled for.

Goals are ratios: least times as fast as a peer, by the peer's name, and least fraction of the
measured limit under "roof". A machine whose instructions are not listed has none.
"""

from __future__ import annotations

from collections.abc import Mapping

from ternary_engine.benchmark.cases import FLOAT32, INT8, ONE_THREAD
from ternary_engine.benchmark.processor import processor_class

__all__ = ["goals_for"]

_FASTER = {FLOAT32: 10.0, INT8: 2.6}
_SMALL = {FLOAT32: 4.0}
_THREADS = {ONE_THREAD: 1.8}
_AVX2 = {FLOAT32: 2.5}

_GOALS: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "AVX-512 VPOPCNTDQ": {
        "ternary x ternary": _FASTER | {"roof": 0.90},
        "ternary x binary": _FASTER | {"roof": 0.78},
        "binary x binary": _FASTER | {"roof": 0.88},
        "convolution": {"roof": 0.9 * 0.90},  # within a tenth of the product
        "VGG f=128 batch 64": {FLOAT32: 9.0, INT8: 2.5},
        "VGG f=128 batch 1": {FLOAT32: 6.0},
        "VGG f=32 batch 64": _SMALL,
        "VGG f=32 batch 1": _SMALL,
        "VGG f=16 batch 64": _SMALL,
        "VGG f=16 batch 1": _SMALL,
        "threads": _THREADS,
        "TFC_2W2A batch 1000": {FLOAT32: 3.0},
        "TFC_2W2A batch 1": {FLOAT32: 1.0},
    },
    "AVX2": {
        "ternary x ternary": _AVX2,
        "ternary x binary": _AVX2,
        "binary x binary": _AVX2,
        "convolution": _AVX2,
        "VGG f=128 batch 64": _AVX2,
        "VGG f=128 batch 1": _AVX2,
        "threads": _THREADS,
    },
}


def goals_for(what: str) -> Mapping[str, float]:
    """Look up what is asked for on this machine.

    Args:
        what: a product, ``"convolution"``, ``"threads"``, or a network and its batch.

    Returns:
        least figures, by name as in `cases.Row.figures`.
    """
    return _GOALS.get(processor_class(), {}).get(what, {})
