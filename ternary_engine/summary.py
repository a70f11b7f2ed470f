"""What a network looks like: a row for every layer, totals, and the table that shows them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ternary_engine import text

if TYPE_CHECKING:
    from ternary_engine.layer import Layer
    from ternary_engine.network import Network, Port

__all__ = ["as_dict", "render", "renderable", "rows", "totals", "warnings"]

FLOAT_BITS = 32
PAIR_BITS = 2
WIDE = 112  # columns from which every column of the table has room
PLANES_COLUMN = 9  # that the one more takes which few networks have


def rows(network: Network) -> list[dict[str, Any]]:
    """Describe every layer, in graph order.

    Args:
        network: a converted network.

    Returns:
        One dict per layer, of plain values that JSON can hold: ``name``, ``op``, ``kind``,
        ``placement``, ``reason``, ``input``, ``shape``, ``levels``, ``weights`` (how many),
        ``planes`` (device pairs of one weight, one for each balanced-ternary digit; 0 if digital),
        ``zero_fraction`` and ``scales`` (None for digital layers), ``device_pairs`` and ``bits``
        (two for each device pair, 32 for each digital weight).
    """
    return [_row(layer) for layer in network.layers]


def _row(layer: Layer) -> dict[str, Any]:
    weights = int(np.prod(layer.shape, dtype=np.int64))
    crossbar = layer.placement == "crossbar"
    return {
        "name": layer.name,
        "op": layer.op,
        "kind": layer.kind,
        "placement": layer.placement,
        "reason": layer.reason,
        "input": layer.input,
        "shape": list(layer.shape),
        "levels": layer.levels,
        "weights": weights,
        "planes": layer.planes,
        "zero_fraction": layer.zero_fraction if crossbar else None,
        "scales": _scales(layer) if crossbar else None,
        "device_pairs": layer.cells,
        "bits": PAIR_BITS * layer.cells if crossbar else FLOAT_BITS * weights,
    }


def _scales(layer: Layer) -> dict[str, Any]:
    """Summarise scales: how many, and the range of those for +1 and for -1 where they differ."""
    by_sign = layer.scales.reshape(len(layer.scales), -1) if layer.scales.size else np.ones((1, 1))
    ranges = [[float(side.min()), float(side.max())] for side in by_sign.T]
    summary: dict[str, Any] = {"count": int(by_sign.size), "range": ranges[0]}
    if len(ranges) > 1:
        summary["range_negative"] = ranges[1]
    return summary


def totals(network: Network) -> dict[str, Any]:
    """Add the layers up.

    Args:
        network: a converted network.

    Returns:
        Counts of layers, weights and device pairs; ``zero_fraction`` of all device pairs;
        ``float32_bytes`` of the weights in the source's precision, ``stored_bytes`` (two bits for
        each device pair, 32 for each scale and each digital weight) and ``compression``, the one
        over the other.
    """
    layers = rows(network)
    crossbar = [row for row in layers if row["placement"] == "crossbar"]
    pairs = sum(row["device_pairs"] for row in crossbar)
    zeros = sum(row["device_pairs"] * row["zero_fraction"] for row in crossbar)
    bits = sum(row["bits"] for row in layers)
    bits += FLOAT_BITS * sum(row["scales"]["count"] for row in crossbar)
    float_bits = FLOAT_BITS * sum(row["weights"] for row in layers)
    return {
        "layers": len(layers),
        "crossbar_layers": len(crossbar),
        "digital_layers": len(layers) - len(crossbar),
        "weights": sum(row["weights"] for row in layers),
        "crossbar_weights": sum(row["weights"] for row in crossbar),
        "device_pairs": pairs,
        "zero_fraction": zeros / pairs if pairs else 0.0,
        "float32_bytes": float_bits // 8,
        "stored_bytes": -(-bits // 8),
        "compression": float_bits / bits if bits else 1.0,
    }


def warnings(network: Network) -> list[str]:
    """List what a user should know before relying on the network: the converter's notes first."""
    found = list(network.notes)
    told = {note.partition(":")[0] for note in found}
    return found + [line for line in _general(network) if line.partition(":")[0] not in told]


def _general(network: Network) -> list[str]:
    """List what holds of any network like this one."""
    lines = []
    if not network.layers:
        lines.append("no convolution or linear layer: ONNX Runtime computes the whole graph")
    elif all(layer.placement == "digital" for layer in network.layers):
        lines.append(
            "no layer is on the crossbar: ONNX Runtime computes the whole network, "
            "and sense errors cannot touch it"
        )
    if network.batching == "single":
        lines.append("the digital pieces take one sample at a time: large batches gain little")
    elif network.batching == "whole":
        lines.append("samples of a batch influence one another: a batch is never split")
    return lines


def as_dict(network: Network) -> dict[str, Any]:
    """Describe the whole network in plain values that JSON can hold.

    Args:
        network: a converted network.

    Returns:
        ``inputs`` and ``outputs`` (name, dtype, shape), ``layers`` (`rows`), ``totals``,
        ``warnings``, ``batching`` and ``provenance``.
    """
    return {
        "inputs": [_port(port) for port in network.inputs],
        "outputs": [_port(port) for port in network.outputs],
        "layers": rows(network),
        "totals": totals(network),
        "warnings": warnings(network),
        "batching": network.batching,
        "provenance": dict(network.provenance),
    }


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "dtype": port.dtype, "shape": list(port.shape)}


