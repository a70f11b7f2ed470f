"""Writes the tables of results into ``bench/README.md``: ``python -m bench.tables``, from the root.

A result has its place in README between ``<!-- tables: NAME.json -->`` and ``<!-- end -->``; what
stands there is made from ``bench/results/NAME.json`` and nothing else. A test holds the two
together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ternary_engine import text
from ternary_engine.benchmark.roofline import MEANINGS

HERE = Path(__file__).parent
README = HERE / "README.md"
PLACE = re.compile(r"(<!-- tables: (\S+\.json) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

LAYERS = {
    "product": "matrix product, rows × inputs × outputs",
    "convolution": "3×3 convolution, thresholds fused, one image",
    "shapes": "other shapes of convolutions, one image",
    "bits": "inputs of several bits",
    "large": "large layer, weights from memory",
}
NETWORKS = {
    "vgg": "VGG (ternary weights and activations)",
    "tfc": "TFC_2W2A",
    "zoo": "networks that ship",
    "sizes": "sizes of a batch",
}
SHORT = {
    "onnxruntime float32": "× ORT float32",
    "onnxruntime int8": "× ORT int8",
    "numkong": "× NumKong",
    "torch float32": "× PyTorch",
    "numpy float32": "× NumPy",
    "ours, one thread": "× one thread",
    "ours on popcounts": "× popcounts",
}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _ratios(row: dict[str, Any], peers: Sequence[str]) -> list[str]:
    """Ratios in their columns, goals beside them; a missed one in bold type."""
    cells = []
    for peer in peers:
        if peer not in row["ratios"]:
            cells.append("")
            continue
        cells.append(_with_goal(row["ratios"][peer], row["goals"].get(peer), "{:.1f}"))
    return cells


def _with_goal(figure: float, goal: float | None, form: str) -> str:
    shown = form.format(figure) if figure >= 0.95 or "%" in form else f"{figure:.2f}"
    if goal is None:
        return shown
    shown = f"**{shown}**" if figure < goal else shown
    return f"{shown} (≥ {form.format(goal)})"


def _peers(rows: list[dict[str, Any]]) -> list[str]:
    return [peer for peer in SHORT if any(peer in row["ratios"] for row in rows)]


def layer_table(rows: list[dict[str, Any]], title: str) -> str:
    """One layer to a row."""
    peers = _peers(rows)
    head = [title, "GMAC/s", "of the limit", *(SHORT[peer] for peer in peers)]
    lines = []
    for row in rows:
        of_roof = ""
        if row["of_roof"] is not None:
            share = _with_goal(row["of_roof"], row["goals"].get("roof"), "{:.0%}")
            of_roof = f"{share} of {row['roof']}"
        rate = f"{row['rates']['ours'] / 1e9:,.0f}"
        lines.append([row["case"], rate, of_roof, *_ratios(row, peers)])
    return _table(head, lines)


def network_table(rows: list[dict[str, Any]], title: str) -> str:
    """One network, batch and number of threads to a row."""
    peers = _peers(rows)
    head = [title, "batch", "threads", "samples/s", *(SHORT[peer] for peer in peers)]
    return _table(
        head,
        [
            [
                row["case"],
                f"{row['batch']:,}",
                str(row["threads"]),
                text.rate(row["rates"]["ours"]).removesuffix("/s"),
                *_ratios(row, peers),
            ]
            for row in rows
        ],
    )


def ways_table(rows: list[dict[str, Any]]) -> str:
    """What the processor's own way gains."""
    return _table(
        ["the same on popcounts", "batch", "times as fast"],
        [
            [row["case"], f"{row['batch']:,}", f"{row['ratios']['ours on popcounts']:.2f}"]
            for row in rows
        ],
    )


def roof_table(roofs: dict[str, float]) -> str:
    """The limits of the machine."""
    return _table(
        ["limit of one core", "measured", "what it counts"],
        [
            [name, f"{rate:,.{0 if rate >= 100 else 2}f} {MEANINGS[name][0]}", MEANINGS[name][1]]
            for name, rate in roofs.items()
        ],
    )


def fact_table(facts: list[dict[str, Any]]) -> str:
    """Start, files and memory."""

    def shown(value: float, unit: str) -> str:
        if unit == "s":
            return text.duration(value)
        return f"{value:.2f}" + (f" {unit}" if unit != "ratio" else "")

    rows = []
    for fact in facts:
        measured, goal = shown(fact["value"], fact["unit"]), ""
        if fact["goal"] is not None:
            goal = f"at most {shown(fact['goal'], fact['unit'])}"
            measured = f"**{measured}**" if fact["value"] > fact["goal"] else measured
        rows.append([fact["name"], measured, goal, fact["note"]])
    return _table(["start, files, memory", "measured", "goal", "how"], rows)


def machine_lines(told: dict[str, Any]) -> str:
    """Where and when, in a sentence or two."""
    machine = told["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    when = told["date"][:16].replace("T", " ")
    return (
        f"{machine['cpu']}, {machine['cores']} cores ({' '.join(machine['isa'])}); kernels for "
        f"{machine['compiles_for']}; {when} UTC, load average {told['load average']:.1f}.\n"
        f"Python {machine['python']}, {versions}.\n"
    )


def errors_tables(told: dict[str, Any]) -> str:
    """What sense errors cost, from the figures of `bench.errors`."""
    parts = [machine_lines(told)]
    for name in dict.fromkeys(row["case"] for row in told["rows"]):
        mine = [row for row in told["rows"] if row["case"] == name]
        runs = [row for row in mine if "run" in row]
        head = [name, "ms", "of error-free", "of error-free on popcounts", "goal"]
        keys = ("of error-free", "of popcounts")
        lines = [
            [row["run"], f"{row['ms']:.2f}", *(f"{row[key]:.2f}" for key in keys), row["goal"]]
            for row in runs
        ]
        claims = [f"- {row['claim']} (goal: {row['goal']})\n" for row in mine if "claim" in row]
        parts.append(_table(head, lines) + "\n" + "".join(claims))
    speeds = ", ".join(f"{name} {rate:.2g}" for name, rate in told["cells per second"].items())
    clean = told["memory"]["clean"][1]
    peaks = ", ".join(f"{n} {peak / clean:.2f}" for n, (_, peak) in told["memory"].items())
    parts.append(
        f"- cells drawn per second and core at 1e-3: {speeds} (goal: at least 1e9)\n"
        f"- peak memory by that of the error-free process: {peaks} (goal: at most 1.5)\n"
    )
    return "\n".join(parts)


def tables(told: dict[str, Any]) -> str:
    """All tables of one result; figures that missed their goal are in bold type."""
    if "rows" in told:
        return errors_tables(told)
    parts = [machine_lines(told), roof_table(told["roofline"])]
    for kinds, make in ((LAYERS, layer_table), (NETWORKS, network_table)):
        for suite, title in kinds.items():
            rows = [row for row in told["results"] if row["suite"] == suite]
            if rows:
                parts.append(make(rows, title))
    ways = [row for row in told["results"] if row["suite"] == "ways"]
    if ways:
        parts.append(ways_table(ways))
    if told["facts"]:
        parts.append(fact_table(told["facts"]))
    return "\n".join(parts)


def filled(readme: str) -> str:
    """README with the tables of every result that has a place in it."""

    def fill(place: re.Match[str]) -> str:
        told = json.loads((HERE / "results" / place[2]).read_text(encoding="utf-8"))
        return f"{place[1]}\n{tables(told)}\n{place[4]}"

    return PLACE.sub(fill, readme)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
