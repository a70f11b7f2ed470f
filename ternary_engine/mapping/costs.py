"""Cost of an inference on the arrays: energy and latency, from operations counted on real data."""

from __future__ import annotations

import functools
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import RenderableType

from ternary_engine.mapping.layers import LayerMapping
from ternary_engine.mapping.parameters import (
    FLOAT32,
    INT8,
    SOURCES,
    CostParameters,
    DigitalParameters,
)
from ternary_engine.mapping.placement import Mapping, map_network
from ternary_engine.mapping.uses import REAL_BITS, coverage
from ternary_engine.network import Network
from ternary_engine.runtime.observe import count_active_inputs
from ternary_engine.steps import Crossbar, RealCrossbar

__all__ = ["Baseline", "Cost", "LayerCost", "cost"]

Array = npt.NDArray[Any]

ENERGIES = ("sense", "popcount", "additions", "threshold", "buffers")


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """What one crossbar layer costs per inference.

    Attributes:
        name: of the layer.
        sensed: cells sensed with an input that is not zero, all samples together.
        sense_operations: the same per inference.
        gated_operations: cells of the sensed rows whose input is zero, or padding, per inference.
        macs: multiplications of a digital computer, per inference.
        cycles: per inference, pipeline included.
        latency: s.
        sense_energy, popcount_energy, additions_energy, threshold_energy, buffers_energy: J.
    """

    name: str
    sensed: int
    sense_operations: float
    gated_operations: float
    macs: int
    cycles: int
    latency: float
    sense_energy: float
    popcount_energy: float
    additions_energy: float
    threshold_energy: float
    buffers_energy: float

    @property
    def energy(self) -> float:
        """J, all parts."""
        return sum(float(getattr(self, f"{part}_energy")) for part in ENERGIES)

    @property
    def gated_share(self) -> float:
        """Share of the cells in sensed rows whose input is zero, or padding."""
        every = self.sense_operations + self.gated_operations
        return self.gated_operations / every if every else 0.0

    def row(self) -> dict[str, Any]:
        """Plain values, for JSON and tables."""
        return {**vars(self), "energy": self.energy, "gated_share": self.gated_share}


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a digital accelerator takes for the same layers.

    Attributes:
        parameters: of the accelerator.
        layers: J per inference, by layer name.
        latency: s.
    """

    parameters: DigitalParameters
    layers: MappingABC[str, float]
    latency: float

    @property
    def energy(self) -> float:
        """J per inference."""
        return sum(self.layers.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold."""
        return {
            "parameters": self.parameters.to_dict(),
            "energy": self.energy,
            "latency": self.latency,
            "layers": dict(self.layers),
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class Cost:
    """Cost of an inference, layer by layer.

    Attributes:
        mapping: of the network.
        parameters: per operation.
        samples: that operations were counted on.
        layers: one record for each crossbar layer.
        baselines: digital accelerators.
    """

    mapping: Mapping = field(repr=False)
    parameters: CostParameters
    samples: int
    layers: tuple[LayerCost, ...]
    baselines: tuple[Baseline, ...]

    @functools.cached_property
    def totals(self) -> dict[str, Any]:
        """Sums over the layers, per inference."""
        summed = ("sensed", "sense_operations", "gated_operations", "macs", "cycles", "latency")
        names = (*summed, *(f"{part}_energy" for part in ENERGIES), "energy")
        total: dict[str, Any] = {n: sum(getattr(one, n) for one in self.layers) for n in names}
        every = total["sense_operations"] + total["gated_operations"]
        total["gated_share"] = total["gated_operations"] / every if every else 0.0
        return total

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know."""
        scale = self.parameters.energy_scale
        digital = self.mapping.digital
        notes = [
            "crossbar layers only; pooling and other digital pieces are not counted",
            "defaults are estimates of mixed trust, not measurements: docs/mapping.md",
            "baselines: 45 nm, every weight read once, no zeros skipped",
        ]
        if digital:
            notes[0] += f" (nor are layers {', '.join(digital)})"
        if scale != 1.0:
            notes.append(f"energies scaled by {scale:.3g} for a supply of {self.parameters.vdd} V")
        return notes

    def rows(self) -> list[dict[str, Any]]:
        """One dict for each layer, ready for ``pandas.DataFrame``; J and s."""
        return [layer.row() for layer in self.layers]

    def to_dict(self) -> dict[str, Any]:
        """Everything in plain values that JSON can hold."""
        return {
            "samples": self.samples,
            "parameters": self.parameters.to_dict(),
            "sources": dict(SOURCES),
            "layers": self.rows(),
            "totals": self.totals,
            "baselines": [one.to_dict() for one in self.baselines],
            "notes": self.notes,
        }

    def table(self, width: int = 120) -> RenderableType:
        """Lay the cost out for a rich console of ``width`` columns."""
        from ternary_engine.mapping.tables import cost_table

        return cost_table(self, width)

    def __str__(self) -> str:
        from ternary_engine.mapping.tables import plain

        return plain(self.table())


def cost(
    net: Network,
    x: Array | MappingABC[str, Array],
    *,
    mapping: Mapping | None = None,
    parameters: CostParameters | None = None,
    baselines: Sequence[DigitalParameters] = (FLOAT32, INT8),
) -> Cost:
    """Estimate energy and latency of an inference on the arrays.

    Sense operations are counted exactly, on the inputs that every layer gets for the samples of
    ``x`` in a run without errors: a cell whose input is zero, or padding, is gated.

    Args:
        net: a converted network.
        x: typical samples, as for `Network.run`.
        mapping: from `te.map` of this network; defaults to 32 x 32 arrays.
        parameters: per operation; default to `CostParameters()`.
        baselines: digital accelerators to compare with; default to float32 and int8 in 45 nm.

    Raises:
        TypeError, ValueError: bad inputs, no samples, a mapping of another network.
    """
    if mapping is None:
        mapping = map_network(net, x=x)
    elif mapping.network is not net:
        raise ValueError("mapping: it is of another network; make it with te.map(net)")
    sensed, samples = _count(net, x)
    used = parameters or CostParameters()
    layers = tuple(_cost(one, sensed[one.name], samples, used) for one in mapping.layers)
    return Cost(
        mapping=mapping,
        parameters=used,
        samples=samples,
        layers=layers,
        baselines=tuple(_baseline(mapping, one) for one in baselines),
    )


def _count(net: Network, x: Array | MappingABC[str, Array]) -> tuple[dict[str, int], int]:
    """Cells that each layer senses with an input that is not zero; and the number of samples."""
    layers = {layer.name: layer for layer in net.layers}
    sensed = {layer.name: 0 for layer in net.layers if layer.placement == "crossbar"}

    def watch(step: Crossbar | RealCrossbar, active: npt.NDArray[np.int64]) -> None:
        layer, geometry = layers[step.layer], step.geometry
        if isinstance(step, RealCrossbar) and step.form == "NTC":
            shown = int(active.sum())
        else:
            rows, columns = coverage((1, *active.shape[1:]), geometry)
            shown = int(np.einsum("nrc,r,c->", active, rows, columns))
        # Each channel reaches the outputs of its own group, and all weight planes of those.
        sensed[step.layer] += shown * (layer.outputs // geometry.groups) * layer.planes

    samples = count_active_inputs(net, x, watch)
    if not samples:
        raise ValueError("x: no samples; the cost is counted on data")
    return sensed, samples


def _cost(layer: LayerMapping, sensed: int, samples: int, parameters: CostParameters) -> LayerCost:
    operations = sensed / samples
    gated = layer.sense_operations - operations
    scale = parameters.energy_scale
    real = layer.input_bits == REAL_BITS
    width = _sum_bits(layer)
    results = layer.positions * layer.outputs
    read = layer.input_loads * layer.input_bits
    written = results * layer.output_bits
    cycles = layer.cycles + parameters.pipeline_cycles
    counting = parameters.real_add if real else parameters.popcount
    adding = parameters.real_add if real else width * parameters.add
    buffers = read * parameters.buffer_read + written * parameters.buffer_write
    return LayerCost(
        name=layer.name,
        sensed=sensed,
        sense_operations=operations,
        gated_operations=gated,
        macs=layer.positions * layer.outputs * layer.inputs,
        cycles=cycles,
        latency=cycles * parameters.cycle_time,
        sense_energy=scale * (operations * parameters.sense + gated * parameters.gated),
        popcount_energy=scale * operations * counting,
        additions_energy=scale * layer.additions * adding,
        threshold_energy=scale * results * layer.output_steps * width * parameters.compare,
        buffers_energy=scale * buffers,
    )


def _sum_bits(layer: LayerMapping) -> int:
    """Bits that hold any sum of the layer, sign included; 32 for float sums."""
    if layer.input_bits == REAL_BITS:
        return REAL_BITS
    serial = layer.reads // layer.positions if layer.positions else 1
    weight = (3**layer.planes - 1) // 2
    largest: int = layer.inputs * weight * ((1 << serial) - 1)
    return largest.bit_length() + 1


def _baseline(mapping: Mapping, digital: DigitalParameters) -> Baseline:
    energies, macs = {}, 0
    for layer in mapping.layers:
        products = layer.positions * layer.outputs * layer.inputs
        weights = layer.outputs * layer.inputs
        values = layer.input_values + layer.positions * layer.outputs
        energies[layer.name] = (
            products * (digital.multiply + digital.add)
            + weights * digital.bits * digital.weight_read
            + values * digital.bits * digital.buffer
        )
        macs += products
    latency = macs / digital.macs_per_cycle / digital.clock
    return Baseline(parameters=digital, layers=energies, latency=latency)
