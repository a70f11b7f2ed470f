"""How does my network bear sense errors? A curve, and the error rate it can take.

    python examples/resilience.py [FOLDER] [TRIALS]

Replace the two lines of the zoo with your own network and data. Run it again with more trials:
those that are in results.csv are not repeated.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ternary_engine as te

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
trials = int(sys.argv[2]) if len(sys.argv) > 2 else 50

net = te.zoo.load("mlp_ternary")  # or te.load("net.tern"), te.convert("model.onnx")
x, labels = te.zoo.data("mlp_ternary")

points = te.Point.grid(ber=[0, 1e-3, 1e-2, 3e-2, 0.1, 0.2, 0.3], per=["read", "program"])
results = te.sweep(net, x, labels, points=points, trials=trials, seed=7, out=folder / "results.csv")
for point in results.summary():
    print(f"{point.cells['per']:8} ber {point.cells['ber']:<6g} loss {point.drop}")

axes = te.plot.curves(results)
te.plot.save(axes, folder / "resilience.png")

limit = te.tolerance(
    net, x, labels, max_drop=0.01, per="read", precision=0.5, budget=10 * trials, seed=7
)
print(f"one point of accuracy is lost at a bit error rate of {limit}")
