"""The sections of a report: network, accuracy, arrays, cost, sweep, provenance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ternary_engine import summary, text
from ternary_engine.mapping import Cost, LayerMapping, Mapping
from ternary_engine.mapping.costs import ENERGIES
from ternary_engine.mapping.parameters import SOURCES
from ternary_engine.mapping.tables import energy
from ternary_engine.network import Network
from ternary_engine.reporting.html import (
    Markup,
    details,
    escape,
    figure,
    pairs,
    paragraph,
    section,
    table,
)
from ternary_engine.reporting.measure import Accuracy
from ternary_engine.reporting.pictures import (
    accuracy_chart,
    energy_bar,
    occupancy,
    sweep_image,
)
from ternary_engine.sweeps import Interval, Results

__all__ = ["accuracy", "arrays", "cost", "network", "provenance", "sweep"]


def network(net: Network) -> Markup:
    """The layers: placement, and why; what the converter noted."""
    rows = []
    for row in summary.rows(net):
        stored = row["placement"] == "crossbar"
        rows.append(
            (
                row["name"],
                row["op"],
                row["placement"],
                row["input"],
                text.shape(row["shape"]),
                text.percent(row["zero_fraction"], 1) if stored else "-",
                text.count(row["device_pairs"]) if stored else "-",
            )
        )
    total = summary.totals(net)
    zeros, pairs_in_all = text.percent(total["zero_fraction"], 1), total["device_pairs"]
    footer = ("total", "", "", "", "", zeros, text.count(pairs_in_all))
    columns = ("layer", "op", "placed", "input", "shape", "zeros", "device pairs")
    closing = (
        f"{text.count(total['weights'])} weights: {text.size(total['float32_bytes'])} as float32, "
        f"{text.size(total['stored_bytes'])} stored, {total['compression']:.1f} times smaller."
    )
    notes = [paragraph(note, "note") for note in summary.warnings(net)]
    body = (table(columns, rows, footer, words=4), _reasons(net), paragraph(closing, "soft"))
    return section("network", "Network", *body, *notes)


def _reasons(net: Network) -> Markup:
    """Why layers lie where they do, once for each reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for layer in net.layers:
        grouped.setdefault((layer.placement, layer.reason), []).append(layer.name)
    return pairs(
        (placement, f"{reason} ({', '.join(names)})")
        for (placement, reason), names in grouped.items()
    )


def _reach(interval: Interval, factor: float = 100.0) -> str:
    value = f"{factor * interval.value:.2f}"
    if not math.isfinite(interval.half_width):
        return value
    return f"{value} ± {factor * interval.half_width:.2f}"


def accuracy(measured: Accuracy) -> Markup:
    """Without errors, and under a few error rates."""
    what = "accuracy" if measured.labelled else "agreement with the answers without errors"
    told = (
        f"Every read of every cell errs on its own (per {measured.per}); "
        f"{measured.trials} trials of {text.count(measured.samples)} samples for each rate, "
        f"seed {measured.seed}; mean and 95 % interval of the mean."
    )
    if measured.per != "read":
        told = told.replace("Every read of every cell errs on its own", "Cells err")
    rows: list[tuple[object, ...]] = [
        ("no errors", f"{100 * measured.error_free:.2f} %", "-"),
        *(
            (f"{dot.rate:g}", f"{_reach(dot.accuracy)} %", f"{_reach(drop)} pt")
            for dot, drop in zip(measured.dots, measured.drops, strict=True)
        ),
    ]
    chart = accuracy_chart(measured.dots, measured.error_free)
    parts = [figure(chart, f"{what}; dashed: without errors", "chart")]
    parts += [table(("bit error rate", what, "drop"), rows), paragraph(told, "soft")]
    return section("accuracy", "Accuracy under sense errors", *parts)


def arrays(mapping: Mapping) -> Markup:
    """How layers lie on arrays, and how full those are."""
    columns = (
        "layer", "input", "matrix", "splits", "arrays", "devices", "in use", "input reuse",
        "reads", "cycles", "partial popcounts",
    )  # fmt: skip
    rows = [
        (
            one.name,
            one.input,
            f"{one.matrix[0]} x {one.matrix[1]}",
            f"{one.row_splits} x {one.column_splits}",
            text.count(one.arrays),
            text.count(one.devices),
            text.percent(one.utilisation, 1),
            f"{one.input_reuse:.3g}",
            text.count(one.reads),
            text.count(one.cycles),
            text.count(one.partial_popcounts),
        )
        for one in mapping.layers
    ]
    total = mapping.totals
    counts = (text.count(total["arrays"]), text.count(total["devices"]))
    used, cycles = text.percent(total["utilisation"], 1), text.count(total["cycles"])
    popcounts = text.count(total["partial_popcounts"])
    footer = ("total", "", "", "", *counts, used, "", "", cycles, popcounts)
    size = f"{mapping.array[0]} x {mapping.array[1]}"
    told = (
        f"Arrays of {size} device pairs; the weights of an output lie along "
        f"{mapping.outputs}; one row is sensed per cycle, in all arrays of a layer at once. "
        "Reads and cycles are per inference."
    )
    pictures = Markup("".join(figure(occupancy(one), _filled(one)) for one in mapping.layers))
    return section(
        "arrays",
        "Mapping onto arrays",
        paragraph(told),
        table(columns, rows, footer, words=2),
        Markup("<h3>Occupancy: each square an array, filled where pairs are in use</h3>"),
        Markup(f'<div class="arrays">{pictures}</div>'),
    )


