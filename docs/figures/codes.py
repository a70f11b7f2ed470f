"""Draw the figures of codes in docs/physics.md and print its table of accuracies.

``python docs/figures/codes.py``

Needs matplotlib (the extra ``plot``); takes a minute.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

import ternary_engine as te
from ternary_engine.ecc import SCHEMES, figures, find_scheme, trade_offs
from ternary_engine.plot import save

HERE = Path(__file__).parent
NETWORKS = ("cnn_ternary", "mlp_binary")
RAW = (3.3e-2, 1e-1)
TRIALS = 40


def rates() -> None:
    """Rate in the end over the raw rate."""
    save(figures.rates_over_raw(), HERE / "codes_rates.png")


def costs() -> None:
    """Errors over the energy and the endurance of programming."""
    found = trade_offs()
    figure = Figure(figsize=(10.0, 3.9), dpi=160, layout="constrained")
    left, right = figure.subplots(1, 2)
    figures.trade_offs(found, "energy_per_bit", ax=left)
    figures.trade_offs(found, "endurance", ax=right)
    save(left, HERE / "codes_trade_off.png")


def table() -> list[str]:
    """Accuracy of networks that were stored so; rows as in docs/physics.md."""
    lines = []
    for name in SCHEMES:
        cells = [find_scheme(name).label]
        for network in NETWORKS:
            net, (x, labels) = te.zoo.load(network), te.zoo.data(network)
            stored = [
                [te.protect(net, name, raw_ber=raw, seed=seed) for seed in range(TRIALS)]
                for raw in RAW
            ]
            cells.append(f"{stored[0][0].devices / stored[0][0].weights:.3g}")
            for one in stored:
                right = [(s.network.run(x).argmax(axis=1) == labels).mean() for s in one]
                cells.append(f"{100 * sum(right) / TRIALS:.1f} %")
        lines.append(f"| {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    rates()
    costs()
    print("\n".join(table()))
