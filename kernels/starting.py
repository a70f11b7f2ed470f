"""What makes a process of our own start sooner."""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["load_numba"]

_BLAS = "scipy.linalg.cython_blas"
_ASKS = "numba.np.arraymath"


def load_numba() -> None:
    """Load what Numba needs before it calls its first function, without SciPy's BLAS.

    Numba only looks whether it is there, for products of vectors of floats, which no kernel of ours
    computes; importing it takes a tenth of the time of a whole command. (Code that is compiled
    later in this process finds it when it needs it.)
    """
    modules: dict[str, Any] = sys.modules
    if _ASKS in modules or _BLAS in modules:
        return
    modules[_BLAS] = None  # an import of it fails, which Numba expects where there is no SciPy
    try:
        import numba.np.arraymath  # noqa: F401
    finally:
        del modules[_BLAS]
