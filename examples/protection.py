"""Which layers need protection, and from which errors?

    python examples/protection.py [FOLDER] [TRIALS]

Every chip is programmed with errors of its own and then read with others.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ternary_engine as te

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
trials = int(sys.argv[2]) if len(sys.argv) > 2 else 40

net = te.zoo.load("mlp_ternary")
x, labels = te.zoo.data("mlp_ternary")

found = te.sensitivity(
    net,
    x,
    labels,
    errors=te.SenseErrors.from_ber(0.15, per="read"),
    programming=te.SenseErrors.from_ber(0.15),
    trials=trials,
    seed=7,
    out=folder / "protection.csv",
)
print(found)
first = found.ranked("layer")[0]
print(f"protect {first.name} first: it wins {100 * first.spared.value:.2f} points")

te.plot.save(te.plot.sensitivity(found), folder / "protection.png")
