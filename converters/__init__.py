"""ONNX to Network: reads spellings, folds constants, finds trits and thresholds by evaluation.

Installed as ``ternary_engine.converters``.
"""

if __name__ != "ternary_engine.converters":
    raise ImportError(
        "import ternary_engine.converters; `import converters` would load a second copy"
    )
