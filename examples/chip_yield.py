"""Of many chips, how many are good enough, and what is a better cell worth?

    python examples/chip_yield.py [FOLDER] [CHIPS]

Two technologies on the same virtual chips: the errors of the better one are among those of the
worse, so their difference is known well before the yields themselves are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ternary_engine as te

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
chips = int(sys.argv[2]) if len(sys.argv) > 2 else 400

net = te.zoo.load("mlp_ternary")
x, labels = te.zoo.data("mlp_ternary")

found = te.population(
    net,
    x,
    labels,
    [te.SenseErrors.from_ber(0.15), te.SenseErrors.from_ber(0.1)],
    names=["today's cell", "better cell"],
    max_drop=0.01,
    chips=chips,
    seed=7,
    out=folder / "chips.csv",
)
print(found)
won = found.difference("today's cell", "better cell")
print(f"the better cell wins {100 * won.value:.1f} points of yield", won)

te.plot.save(te.plot.yields(found), folder / "chip_yield.png")
