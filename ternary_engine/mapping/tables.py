"""Mappings and costs as tables for a terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, JustifyMethod, OverflowMethod, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ternary_engine import text

if TYPE_CHECKING:
    from ternary_engine.mapping.costs import Cost
    from ternary_engine.mapping.layers import LayerMapping
    from ternary_engine.mapping.placement import Mapping

__all__ = ["cost_table", "energy", "mapping_table", "plain"]

WIDE = 112  # columns from which every column of the table has room
_PREFIXES = ((1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ"), (1e-9, "nJ"), (1e-12, "pJ"), (1e-15, "fJ"))


def plain(table: RenderableType, width: int = 120) -> str:
    """Lay something out as text without colours, no blank at the end of any line."""
    buffer = io.StringIO()
    Console(file=buffer, width=width, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()).strip("\n")


def energy(joules: float) -> str:
    """Write an energy with three digits: ``17.0 fJ``, ``1.23 µJ``."""
    if joules <= 0.0:
        return "0 J"
    factor, unit = next((one for one in _PREFIXES if joules >= 0.9995 * one[0]), _PREFIXES[-1])
    return f"{joules / factor:#.3g}".removesuffix(".") + f" {unit}"


def _table(columns: list[tuple[str, str]]) -> Table:
    """Make a table whose columns have a title and a footer; the first to the left."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    for place, (title, footer) in enumerate(columns):
        side: JustifyMethod = "right" if place else "left"
        fold: OverflowMethod = "ellipsis" if place else "fold"
        least = 0 if place else 6
        table.add_column(
            title, footer, justify=side, no_wrap=bool(place), overflow=fold, min_width=least
        )
    return table


_WIDE_ONLY = ("reuse", "popcounts")


def _cells(layer: LayerMapping) -> dict[str, str]:
    splits = f"{layer.row_splits} x {layer.column_splits}"
    return {
        "layer": escape(layer.name),
        "input": layer.input,
        "matrix": f"{layer.matrix[0]} x {layer.matrix[1]}",
        "splits": splits,
        "arrays": text.count(layer.arrays),
        "devices": text.count(layer.devices),
        "used": text.percent(layer.utilisation, 1),
        "reuse": f"{layer.input_reuse:.3g}",
        "reads": text.count(layer.reads),
        "cycles": text.count(layer.cycles),
        "popcounts": text.count(layer.partial_popcounts),
    }


def mapping_table(mapping: Mapping, width: int = 120) -> RenderableType:
    """Lay a mapping out for a rich console of ``width`` columns."""
    total = mapping.totals
    footers = {
        "layer": "total",
        "arrays": text.count(total["arrays"]),
        "devices": text.count(total["devices"]),
        "used": text.percent(total["utilisation"], 1),
        "cycles": text.count(total["cycles"]),
        "popcounts": text.count(total["partial_popcounts"]),
    }
    kept = [name for name in _cells(mapping.layers[0]) if width >= WIDE or name not in _WIDE_ONLY]
    table = _table([(name, footers.get(name, "")) for name in kept])
    for layer in mapping.layers:
        cells = _cells(layer)
        table.add_row(*(cells[name] for name in kept))
    return Group(_headline(mapping), Text(), table, Text(), *_remarks(mapping))


def _headline(mapping: Mapping) -> Text:
    rows, columns = mapping.array
    along = "along rows" if mapping.outputs == "rows" else "along columns"
    line = f"arrays of {rows} x {columns} device pairs, an output's weights {along}, "
    return Text(line + "one row sensed per cycle")


def _remarks(mapping: Mapping) -> list[RenderableType]:
    total = mapping.totals
    slowest = max(mapping.layers, key=lambda layer: layer.cycles)
    lines: list[RenderableType] = [
        Text(
            f"{text.count(total['arrays'])} arrays, {text.count(total['devices'])} devices, "
            f"{text.percent(total['utilisation'], 1)} of them in use; "
            f"{text.count(total['cycles'])} cycles an inference, layer after layer "
            f"(slowest: {slowest.name}, {text.count(slowest.cycles)})"
        )
    ]
    if mapping.digital:
        lines.append(Text(f"not on arrays (digital): {', '.join(mapping.digital)}", "dim"))
    return lines


_PARTS = {
    "sense": "sense",
    "popcount": "count",
    "additions": "add",
    "threshold": "compare",
    "buffers": "buffers",
}


def cost_table(cost: Cost, width: int = 120) -> RenderableType:
    """Lay costs out for a rich console of ``width`` columns."""
    total, n = cost.totals, len(cost.baselines)
    parts = _PARTS if width >= WIDE else {}
    names = [one.parameters.name for one in cost.baselines]
    columns = [
        ("layer", "total"),
        ("sensed", text.count(round(total["sense_operations"]))),
        ("gated", text.percent(total["gated_share"], 1)),
        *((title, energy(total[f"{name}_energy"])) for name, title in parts.items()),
        ("energy", energy(total["energy"])),
        ("latency", text.duration(total["latency"])),
        *zip(names, (energy(one.energy) for one in cost.baselines), strict=True),
    ]
    table = _table(columns)
    for layer in cost.layers:
        table.add_row(
            escape(layer.name),
            text.count(round(layer.sense_operations)),
            text.percent(layer.gated_share, 1),
            *(energy(getattr(layer, f"{name}_energy")) for name in parts),
            energy(layer.energy),
            text.duration(layer.latency),
            *(energy(cost.baselines[i].layers[layer.name]) for i in range(n)),
        )
    head = f"per inference, mean of {text.count(cost.samples)} samples without errors"
    notes = [Text(note, "dim") for note in cost.notes]
    return Group(Text(head), Text(), table, Text(), *notes)
