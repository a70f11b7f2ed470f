"""A crossbar layer as the plan runs it: error-free, or with the errors the run asks for."""

from __future__ import annotations

from ternary_engine.runtime.crossbar import CrossbarOperation
from ternary_engine.runtime.faulty import HeldErrors
from ternary_engine.runtime.reads import ReadErrors
from ternary_engine.runtime.values import Chunk
from ternary_engine.runtime.weak import WeakReads


class SensedCrossbar:
    """codes -> sums or codes, with or without errors."""

    def __init__(self, operation: CrossbarOperation) -> None:
        self.operation = operation
        self.held = HeldErrors(operation)
        self.reads = ReadErrors(operation)
        self.weak = WeakReads(operation, self.reads)

    def __call__(self, chunk: Chunk) -> None:
        """Run on one chunk."""
        noise = chunk.noise
        errors = noise.layers.get(self.operation.layer.name) if noise else None
        if noise is None or errors is None:
            self.operation(chunk)
        elif errors.cells is not None and not noise.by_cell:
            self.weak(chunk, noise, errors)
        elif errors.per == "read":
            self.reads(chunk, noise, errors)
        else:
            self.held(chunk, noise, errors)
