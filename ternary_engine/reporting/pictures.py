"""Pictures as inline SVG, in the page's own colours: accuracy over rates, occupancy of arrays."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.mapping import LayerMapping
from ternary_engine.reporting.html import Markup, escape
from ternary_engine.sweeps import Interval, Results

__all__ = ["Dot", "accuracy_chart", "energy_bar", "occupancy", "sweep_image"]

_WIDTH, _HEIGHT = 480, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 14, 42
_STEPS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25)


class Dot(NamedTuple):
    """A rate, and the accuracy under it."""

    rate: float
    accuracy: Interval


class _Axes:
    """Where rates (logarithmic) and accuracies lie in the picture."""

    def __init__(self, rates: Sequence[float], low: float, high: float) -> None:
        self.first = math.floor(math.log10(min(rates)) + 1e-9)
        self.last = max(math.ceil(math.log10(max(rates)) - 1e-9), self.first + 1)
        self.step = next((s for s in _STEPS if (high - low) / s <= 6), _STEPS[-1])
        self.low = max(0.0, math.floor(low / self.step) * self.step)
        self.high = min(1.0, max(math.ceil(high / self.step), 1) * self.step)
        if self.high <= self.low:
            self.low = max(0.0, self.high - self.step)

    def x(self, rate: float) -> float:
        share = (math.log10(rate) - self.first) / (self.last - self.first)
        return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        share = (inside - self.low) / (self.high - self.low)
        return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 2)

    def grid(self) -> list[str]:
        parts = []
        for number in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + number * self.step
            y = self.y(value)
            parts.append(
                f'<path class="grid" d="M{_LEFT} {y}H{_WIDTH - _RIGHT}"/>'
                f'<text x="{_LEFT - 7}" y="{y + 4}" text-anchor="end">{100 * value:.3g} %</text>'
            )
        for decade in range(self.first, self.last + 1):
            x, y = self.x(10.0**decade), _HEIGHT - _BOTTOM
            parts.append(
                f'<path class="axis" d="M{x} {y}v5"/><text x="{x}" y="{y + 20}" '
                f'text-anchor="middle">10<tspan dy="-5" font-size="9">{decade}</tspan></text>'
            )
        parts.append(f'<path class="axis" d="M{_LEFT} {_HEIGHT - _BOTTOM}H{_WIDTH - _RIGHT}"/>')
        return parts


def accuracy_chart(dots: Sequence[Dot], error_free: float) -> Markup:
    """Draw accuracies over bit error rates, with their intervals and the error-free line."""
    ends = [error_free]
    for dot in dots:
        sure = math.isfinite(dot.accuracy.half_width)
        limits = (dot.accuracy.low, dot.accuracy.high) if sure else ()
        ends += [dot.accuracy.value, *(min(max(end, 0.0), 1.0) for end in limits)]
    axes = _Axes([dot.rate for dot in dots], min(ends), max(ends))
    free = axes.y(error_free)
    parts = [*axes.grid(), f'<path class="free" d="M{_LEFT} {free}H{_WIDTH - _RIGHT}"/>']
    line = " ".join(f"{axes.x(d.rate)},{axes.y(d.accuracy.value)}" for d in dots)
    parts.append(f'<polyline class="curve" points="{line}"/>')
    for dot in dots:
        x, y = axes.x(dot.rate), axes.y(dot.accuracy.value)
        if math.isfinite(dot.accuracy.half_width):
            top, bottom = axes.y(dot.accuracy.high), axes.y(dot.accuracy.low)
            parts.append(f'<path class="reach" d="M{x} {top}V{bottom}"/>')
        parts.append(f'<circle class="dot" cx="{x}" cy="{y}" r="4"/>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 4}" text-anchor="middle">bit error rate</text>')
    return _svg(_WIDTH, _HEIGHT, "Accuracy over bit error rates", parts)


def _svg(width: float, height: float, title: str, parts: Sequence[str], style: str = "") -> Markup:
    styled = f' style="{escape(style)}"' if style else ""
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}"{styled}>'
        f"{''.join(parts)}</svg>"
    )


def occupancy(layer: LayerMapping) -> Markup:
    """Draw a layer's arrays as a grid, the device pairs in use as filled."""
    rows, columns = layer.row_splits, layer.column_splits
    used = (layer.matrix[1] / layer.array[1], layer.matrix[0] / layer.array[0])
    shape = layer.array[0] / layer.array[1]  # arrays need not be square
    side = max(3.0, min(20.0, 1080 / columns, 160 / (rows * shape)))
    line = 0.6 / side
    parts = [
        f'<rect class="spare" width="{columns}" height="{rows * shape:.6g}"/>',
        f'<rect class="used" width="{used[0]:.6g}" height="{used[1] * shape:.6g}"/>',
    ]
    if side > 3.0:
        across = "".join(f"M{c} 0V{rows * shape:.6g}" for c in range(columns + 1))
        down = "".join(f"M0 {r * shape:.6g}H{columns}" for r in range(rows + 1))
        parts.append(f'<path class="lines" stroke-width="{line:.4g}" d="{across}{down}"/>')
    title = f"{layer.name}: {rows} x {columns} arrays, {100 * layer.utilisation:.1f} % in use"
    style = f"width:{side * columns:.0f}px"
    return _svg(columns, round(rows * shape, 6), title, parts, style)


def energy_bar(parts: Sequence[float], largest: float) -> Markup:
    """Draw parts of an energy side by side, to the scale of the largest of all bars."""
    pieces = "".join(
        f'<i class="p{number}" style="width:{100 * part / largest:.3f}%"></i>'
        for number, part in enumerate(parts)
    )
    return Markup(f'<div class="bar">{pieces}</div>')


def sweep_image(results: Results) -> Markup:
    """Draw a sweep with matplotlib; where it is not installed, say so."""
    try:
        from ternary_engine import plot

        drawn = plot.curves(results).get_figure(root=True)
    except (TernaryEngineError, ValueError) as error:
        return Markup(f'<p class="note">no figure: {escape(error)}</p>')
    assert drawn is not None
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="svg", metadata={"Date": None})
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Markup(
        f'<img class="plot" alt="Accuracy over the settings of the sweep" '
        f'src="data:image/svg+xml;base64,{data}">'
    )
