"""Draw the figure of docs/chip.md, print its table of repairs: ``python docs/figures/chip.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import ternary_engine as te

HERE = Path(__file__).parent
CHIPS = 10
STUCK = te.Device(stuck_lrs=0.01, stuck_hrs=0.01)
CARE: dict[str, tuple[te.WriteVerify | None, te.Repair | None]] = {
    "nothing": (None, None),
    "votes of 9": (None, te.Repair(votes=9)),
    "polarity": (None, te.Repair(polarity=True)),
    "lines": (None, te.Repair(lines=True)),
    "inputs": (None, te.Repair(inputs=True)),
    "lines, 4 spares": (None, te.Repair(lines=True, spares=4)),
    "polarity, lines, inputs, 4 spares": (
        None,
        te.Repair(polarity=True, lines=True, inputs=True, spares=4),
    ),
    "write-verify, 10 pulses": (te.WriteVerify(), None),
    "write-verify and all of the above": (
        te.WriteVerify(),
        te.Repair(polarity=True, lines=True, inputs=True, spares=4, votes=9),
    ),
}


def picture() -> None:
    """Cells of one layer."""
    net = te.zoo.load("cnn_ternary")
    chip = net.program(device=te.Device(), sense=te.SenseAmp(noise_sigma=2e-3), seed=7)
    te.plot.save(te.plot.weak_cells(chip, "conv2"), HERE / "chip_cells.png")


def repairs() -> None:
    """What each repair leaves wrong in cnn_ternary, and what it takes."""
    net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")
    for name, (verify, repair) in CARE.items():
        wrong, types, right = [], np.zeros(3), []
        for seed in range(CHIPS):
            chip = net.program(
                device=STUCK, sense=te.SenseAmp(), seed=seed, verify=verify, repair=repair
            )
            rows = chip.rows()
            cells = sum(row["cells"] for row in rows)
            wrong.append(sum(chip.misreads(row["layer"]).sum() for row in rows) / cells)
            for place, kind in enumerate(("sign_flip", "drop", "rise")):
                types[place] += sum(row[kind] * row["cells"] for row in rows) / cells / CHIPS
            right.append((chip.run(x, seed=seed).argmax(axis=1) == labels).mean())
        price = chip.price()
        shown = (
            f"{100 * np.mean(wrong):.2f} %",
            *(f"{100 * one:.2f} %" for one in types),
            f"{100 * np.mean(right):.1f} %",
            f"{price['pulses']:,}",
            f"{price['senses_per_read']}",
            f"{price['spare_cells']:,}",
            f"{price['tables_bits']:,}",
        )
        print("| " + " | ".join((name, *shown)) + " |", flush=True)


if __name__ == "__main__":
    picture()
    repairs()
