"""Starting without SciPy's BLAS, in a process of its own; Numba goes on to find it."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from ternary_engine.kernels.starting import load_numba
load_numba()
load_numba()
assert "numba.np.arraymath" in sys.modules
assert "scipy.linalg.cython_blas" not in sys.modules, "spared"
import numpy as np, numba
@numba.njit
def product(a, b):
    return np.dot(a, b), np.convolve(a[0], b[0])
a, b = np.arange(6.0).reshape(2, 3), np.ones((3, 2))
found, convolved = product(a, b)
assert (found == a @ b).all()
assert (convolved == np.convolve(a[0], b[0])).all()
import scipy.linalg.cython_blas
"""


def test_numba_is_loaded_without_blas_and_still_multiplies() -> None:
    pytest.importorskip("scipy.linalg.cython_blas")
    made = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
