"""Thresholds and batch norms of a programmed network, fitted to what its cells really give."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ternary_engine.errors import Errors, check_seed
from ternary_engine.network import Network
from ternary_engine.runtime.taps import Taps
from ternary_engine.steps import (
    Crossbar,
    Encode,
    LookupCodes,
    LookupReal,
    RealCrossbar,
    ScaleReal,
    Step,
    Threshold,
)
from ternary_engine.studies.matching import matched_thresholds, moments
from ternary_engine.sweeps.identity import run_seed
from ternary_engine.sweeps.session import check_count
from ternary_engine.sweeps.work import share_correct

__all__ = ["LayerChange", "Recalibration", "recalibrate"]

Array = npt.NDArray[Any]
Periphery = Threshold | LookupCodes | LookupReal | ScaleReal | Encode


@dataclass(frozen=True)
class LayerChange:
    """What was done beside one layer.

    Attributes:
        layer: its name.
        what: ``"thresholds"`` or ``"scale"`` (batch norm).
        channels: how many there are. changed: of how many anything moved.
        shift: mean over the changed channels of how far thresholds moved, or the mean of the sums
            where a scale was changed, in standard deviations of the channel's sums.
    """

    layer: str
    what: str
    channels: int
    changed: int
    shift: float


@dataclass(frozen=True, eq=False)
class Recalibration:
    """A programmed network with its periphery fitted.

    Attributes:
        network: the network to go on with.
        layers: what was done, layer by layer.
        accuracy_reference: of the reference on the test samples; None without any, as the next two.
        accuracy_before: of the programmed network as it came.
        accuracy_after: of ``network``.
    """

    network: Network
    layers: tuple[LayerChange, ...]
    accuracy_reference: float | None = None
    accuracy_before: float | None = None
    accuracy_after: float | None = None

    @property
    def won(self) -> float | None:
        """Accuracy that was won back."""
        if self.accuracy_after is None or self.accuracy_before is None:
            return None
        return self.accuracy_after - self.accuracy_before

    def __str__(self) -> str:
        lines = [
            f"{one.layer:24}{one.what:12}{one.changed:>6,} of {one.channels:,} channels moved by "
            f"{one.shift:.2f} sigma"
            for one in self.layers
        ]
        if self.accuracy_before is not None and self.accuracy_after is not None:
            lines.append(
                f"accuracy {100 * self.accuracy_before:.2f} % before, "
                f"{100 * self.accuracy_after:.2f} % after; "
                f"{100 * (self.accuracy_reference or 0.0):.2f} % without errors"
            )
        return "\n".join(lines)


def recalibrate(
    net: Network,
    x: Array | Mapping[str, Array],
    *,
    reference: Network,
    test: tuple[Any, Array] | None = None,
    errors: Errors | None = None,
    repeats: int = 1,
    seed: int = 0,
) -> Recalibration:
    """Fit what lies beside the arrays of a programmed network to the arrays as they are.

    Errors that last (weights programmed or sensed wrong, lost by drift) move and stretch the sums
    of a layer, and thresholds that were right for the stored weights are then wrong. Layer by
    layer, in order, each threshold is put where the same share of the calibration samples' sums
    lies below it as in the reference, channel by channel: the codes get back the shares that the
    next layer was trained on. Where sums become real numbers (scores), their mean and spread are
    brought back instead, as batch norm would. The stored weights stay as they are. A channel whose
    thresholds cut the samples as the reference does is not touched.

    Args:
        net: a programmed network, or a chip, see `Network.program`.
        x: calibration samples, as `Network.run` takes them; no labels are needed. Best a few
            hundred, and others than those the accuracy is measured on.
        reference: the network as it should be; with the same steps as ``net``.
        test: samples and labels to measure the accuracy on, before and after; defaults to none.
        errors: sense errors of every run on top, while calibrating and testing; a chip has its own
            and takes none.
        repeats: runs of the calibration samples, with draws of their own, where reads err;
            defaults to 1.
        seed: names the draws; defaults to 0.

    Raises:
        ValueError, TypeError: bad arguments, or a reference with other steps.

    Examples:
        >>> import ternary_engine as te
        >>> net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")
        >>> worn = net.program(errors=te.SenseErrors(drop=0.2), seed=1)
        >>> found = te.recalibrate(worn, x[:200], reference=net, test=(x[200:], labels[200:]))
        >>> found.accuracy_after > found.accuracy_before + 0.1
        True
    """
    _check_same_steps(net, reference)
    draws = [run_seed(check_seed(seed), None, i) for i in range(check_count("repeats", repeats))]
    layers = {step.target: step.layer for step in net.steps if isinstance(step, Crossbar)}
    real = {step.target: step.layer for step in net.steps if isinstance(step, RealCrossbar)}
    current, changes = net, []
    for number, step in enumerate(net.steps):
        source = getattr(step, "source", None)
        beside = (real if isinstance(step, Encode) else layers).get(str(source))
        if beside is None or not isinstance(step, Periphery):
            continue
        right = _by_channel(reference, x, step, None, draws[:1])
        found = _by_channel(current, x, step, errors, draws)
        fitted, change = _fitted(step, found, right, beside)
        changes.append(change)
        steps = (*current.steps[:number], fitted, *current.steps[number + 1 :])
        current = dataclasses.replace(current, steps=steps)
    made = Recalibration(current, tuple(changes))
    return made if test is None else _tested(made, net, reference, test, errors, draws[0])


def _check_same_steps(net: Network, reference: Network) -> None:
    kinds = [[(type(s), getattr(s, "target", "")) for s in one.steps] for one in (net, reference)]
    if kinds[0] != kinds[1]:
        raise ValueError(
            "reference: it has other steps than net; it takes the network that net was "
            "programmed from"
        )


def _tested(
    made: Recalibration,
    net: Network,
    reference: Network,
    test: tuple[Any, Array],
    errors: Errors | None,
    seed: int,
) -> Recalibration:
    x, labels = test
    before, after = (
        share_correct(one.run(x, errors=errors, seed=seed), np.asarray(labels))
        for one in (net, made.network)
    )
    free = share_correct(reference.run(x), np.asarray(labels))
    return dataclasses.replace(
        made, accuracy_reference=free, accuracy_before=before, accuracy_after=after
    )


def _by_channel(
    net: Network,
    x: Array | Mapping[str, Array],
    step: Periphery,
    errors: Errors | None,
    seeds: list[int],
) -> Array:
    """What a step reads, of all samples and draws; [channels, values]."""
    taps = Taps(net, [step.source])
    parts = []
    for seed in seeds if errors is not None or net.read_errors else seeds[:1]:
        values = taps.run(x, errors=errors, seed=seed)[step.source]
        if isinstance(step, ScaleReal) and step.negative is not None:
            plus, minus = (values[..., side::2] for side in (0, 1))
            values = plus * step.scale - minus * step.negative
        if isinstance(step, Encode):
            flat = values.reshape(len(values), -1) if step.flatten else values
            values = flat if step.channels_last else np.moveaxis(flat, 1, -1)
        parts.append(values.reshape(-1, values.shape[-1]).T)
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _fitted(step: Periphery, found: Array, right: Array, layer: str) -> tuple[Step, LayerChange]:
    """A step fitted to what it reads."""
    if isinstance(step, Threshold | Encode):
        return _fitted_thresholds(step, found, right, layer)
    mean, spread = moments(found)
    mean_before, spread_before = moments(right)
    moved = (mean != mean_before) | (spread != spread_before)
    gain = np.where(
        (spread > 0) & (spread_before > 0), spread_before / np.where(spread, spread, 1), 1
    )
    fitted = _rescaled(step, moved, gain, mean, mean_before)
    shift = np.abs(mean - mean_before)[moved] / np.maximum(spread_before[moved], 1e-12)
    change = LayerChange(layer, "scale", len(moved), int(moved.sum()), _mean(shift))
    return fitted, change


def _fitted_thresholds(
    step: Threshold | Encode, found: Array, right: Array, layer: str
) -> tuple[Step, LayerChange]:
    old = np.broadcast_to(step.thresholds, (len(found), step.thresholds.shape[1]))
    new = np.stack([matched_thresholds(*one) for one in zip(old, found, right, strict=True)])
    differs = (new != old) & ~((new != new) & (old != old))
    moved = differs.any(axis=1)
    change = LayerChange(layer, "thresholds", len(moved), int(moved.sum()), 0.0)
    if not moved.any():
        return step, change
    far = np.where(differs, np.abs(new.astype(np.float64) - old), np.nan)[moved]
    shift = np.nanmean(far, axis=1) / np.maximum(right[moved].std(axis=1), 1e-12)
    flips = np.broadcast_to(step.decreasing, len(found)).copy()
    fields: dict[str, Any] = {"thresholds": new, "decreasing": flips}
    return dataclasses.replace(step, **fields), dataclasses.replace(change, shift=_mean(shift))


def _rescaled(
    step: LookupCodes | LookupReal | ScaleReal, moved: Array, gain: Array, mean: Array, right: Array
) -> Step:
    """A step that sees sums (s - mean) * gain + right in place of s, on some channels."""
    if isinstance(step, ScaleReal):
        return _rescaled_scale(step, moved, gain, mean, right)
    table = step.table.copy()
    sums = np.arange(table.shape[1]) + step.minimum
    for channel in np.flatnonzero(moved):
        seen = (sums - mean[channel]) * gain[channel] + right[channel]
        if isinstance(step, LookupReal):
            table[channel] = np.interp(seen, sums, step.table[channel])
        else:
            nearest = np.clip(np.rint(seen).astype(np.int64) - step.minimum, 0, len(sums) - 1)
            table[channel] = step.table[channel, nearest]
    fields: dict[str, Any] = {"table": table}
    return dataclasses.replace(step, **fields)


def _rescaled_scale(
    step: ScaleReal, moved: Array, gain: Array, mean: Array, right: Array
) -> ScaleReal:
    gain, shift = np.where(moved, gain, 1.0), np.where(moved, right - gain * mean, 0.0)
    offset = np.zeros_like(step.scale) if step.offset is None else step.offset
    if not moved.any():
        return step
    if step.negative is None:  # moments are of the sums
        scale, offset = step.scale * gain, offset + step.scale * shift
        return dataclasses.replace(step, scale=_float(scale), offset=_float(offset))
    scale, negative = step.scale * gain, step.negative * gain
    return dataclasses.replace(
        step, scale=_float(scale), negative=_float(negative), offset=_float(offset + shift)
    )


def _float(values: Array) -> npt.NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _mean(values: Array) -> float:
    return float(values.mean()) if values.size else 0.0
