"""From steps to operations: what is fused, how wide borders are, in which order things run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ternary_engine.codes import Codes
from ternary_engine.network import Network
from ternary_engine.runtime.apart import ApartCrossbar, ApartToReal
from ternary_engine.runtime.crossbar import CrossbarOperation, Finish
from ternary_engine.runtime.layout import Border
from ternary_engine.runtime.operations import (
    DecodeOperation,
    EncodeOperation,
    JoinOperation,
    Operation,
    PoolOperation,
    SumsToCodes,
    SumsToReal,
)
from ternary_engine.runtime.periphery import DigitalOperation
from ternary_engine.runtime.real_crossbar import RealCrossbarOperation
from ternary_engine.runtime.sensed import SensedCrossbar
from ternary_engine.steps import (
    Crossbar,
    Decode,
    Digital,
    Encode,
    Join,
    LookupCodes,
    LookupReal,
    Pool,
    RealCrossbar,
    ScaleReal,
    Step,
    Threshold,
)

NO_BORDER: Border = (0, 0, 0, 0)


def _codes_by_name(steps: Iterable[Step]) -> dict[str, Codes]:
    """The code of every packed value."""
    codes: dict[str, Codes] = {}
    for step in steps:
        if isinstance(step, Encode | Threshold | LookupCodes):
            codes[step.target] = step.codes
        elif isinstance(step, Pool):
            codes[step.target] = codes[step.source]
        elif isinstance(step, Join):
            codes[step.target] = codes[step.sources[0]]
    return codes


def _borders(steps: Iterable[Step]) -> dict[str, Border]:
    """How wide a border each packed value needs: the widest padding of its readers."""
    borders: dict[str, Border] = {}
    for step in steps:
        if isinstance(step, Crossbar):
            held = borders.get(step.source, NO_BORDER)
            top, left, bottom, right = map(max, zip(held, step.geometry.pads, strict=True))
            borders[step.source] = (top, left, bottom, right)
    return borders


def _fused_thresholds(network: Network) -> dict[str, Threshold]:
    """Thresholds that a product kernel can apply itself, by the name of the sums."""
    readers = Counter(
        step.source
        for step in network.steps
        if isinstance(step, Threshold | LookupCodes | LookupReal | ScaleReal)
    )
    planes = {layer.name: layer.planes for layer in network.layers}
    single = {
        step.target
        for step in network.steps
        if isinstance(step, Crossbar) and planes[step.layer] == 1
    }
    return {
        step.source: step
        for step in network.steps
        if isinstance(step, Threshold)
        and readers[step.source] == 1
        and step.source in single
        and Finish.suits(step)
    }


def build_operations(network: Network) -> tuple[Operation, ...]:
    """One operation per step, thresholds fused into the products they follow."""
    layers = {layer.name: layer for layer in network.layers}
    codes = _codes_by_name(network.steps)
    borders = _borders(network.steps)
    fused = _fused_thresholds(network)
    operations: list[Operation] = []
    for step in network.steps:
        if isinstance(step, Encode):
            operations.append(EncodeOperation(step, borders.get(step.target, NO_BORDER)))
        elif isinstance(step, Crossbar) and step.apart:
            operations.append(ApartCrossbar(step, layers[step.layer], codes[step.source]))
        elif isinstance(step, ScaleReal) and step.negative is not None:
            operations.append(ApartToReal(step))
        elif isinstance(step, Crossbar):
            threshold = fused.get(step.target)
            border = borders.get(threshold.target, NO_BORDER) if threshold else NO_BORDER
            product = CrossbarOperation(
                step, layers[step.layer], codes[step.source], threshold, border
            )
            operations.append(SensedCrossbar(product))
        elif isinstance(step, Threshold | LookupCodes):
            if step.source not in fused:
                operations.append(SumsToCodes(step, borders.get(step.target, NO_BORDER)))
        elif isinstance(step, LookupReal | ScaleReal):
            operations.append(SumsToReal(step))
        elif isinstance(step, Pool):
            border = borders.get(step.target, NO_BORDER)
            operations.append(PoolOperation(step, codes[step.source], border))
        elif isinstance(step, Join):
            border = borders.get(step.target, NO_BORDER)
            operations.append(JoinOperation(step, codes[step.target], border))
        elif isinstance(step, Decode):
            operations.append(DecodeOperation(step, codes[step.source]))
        elif isinstance(step, Digital):
            operations.append(DigitalOperation(step))
        elif isinstance(step, RealCrossbar):
            operations.append(RealCrossbarOperation(step, layers[step.layer]))
        else:
            raise TypeError(f"unknown step {type(step).__name__}")
    return tuple(operations)
