"""The page around the sections: head, style sheet, table of contents."""

from __future__ import annotations

from collections.abc import Sequence

from ternary_engine.reporting.html import Markup, escape

__all__ = ["page"]

# Nothing may be loaded from anywhere: not even a page that were broken could call out.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d8dee4;--page:#fff;
--card:#f6f8fa;--accent:#0072b2;--warm:#d55e00;--p0:#0072b2;--p1:#56b4e9;--p2:#009e73;
--p3:#e69f00;--p4:#cc79a7}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--line:#343b44;
--page:#0f1419;--card:#181e25;--accent:#56b4e9;--warm:#ff9a4d;--p0:#1f78b4;
--p1:#8fd0f5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1160px;padding:1.2rem 1rem 4rem;background:var(--page);
color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:.4rem 0;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.4rem 0 .8rem;padding-top:.8rem;border-top:1px solid var(--line)}
h3{font-size:1rem;margin:1.6rem 0 .6rem}
p{max-width:75ch;margin:.5rem 0}a{color:var(--accent)}
.soft,figcaption,.note{color:var(--soft);font-size:.9rem;overflow-wrap:anywhere}
.note{border-left:3px solid var(--warm);padding-left:.7rem}
nav{display:flex;flex-wrap:wrap;gap:.3rem 1.1rem;margin:1rem 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:.7rem;
margin:1.2rem 0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:.7rem .9rem}
.tile b{display:block;font-size:1.3rem;line-height:1.25;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.85rem}
.wide{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums;
min-width:min(100%,40rem)}
th,td{padding:.32rem .7rem .32rem 0;text-align:left;border-bottom:1px solid var(--line);
vertical-align:top}
th{color:var(--soft);font-weight:600;white-space:nowrap}
.n{text-align:right;white-space:nowrap}
td:first-child{overflow-wrap:anywhere;min-width:5.5rem}
tfoot td{font-weight:600;border-bottom:0}
dl{display:grid;grid-template-columns:minmax(6rem,max-content) 1fr;gap:.25rem 1rem;
font-size:.9rem}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
figure{margin:1rem 0}figcaption{margin-top:.3rem}
.chart svg{width:100%;max-width:620px;height:auto;display:block}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}
.free{stroke:var(--soft);stroke-dasharray:6 4}
.curve{fill:none;stroke:var(--accent);stroke-width:2}
.reach{stroke:var(--accent);stroke-width:5;stroke-opacity:.35}.dot{fill:var(--accent)}
.arrays{display:flex;flex-wrap:wrap;gap:1rem 1.6rem;align-items:flex-end}
.arrays figure{margin:0;max-width:100%}.arrays svg{max-width:100%;height:auto;display:block}
.spare{fill:var(--line);fill-opacity:.6}.used{fill:var(--accent);fill-opacity:.75}
.lines{fill:none;stroke:var(--page)}
.bar{display:flex;min-width:160px;height:.95rem;margin-top:.25rem}
.bar i{display:block;height:100%;min-width:0}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;font-size:.85rem;color:var(--soft)}
.key i{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem;vertical-align:-.08rem}
.p0{background:var(--p0)}.p1{background:var(--p1)}.p2{background:var(--p2)}
.p3{background:var(--p3)}.p4{background:var(--p4)}
.plot{background:#fff;border-radius:8px;padding:.5rem;width:100%;max-width:620px;height:auto}
details{margin:.8rem 0}summary{cursor:pointer;color:var(--accent)}
@media print{body{max-width:none}details>*{display:block}}
"""


def page(
    title: str,
    subtitle: str,
    tiles: Sequence[tuple[str, str]],
    sections: Sequence[tuple[str, str, Markup]],
) -> str:
    """Put a page together.

    Args:
        title: its heading.
        subtitle: a line below.
        tiles: figures that come first: value and what it is.
        sections: anchor, title in the contents, and the section.
    """
    links = "".join(f'<a href="#{escape(a)}">{escape(t)}</a>' for a, t, _ in sections)
    cards = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>'
        for value, name in tiles
    )
    body = "\n".join(made for _, _, made in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        '<meta name="generator" content="ternary-engine">\n'
        f"<title>{escape(title)} - ternary-engine report</title>\n<style>{_STYLE}</style>"
        f'</head>\n<body>\n<header><h1>{escape(title)}</h1><p class="soft">{escape(subtitle)}</p>'
        f'<nav>{links}</nav><div class="tiles">{cards}</div></header>\n'
        f"<main>\n{body}\n</main>\n</body></html>\n"
    )