def _filled(layer: LayerMapping) -> str:
    many = f"{text.count(layer.arrays)} arrays" if layer.arrays > 1 else "1 array"
    return f"{layer.name}: {text.percent(layer.utilisation, 1)} of {many}"


_PARTS = ("sensing", "popcount", "additions", "thresholds", "buffers")


def cost(counted: Cost) -> Markup:
    """Energy and latency per inference, with their parameters and baselines."""
    names = [one.parameters.name for one in counted.baselines]
    columns = ("layer", "energy by part", "energy", "cells sensed", "gated", "latency", *names)
    largest = max(max(one.energy for one in counted.layers), 1e-30)
    rows = [
        (
            one.name,
            energy_bar([getattr(one, f"{part}_energy") for part in ENERGIES], largest),
            energy(one.energy),
            text.count(round(one.sense_operations)),
            text.percent(one.gated_share, 1),
            text.duration(one.latency),
            *(energy(base.layers[one.name]) for base in counted.baselines),
        )
        for one in counted.layers
    ]
    total = counted.totals
    footer = (
        "total",
        "",
        energy(total["energy"]),
        text.count(round(total["sense_operations"])),
        text.percent(total["gated_share"], 1),
        text.duration(total["latency"]),
        *(energy(base.energy) for base in counted.baselines),
    )
    key = "".join(f'<span><i class="p{i}"></i>{name}</span>' for i, name in enumerate(_PARTS))
    told = (
        f"Per inference; sense operations counted on {text.count(counted.samples)} samples without "
        "errors: a cell whose input is zero is gated."
    )
    return section(
        "cost",
        "Cost of an inference",
        paragraph(told),
        Markup(f'<div class="key">{key}</div>'),
        table(columns, rows, footer, words=2),
        *(paragraph(f"{note[:1].upper()}{note[1:]}.", "soft") for note in counted.notes),
        details("Parameters and where they come from", *_parameters(counted)),
    )


def _parameters(counted: Cost) -> list[Markup]:
    units = {"cycle_time": "s", "vdd": "V", "vdd_reference": "V", "pipeline_cycles": "cycles"}
    rows = [
        (name, f"{value:.4g} {units.get(name, 'J')}", SOURCES[name])
        for name, value in counted.parameters.to_dict().items()
    ]
    made = [table(("parameter", "value", "default comes from"), rows, words=3)]
    bases = [base.parameters.to_dict() for base in counted.baselines]
    if bases:
        lines = [(name, *(_plain(base[name]) for base in bases)) for name in bases[0]]
        made.append(table(("baseline", *("" for _ in bases)), lines, words=1))
    return made


def _plain(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def sweep(results: Results, name: str, network_hash: str) -> Markup:
    """A sweep's figure, and its points; a note where it is of another network."""
    place = results.columns.index("network_hash")
    hashes = sorted({record[place] for record in results.records} - {network_hash})
    others = [paragraph(f"Of another network than this page: {', '.join(hashes)}.", "note")]
    points = results.summary()
    keys = list(dict.fromkeys(key for one in points for key in one.cells))
    rows = [
        (
            *(_plain(one.cells.get(key, "")) for key in keys),
            text.count(one.trials),
            f"{_reach(one.accuracy)} %",
            f"{_reach(one.drop)} pt",
        )
        for one in points
    ]
    columns = (*keys, "trials", "accuracy", "drop")
    return section(
        "sweep",
        "Sweep",
        figure(sweep_image(results), f"{name}: {text.count(len(results))} trials"),
        table(columns, rows, words=len(keys)),
        *(others if hashes else []),
    )


def provenance(listed: Sequence[tuple[str, str]], command: str) -> Markup:
    """Where everything comes from."""
    parts = [pairs(listed)]
    if command:
        parts.append(paragraph(Markup(f"<code>{escape(command)}</code>"), "soft"))
    return section("provenance", "Provenance", *parts)
