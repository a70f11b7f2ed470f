"""Pieces of HTML; every text that goes in is escaped here and nowhere else."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

__all__ = ["Markup", "details", "escape", "figure", "pairs", "paragraph", "section", "table"]


class Markup(str):
    """Text that is HTML already, made by this package; all other text is escaped."""

    __slots__ = ()


def escape(text: object) -> Markup:
    """Make text fit to stand in HTML, in an attribute too; control characters become �."""
    if isinstance(text, Markup):
        return text
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in str(text))
    return Markup(html.escape(shown))


def paragraph(text: object, kind: str = "") -> Markup:
    """Make a paragraph, of a CSS class if need be."""
    opened = f'<p class="{escape(kind)}">' if kind else "<p>"
    return Markup(f"{opened}{escape(text)}</p>")


def section(name: str, title: str, *parts: Markup) -> Markup:
    """Make a section with a heading and an anchor."""
    body = "\n".join(parts)
    anchor = escape(name)
    return Markup(f'<section id="{anchor}"><h2>{escape(title)}</h2>\n{body}\n</section>')


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    footer: Sequence[object] = (),
    words: int = 1,
) -> Markup:
    """Make a table that scrolls sideways where the screen is narrow.

    Args:
        columns: titles.
        rows: cells, `Markup` or text.
        footer: cells of a last line of totals.
        words: how many columns, from the left, hold words; the others are set to the right.
    """

    def line(cells: Sequence[object], tag: str) -> str:
        made = []
        for place, cell in enumerate(cells):
            kind = "" if place < words else ' class="n"'
            made.append(f"<{tag}{kind}>{escape(cell)}</{tag}>")
        return f"<tr>{''.join(made)}</tr>"

    body = "\n".join(line(row, "td") for row in rows)
    foot = f"<tfoot>{line(footer, 'td')}</tfoot>" if footer else ""
    return Markup(
        f'<div class="wide" tabindex="0"><table><thead>{line(columns, "th")}</thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def pairs(listed: Iterable[tuple[object, object]]) -> Markup:
    """Make a list of names and values."""
    lines = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in listed)
    return Markup(f"<dl>{lines}</dl>")


def details(title: str, *parts: Markup) -> Markup:
    """Make a part that opens on a click."""
    return Markup(f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>")


def figure(picture: Markup, caption: object, kind: str = "") -> Markup:
    """Put a caption under a picture."""
    opened = f'<figure class="{escape(kind)}">' if kind else "<figure>"
    return Markup(f"{opened}{picture}<figcaption>{escape(caption)}</figcaption></figure>")
