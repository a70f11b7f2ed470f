"""Numba kernels on packed bit planes: no networks, no files, no policy.

Installed as ``ternary_engine.kernels``.
"""

if __name__ != "ternary_engine.kernels":
    raise ImportError("import ternary_engine.kernels; `import kernels` would load a second copy")
