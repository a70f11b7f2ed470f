"""Draws ``docs/figures/errors_sampler.png``: run ``python -m docs.figures.errors`` from the root.

One output of 1,152 cells, all of them +1 under an input +1, read with drops: the change of its sum
is minus a binomial number. Both samplers of the engine, and one that draws every cell.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy import stats

import ternary_engine as te
from bench.errors import naive_reads
from ternary_engine.plot.style import COLOURS
from ternary_engine.runtime import reads
from tests.errors.single import Case, build

CELLS, RATE, SEED = 1152, 2e-3, 20261123
BLOCKS, OUTPUTS, SAMPLES = 20, 64, 800
DRAWS = BLOCKS * OUTPUTS * SAMPLES
TARGET = Path(__file__).parent / "errors_sampler.png"


def engine(sampler: str) -> np.ndarray:
    """How often the engine changed a sum by 0, 1, 2 ... with one of its samplers."""
    case = Case(channels=CELLS, outputs=OUTPUTS)
    one = build(case, codes=np.ones(case.shape, np.int64))
    image = np.ones((1, CELLS, 1, 1), np.int64)
    before, reads.RARE_CANDIDATES = reads.RARE_CANDIDATES, 1e9 if sampler == "rare" else 0.0
    counts = np.zeros(CELLS + 1, np.int64)
    for block in range(BLOCKS):
        change = one.change(image, SAMPLES, te.SenseErrors(drop=RATE), SEED + block)
        counts += np.bincount(-change.ravel(), minlength=CELLS + 1)
    reads.RARE_CANDIDATES = before
    return counts


def naive() -> np.ndarray:
    """The same, one random number for each cell of each read."""
    x, trits = np.ones((SAMPLES, CELLS), np.int8), np.ones((OUTPUTS, CELLS), np.int8)
    keep = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, RATE, 1.0]])
    counts, sums = np.zeros(CELLS + 1, np.int64), np.empty((SAMPLES, OUTPUTS), np.int32)
    for block in range(BLOCKS):
        naive_reads(x, trits, keep, SEED + block, sums)
        counts += np.bincount(CELLS - sums.ravel(), minlength=CELLS + 1)
    return counts


def main() -> None:
    """Draw."""
    series = {
        "engine, rare errors": engine("rare"),
        "engine, frequent errors": engine("frequent"),
        "cell by cell": naive(),
    }
    expected = stats.binom.pmf(np.arange(CELLS + 1), CELLS, RATE) * DRAWS
    most = int(np.flatnonzero(expected > 0.3).max())
    k = np.arange(most + 1)
    figure = Figure(figsize=(7.6, 3.3), dpi=130, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.bar(k, expected[k], width=0.9, color="0.88", label="binomial, exact")
    right.axhspan(-2, 2, color="0.93")
    right.axhline(0.0, color="0.6", linewidth=0.8)
    enough = k[expected[k] >= 10]
    for i, (name, counts) in enumerate(series.items()):
        at, style = k + (i - 1) * 0.24, {"color": COLOURS[i], "marker": "osD"[i], "markersize": 3.5}
        left.plot(at, np.where(counts[k] > 0, counts[k], np.nan), linestyle="", label=name, **style)
        error = np.sqrt(expected * (1.0 - expected / DRAWS))
        z = (counts - expected)[enough] / error[enough]
        right.plot(enough + (i - 1) * 0.24, z, linestyle="", label=name, **style)
    left.set(yscale="log", ylim=(0.5, 3e7), xlabel="cells that dropped", ylabel="sums")
    left.set_title(f"{DRAWS:,} sums of {CELLS:,} cells, rate {RATE:g}", fontsize=9)
    left.legend(frameon=False, fontsize=7.5)
    right.set(ylim=(-4.5, 4.5), xlabel="cells that dropped", ylabel="standard errors off")
    right.set_title("difference from the exact distribution", fontsize=9)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xticks(range(0, most + 1, 2))
    figure.savefig(TARGET, metadata={"Software": ""})


if __name__ == "__main__":
    main()
