"""How results of the benchmark are laid out: goals beside figures, what was missed marked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from ternary_engine.cli import screen

if TYPE_CHECKING:
    from rich.table import Table

    from ternary_engine.benchmark.cases import Row
    from ternary_engine.benchmark.regression import Comparison
    from ternary_engine.benchmark.startup import Fact

__all__ = [
    "change_lines",
    "fact_table",
    "layer_table",
    "machine_lines",
    "network_table",
    "roof_table",
    "verdict",
]

MISSED = "!"
NAMED = 4  # cases that are named before the rest is counted
SHOWN = ("onnxruntime float32", "onnxruntime int8")  # peers with a column of their own


def layer_table(rows: Sequence[Row], title: str) -> Table:
    """Lay out single layers, one to a row."""
    columns = ("layer", "GMAC/s", "of roof", "x ORT float32", "x ORT int8", "x others")
    return _left_last(
        columns,
        [
            (
                row.case.name,
                f"{row.rates['ours'] / 1e9:,.0f}",
                _figure(row, "roof", "{:.0%}"),
                *(_figure(row, peer, "{:.2f}") for peer in SHOWN),
                _others(row),
            )
            for row in rows
        ],
        title=title,
    )


def _left_last(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> Table:
    """Lay out a table whose last column holds words."""
    made = screen.table(columns, rows, title=title)
    made.columns[-1].justify = "left"
    return made


def network_table(rows: Sequence[Row], title: str) -> Table:
    """Lay out whole networks, one to a row."""
    from ternary_engine import text

    columns = (
        "network", "batch", "threads", "ours", "x ORT float32", "x ORT int8", "x others", "prepare",
    )  # fmt: skip
    return screen.table(
        columns,
        [
            (
                row.case.name,
                text.count(row.case.batch or 0),
                str(row.case.threads),
                text.rate(row.rates["ours"]),
                *(_figure(row, peer, "{:.2f}") for peer in SHOWN),
                _others(row),
                text.duration(row.case.prepare_seconds),
            )
            for row in rows
        ],
        title=title,
    )


def _figure(row: Row, name: str, form: str) -> str:
    """A figure with its goal, marked where it was missed."""
    figures = row.figures
    if name not in figures:
        return "-"
    shown = form.format(figures[name])
    if name not in row.case.goals:
        return shown
    return f"{_marked(shown, name in row.missed)} (goal {form.format(row.case.goals[name])})"


def _marked(shown: str, missed: bool) -> str:
    return f"[red]{shown}{MISSED}[/]" if missed else f"[green]{shown}[/]"


def _others(row: Row) -> str:
    """Ratios to peers without a column: ``numkong 1.82``."""
    names = [name for name in row.ratios if name not in SHOWN]
    return ", ".join(
        f"{name.removesuffix(' float32')} {_figure(row, name, '{:.2f}')}" for name in names
    )


def fact_table(facts: Iterable[Fact]) -> Table:
    """Lay out what was measured in processes of its own."""
    return _left_last(
        ("start, files, memory", "measured", "goal", "how"),
        [
            (
                fact.name,
                _marked(_value(fact.value, fact.unit), fact.missed),
                "-" if fact.goal is None else f"at most {_value(fact.goal, fact.unit)}",
                fact.note,
            )
            for fact in facts
        ],
    )


def _value(value: float, unit: str) -> str:
    from ternary_engine import text

    if unit == "s":
        return text.duration(value)
    return f"{value:.2f}" + (f" {unit}" if unit != "ratio" else "")


def roof_table(roofs: Mapping[str, float]) -> Table:
    """Lay out the limits of the machine."""
    from ternary_engine.benchmark.roofline import MEANINGS

    return _left_last(
        ("limit of one core", "measured", "what it counts"),
        [
            (name, f"{rate:,.{0 if rate >= 100 else 2}f} {MEANINGS[name][0]}", MEANINGS[name][1])
            for name, rate in roofs.items()
        ],
    )


def machine_lines(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Describe where it was measured, as labelled lines."""
    listed = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    isa = " ".join(machine["isa"])
    return [
        ("machine", f"{machine['cpu']}, {machine['cores']} cores, {isa}"),
        ("kernels", f"compiled for {machine['compiles_for']}"),
        ("versions", f"Python {machine['python']}, {listed}"),
    ]


def verdict(rows: Sequence[Row], facts: Sequence[Fact]) -> list[tuple[str, str]]:
    """Sum up the goals and name the peers that could not take part, as labelled lines."""
    asked = sum(len(row.case.goals) for row in rows) + sum(f.goal is not None for f in facts)
    missed = [f"{_name(row)}: {peer}" for row in rows for peer in row.missed]
    missed += [fact.name for fact in facts if fact.missed]
    lines = []
    if asked:
        lines.append(("goals", f"{asked - len(missed)} of {asked} reached"))
    if missed:
        lines.append(("missed", escape("; ".join(missed))))
    reasons = {f"{peer}: {why}" for row in rows for peer, why in row.case.skipped.items()}
    return lines + [("left out", escape(reason)) for reason in sorted(reasons)]


def _name(row: Row) -> str:
    batch = f" batch {row.case.batch}" if row.case.unit == "sample" else ""
    threads = f" threads {row.case.threads}" if row.case.threads > 1 else ""
    return f"{row.case.name}{batch}{threads}"


def change_lines(comparison: Comparison, share: float) -> list[str]:
    """Say what got slower and faster by more than a share, one line each."""
    lines = []
    for change in comparison.changes:
        if change.is_slower(share) or change.is_faster(share):
            word = "[red]slower[/]" if change.is_slower(share) else "[green]faster[/]"
            what = f"{change.case}{f' batch {change.batch}' if change.batch else ''}"
            what += f" threads {change.threads}" if change.threads > 1 else ""
            lines.append(
                f"{word}  {escape(what)}, {change.figure}: "
                f"{change.before:.2f} before, {change.now:.2f} now"
            )
    same = len(comparison.changes) - len(lines)
    lines.append(f"{same} of {len(comparison.changes)} figures within {share:.0%} of before")
    for words, names in (
        ("only in the old result", comparison.only_before),
        ("not in the old result", comparison.only_now),
    ):
        if names:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            lines.append(f"{words}: {escape(', '.join(names[:NAMED]))}{more}")
    return lines
