"""Which supply and which sense time: the least energy that keeps the accuracy.

    python examples/supply.py [FOLDER] [TRIALS]

Every trial is a chip with resistances and amplifiers of its own; the energy of a read comes from
the model of the amplifier, the number of reads from the data. The notebook supply.ipynb looks
closer. Parameters of the physics that are not public are chosen: docs/physics.md.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ternary_engine as te

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
trials = int(sys.argv[2]) if len(sys.argv) > 2 else 20

net = te.zoo.load("mlp_ternary")
x, labels = te.zoo.data("mlp_ternary")
device = te.Device.preset("degraded")  # weakly programmed: the harder case

points = te.Point.conditions(device, vdd=[0.8, 0.9, 1.0, 1.2], sense_time=[50e-9, 200e-9])
results = te.sweep(net, x, labels, points=points, trials=trials, seed=7, out=folder / "supply.csv")

fine = []
for point, summed in zip(points, results.summary(), strict=True):
    told = f"{point.label():32} loss {100 * summed.drop.value:6.2f} pt"
    if summed.drop.high <= 0.02:  # what resolves nothing needs no energy worked out
        parameters = te.CostParameters.from_amplifier(point.sense, device)
        energy = te.cost(net, x, parameters=parameters).totals["sense_energy"]
        fine.append((energy, point.label()))
        told += f", {1e9 * energy:.2f} nJ of reads an inference"
    print(told)

te.plot.save(
    te.plot.curves(results, x="vdd_V", group="sense_time_s", log=False), folder / "supply.png"
)
print(
    "least energy of reads within 2 points of accuracy:",
    min(fine, default=(0.0, "none of them"))[1],
)
