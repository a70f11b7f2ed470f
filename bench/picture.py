"""Draws the roofline of a machine: ``python -m bench.picture bench/results/DATE-CPU.json``.

Left, how fast layers may be: the measured limits against the products for each byte that a layer
reads or writes, and where ours lie. Right, ours and others' for each layer, with its limit. The
picture goes to ``bench/figures`` under the name of the result.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from ternary_engine.benchmark.cases import OURS
from ternary_engine.plot.style import COLOURS, MARKERS

FIGURES = Path(__file__).parent / "figures"
SUITES = ("product", "convolution", "large")
ENGINES = {
    OURS: COLOURS[0],
    "onnxruntime int8": COLOURS[1],
    "onnxruntime float32": COLOURS[4],
    "torch float32": COLOURS[3],
    "numkong": COLOURS[2],
}
LOOKED_UP = {"look-up, ternary": 128, "look-up, binary": 256}  # products of a look-up of 64 bytes
INT32, PAIR = 4.0, 0.25  # bytes of a sum, and of a ternary weight or code


def ceilings(roofs: dict[str, float]) -> dict[str, float]:
    """Limits that products stand under, in GMAC/s."""
    known = {n: roofs[n] for n in ("gated", "masked", "plain", "int8", "tiles") if n in roofs}
    if "look-up" in roofs:
        known |= {name: each * roofs["look-up"] for name, each in LOOKED_UP.items()}
    return known


def intensity(case: str) -> float:
    """Products for each byte of operands and results of a layer, from its name."""
    if case.startswith("linear layer"):
        inputs, outputs = map(int, re.findall(r"(\d+)x(\d+)", case)[0])
        moved = inputs * outputs * PAIR + inputs * PAIR + outputs * INT32
        return inputs * outputs / moved
    if "convolution" in case:
        size, channels = int(re.findall(r"(\d+)x\d+x", case)[0]), int(case.split("x")[-1])
        moved = 2 * size**2 * channels * PAIR + 9 * channels**2 * PAIR
        return 9 * size**2 * channels**2 / moved
    rows, inputs, outputs = map(int, case.split()[-1].split("x"))
    kinds = case.split()[0], case.split()[2]
    weight, code = (PAIR if kind == "ternary" else PAIR / 2 for kind in kinds)
    moved = rows * inputs * code + inputs * outputs * weight + rows * outputs * INT32
    return rows * inputs * outputs / moved


def _layers(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in told["results"] if row["suite"] in SUITES]


def draw_roofs(axes: Axes, told: dict[str, Any]) -> None:
    """Limits against intensity, and our layers below them."""
    roofs, memory = ceilings(told["roofline"]), told["roofline"]["memory"]
    x = np.logspace(0.3, 3.5, 200)
    for i, (name, roof) in enumerate(roofs.items()):
        axes.plot(x, np.minimum(memory * x, roof), color=COLOURS[i % 7], lw=1, label=name)
    marks = dict(zip(SUITES, MARKERS, strict=False))
    for suite, mark in marks.items():
        rows = [row for row in _layers(told) if row["suite"] == suite]
        places = [intensity(row["case"]) for row in rows]
        rates = [row["rates"][OURS] / 1e9 for row in rows]
        if rows:
            axes.plot(places, rates, mark, color="black", ms=5, mfc="white", label=f"ours, {suite}")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="products per byte of operands and results",
        ylabel="GMAC/s, one thread",
        title=f"limits: {memory:.0f} GB/s of memory, and what the core issues",
    )
    axes.yaxis.set_major_locator(LogLocator(2))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter("{x:.0f}")
    axes.legend(fontsize=7, loc="lower right")
    axes.grid(alpha=0.3)


def draw_bars(axes: Axes, told: dict[str, Any]) -> None:
    """Every engine on every layer, our limit as a line."""
    rows = _layers(told)[::-1]
    shown = [e for e in ENGINES if any(e in row["rates"] for row in rows)]
    height = 0.8 / len(shown)
    for i, engine in enumerate(shown):
        places = [y + 0.4 - (i + 0.5) * height for y in range(len(rows))]
        rates = [row["rates"].get(engine, 0.0) / 1e9 for row in rows]
        axes.barh(places, rates, height, color=ENGINES[engine], label=engine)
    for y, row in enumerate(rows):
        if row["of_roof"]:
            roof = row["rates"][OURS] / 1e9 / row["of_roof"]
            axes.plot([roof, roof], [y - 0.4, y + 0.4], color="black", lw=2)
            label = f" {row['of_roof']:.0%} of {row['roof']}"
            axes.text(roof, y, label, va="center", fontsize=7)
    axes.set_yticks(range(len(rows)), [row["case"] for row in rows], fontsize=7)
    axes.set(xlabel="GMAC/s, one thread", title="ours and others; black: the limit of our kernel")
    axes.set_xlim(0, axes.get_xlim()[1] * 1.2)
    axes.legend(fontsize=7, loc="lower right")
    axes.grid(alpha=0.3, axis="x")


def main(source: Path) -> Path:
    """Draw one result; gives where the picture is."""
    told = json.loads(source.read_text(encoding="utf-8"))
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.35))
    draw_roofs(left, told)
    draw_bars(right, told)
    cpu, date = told["machine"]["cpu"], told["date"][:10]
    figure.suptitle(f"{cpu}, kernels for {told['machine']['compiles_for']}, {date}", fontsize=10)
    FIGURES.mkdir(exist_ok=True)
    target = FIGURES / f"{source.stem}.png"
    figure.savefig(target, dpi=110)
    return target


if __name__ == "__main__":
    print(main(Path(sys.argv[1])))