def render(network: Network, width: int = 120) -> str:
    """Lay out the network as plain text.

    Args:
        network: a converted network.
        width: columns to fill; defaults to 120. Under 112 the table drops to the main columns.

    Returns:
        Lines without colours, no blank at the end of any.
    """
    buffer = io.StringIO()
    console = Console(file=buffer, width=width, color_system=None, legacy_windows=False)
    console.print(renderable(network, width))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()).strip("\n")


def renderable(network: Network, width: int) -> RenderableType:
    """Lay out the network for a rich console of ``width`` columns."""
    parts: list[RenderableType] = [_ports(network), Text()]
    if network.layers:
        room = width - (PLANES_COLUMN if _has_planes(network) else 0)
        parts += [_table(network, wide=room >= WIDE), Text(), _reasons(network), _closing(network)]
    notes = [_hanging("note", note, "yellow") for note in warnings(network)]
    return Group(*parts, *[Text()][: len(notes)], *notes)


def _has_planes(network: Network) -> bool:
    """Whether some layer has more than one trit plane: then all show how many."""
    return any(layer.planes > 1 for layer in network.layers)


def _ports(network: Network) -> Text:
    def written(ports: tuple[Port, ...]) -> str:
        return ", ".join(f"{port.name} {port.dtype} {text.shape(port.shape)}" for port in ports)

    source = network.provenance.get("file", "network")
    arrow = f"{written(network.inputs)} -> {written(network.outputs)}"
    return Text.assemble((source, "bold"), "  ", arrow)


def _table(network: Network, *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, show_footer=True)
    total = totals(network)
    table.add_column("layer", "total", overflow="fold", min_width=5)
    if wide:
        table.add_column("op", no_wrap=True)
    table.add_column("placed", no_wrap=True)
    table.add_column("input", no_wrap=True)
    table.add_column("shape", justify="right", overflow="fold", min_width=7)
    table.add_column("levels", justify="right", no_wrap=True)
    several = _has_planes(network)
    if several:
        table.add_column("planes", justify="right", no_wrap=True)
    zeros = text.percent(total["zero_fraction"], 1) if total["device_pairs"] else ""
    table.add_column("zeros", zeros, justify="right", no_wrap=True)
    if wide:
        table.add_column("scales", justify="right", overflow="fold")
    table.add_column("pairs", text.count(total["device_pairs"]), justify="right", no_wrap=True)
    if wide:
        bits = sum(row["bits"] for row in rows(network))
        table.add_column("bits", text.count(bits), justify="right", no_wrap=True)
    for row in rows(network):
        left_out = (() if wide else _WIDE_ONLY) + (() if several else ("planes",))
        kept = {name: cell for name, cell in _cells(row).items() if name not in left_out}
        table.add_row(*kept.values(), style="" if row["placement"] == "crossbar" else "dim")
    return table


_WIDE_ONLY = ("op", "scales", "bits")


def _cells(row: dict[str, Any]) -> dict[str, str]:
    crossbar = row["placement"] == "crossbar"
    return {
        "layer": escape(row["name"]),
        "op": escape(row["op"]),
        "placed": row["placement"],
        "input": row["input"],
        "shape": text.shape(row["shape"]),
        "levels": text.count(row["levels"]),
        "planes": text.count(row["planes"]) if crossbar else "-",
        "zeros": text.percent(row["zero_fraction"], 1) if crossbar else "-",
        "scales": _scales_cell(row["scales"]) if crossbar else "-",
        "pairs": text.count(row["device_pairs"]) if crossbar else "-",
        "bits": text.count(row["bits"]),
    }


def _scales_cell(scales: dict[str, Any]) -> str:
    def span(ends: list[float]) -> str:
        low, high = (f"{end:.3g}" for end in ends)
        return low if low == high else f"{low}..{high}"

    if "range_negative" in scales:
        return f"+ {span(scales['range'])} / - {span(scales['range_negative'])}"
    return span(scales["range"])


def _reasons(network: Network) -> Group:
    """Say why layers lie where they do, once for each reason."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for layer in network.layers:
        grouped.setdefault((layer.placement, layer.reason), []).append(layer.name)
    every = len(network.layers)
    lines = []
    for (placement, reason), names in grouped.items():
        who = "all layers" if len(names) == every > 1 else _some(names)
        lines.append(_hanging(placement, f"{reason} ({who})", ""))
    return Group(*lines, Text())


def _some(names: list[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _closing(network: Network) -> Text:
    total = totals(network)
    stored = f"{text.size(total['float32_bytes'])} as float32, {text.size(total['stored_bytes'])}"
    line = (
        f"{text.count(total['weights'])} weights, {text.count(total['device_pairs'])} device pairs;"
        f" {stored} stored: {total['compression']:.1f}x smaller"
    )
    return Text(line)


def _hanging(label: str, line: str, style: str) -> Padding:
    """Set a label before a line that may wrap."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style=style or "bold", min_width=8)
    grid.add_column(overflow="fold")
    grid.add_row(label, escape(line))
    return Padding(grid, 0)
