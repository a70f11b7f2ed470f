"""The pages: Markdown beside its pictures, and HTML with everything inside."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Iterator, Sequence
from pathlib import Path

import ternary_engine
from ternary_engine import benchmark
from ternary_engine.reporting.html import Markup, escape, figure, pairs, paragraph, section, table
from ternary_engine.reporting.page import page
from ternary_engine.reproduction.panel import (
    TRUST,
    VERDICTS,
    Claim,
    Panel,
    Picture,
    Setting,
)

__all__ = ["html", "markdown"]

TITLE = "The talk, redrawn"
CLAIM_COLUMNS = ("claim", "source", "found here", "verdict")


def _cells(claim: Claim) -> tuple[str, str, str, str]:
    return claim.text, claim.origin, claim.found, claim.verdict


def _summary(panels: Sequence[Panel]) -> Iterator[tuple[str, int]]:
    """Verdicts that occur, with how often."""
    given = [claim.verdict for panel in panels for claim in panel.claims]
    return ((verdict, given.count(verdict)) for verdict in VERDICTS if verdict in given)


def markdown(panels: Sequence[Panel]) -> str:
    """Write the page as Markdown; its pictures are files beside it."""
    counts = ", ".join(f"{count} {verdict}" for verdict, count in _summary(panels))
    lines = [f"# {TITLE}", "", f"Made by `ternary-engine reproduce`. Claims: {counts}.", ""]
    lines += _markdown_table(("label", "means"), [*TRUST.items(), *VERDICTS.items()])
    for panel in panels:
        lines += [f"## {panel.title}", ""]
        lines += [panel.text, ""]
        lines += _markdown_table(CLAIM_COLUMNS, [_cells(claim) for claim in panel.claims])
        for picture in panel.pictures:
            lines += [f"![{picture.caption}]({picture.name}.png)", "", f"*{picture.caption}*", ""]
        for one in panel.tables:
            if one.shown:
                lines += _markdown_table(one.columns, one.rows)
                lines += [one.note, ""] if one.note else []
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    if not rows:
        return []

    def line(cells: Sequence[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"

    return [line(columns), line(["---"] * len(columns)), *map(line, rows), ""]


def html(panels: Sequence[Panel], folder: Path, setting: Setting) -> str:
    """Write the page as HTML that needs no other file; pictures are taken from the folder."""
    sections = [(panel.name, panel.title, _panel(panel, folder)) for panel in panels]
    sections.append(("labels", "Labels", _labels()))
    sections.append(("provenance", "Provenance", _provenance(setting)))
    tiles = [(str(count), verdict) for verdict, count in _summary(panels)]
    subtitle = "What the talk and its papers say, beside what this project finds"
    return page(TITLE, subtitle, tiles, sections)


def _panel(panel: Panel, folder: Path) -> Markup:
    parts = [paragraph(panel.text)]
    if panel.claims:
        rows = [
            (*_cells(claim)[:3], Markup(f"<b>{escape(claim.verdict)}</b>"))
            for claim in panel.claims
        ]
        parts.append(table(CLAIM_COLUMNS, rows, words=4))
    parts += [_picture(picture, folder) for picture in panel.pictures]
    for one in panel.tables:
        if one.shown:
            parts.append(table(one.columns, one.rows))
            parts += [paragraph(one.note, "soft")] if one.note else []
    return section(panel.name, panel.title, *parts)


def _picture(picture: Picture, folder: Path) -> Markup:
    content = base64.b64encode((folder / f"{picture.name}.png").read_bytes()).decode()
    style = ' style="max-width:100%"' if picture.wide else ""
    shown = Markup(
        f'<img class="plot"{style} alt="{escape(picture.caption)}" '
        f'src="data:image/png;base64,{content}">'
    )
    return figure(shown, picture.caption)


def _labels() -> Markup:
    return section("labels", "Labels", pairs([*TRUST.items(), *VERDICTS.items()]))


def _provenance(setting: Setting) -> Markup:
    machine = benchmark.machine()
    now = datetime.datetime.now(datetime.UTC)
    versions = {"ternary-engine": ternary_engine.__version__, **machine["versions"]}
    command = f"ternary-engine reproduce{' --quick' if setting.quick else ''}"
    listed = [
        ("made", now.strftime("%Y-%m-%d %H:%M UTC")),
        ("command", f"{command} --seed {setting.seed}"),
        ("machine", f"{benchmark.device()}; {machine['system']}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    return section("provenance", "Provenance", pairs(listed))
