"""Where the time of a network goes: ``python -m bench.layers [FILTERS] [BATCH]``, from the root.

Every step of the VGG is timed alone, by the calls that the runtime makes for it, one thread.
"""

from __future__ import annotations

import sys
from typing import Any

from ternary_engine.benchmark import alternate, models, networks, roofline
from ternary_engine.benchmark.recorded import Recorded, operation_calls
from ternary_engine.converters import convert


def _products(network: Any, step: Recorded) -> tuple[float, float]:
    """Multiply-accumulates of a step, and how much of what its roof counts."""
    if not step.layer or not step.roof:
        return 0.0, 0.0
    (layer,) = (one for one in network.layers if one.name == step.layer)
    target = step.chunk.codes.get(step.step.target) or step.chunk.sums.get(step.step.target)
    if target is None:  # codes of a threshold that the layer took in
        following = [s for s in network.steps if getattr(s, "source", "") == step.step.target]
        target = step.chunk.codes[following[0].target]
    where = getattr(target, "layout", target)
    macs = float(layer.cells * where.positions * step.chunk.images)
    return macs, step.roof_work(macs)


def profile(filters: int, batch: int, seconds: float = 0.2) -> list[dict[str, Any]]:
    """Time every step of a VGG; steps that make no calls of their own are left out."""
    network = convert(models.vgg(filters))
    steps = [one for one in operation_calls(network, networks.vgg_image(batch)) if one.calls]
    calls = {str(number): step for number, step in enumerate(steps)}
    timings = alternate(calls, seconds=seconds, on_this_thread=True)
    roofs = roofline.measure()
    rows = []
    for step, timing in zip(steps, timings.values(), strict=True):
        macs, work = _products(network, step)
        row = {
            "step": f"{type(step.step).__name__} {step.layer or step.step.target}",
            "microseconds": timing.seconds / batch * 1e6,
            "GMAC/s": macs / timing.seconds / 1e9,
            "of roof": work / timing.seconds / 1e9 / roofs[step.roof] if work else 0.0,
            "kernels": ", ".join(dict.fromkeys(step.kernels)),
        }
        rows.append(row)
    return rows


def main(filters: int = 128, batch: int = 4) -> None:
    """Print a Markdown table."""
    rows = profile(filters, batch)
    whole = sum(row["microseconds"] for row in rows)
    print(f"VGG f={filters}, batch {batch}: {whole:.0f} µs an image\n")
    print("| step | µs an image | share | GMAC/s | of the limit | kernels |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        rate = f"{row['GMAC/s']:.0f} | {row['of roof']:.0%}" if row["GMAC/s"] else " | "
        print(
            f"| {row['step']} | {row['microseconds']:.1f} | {row['microseconds'] / whole:.0%} | "
            f"{rate} | {row['kernels']} |"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
