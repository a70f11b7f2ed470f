"""What a chip costs: ``python -m bench.chip``, from the root; a minute and a half.

Programming a VGG f = 128 (17.5 million devices) in processor time of one thread, and its run with
a draw for every read beside the error-free one, by turns in one process on one thread. Chips of
the talk's condition, and of others, where more cells are weak.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

import ternary_engine as te
from ternary_engine.benchmark import alternate, machine
from ternary_engine.physics.offsets import offset_table
from tests.networks import vgg

BATCH = 64
DESIGNS: dict[str, tuple[te.Device, te.SenseAmp]] = {
    "talk": (te.Device(), te.SenseAmp()),
    "degraded": (te.Device.preset("degraded"), te.SenseAmp()),
    "talk, noise of 5 mV": (te.Device(), te.SenseAmp(noise_sigma=5e-3)),
    "talk, no noise": (te.Device(), te.SenseAmp(noise_sigma=0.0)),
}


def measure() -> dict[str, Any]:
    """Everything, in plain values."""
    network = te.convert(vgg(128))
    x = np.random.default_rng(0).standard_normal((BATCH, 3, 32, 32)).astype(np.float32)
    found: dict[str, Any] = {"machine": machine(), "batch": BATCH, "chips": {}}
    chips = {}
    for name, (device, sense) in DESIGNS.items():
        started = time.process_time()
        offset_table.cache_clear()
        offset_table(sense)
        table = time.process_time() - started
        chips[name] = network.program(device=device, sense=sense, seed=7)
        weak = sum(len(cells) for cells in chips[name].weak.values())
        mean = sum(float(cells.otherwise.sum()) for cells in chips[name].weak.values())
        cells = sum(row.devices for row in chips[name].programmed.values()) // 2
        found["chips"][name] = {
            "devices": 2 * cells,
            "table_s": table,
            "program_s": time.process_time() - started,
            "weak_cells": weak,
            "otherwise_per_read": mean / cells,
        }

    def run(chip: Any) -> Any:
        return lambda: chip.run(x, seed=1, threads=1)

    calls = {name: run(chip) for name, chip in chips.items()}
    calls["error-free"] = lambda: network.run(x, threads=1)
    took = alternate(calls, seconds=8.0, on_this_thread=True)
    free = took["error-free"].seconds
    for name, row in found["chips"].items():
        row |= {"run_ms": 1e3 * took[name].seconds, "of_error_free": took[name].seconds / free}
    return found | {"error_free_ms": 1e3 * free}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
