"""The whole reproduction: every panel, its pictures and figures, and the pages on them."""

from __future__ import annotations

import csv
import importlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ternary_engine.errors import check_seed
from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.files import atomic_write
from ternary_engine.physics.checks import PhysicsWarning
from ternary_engine.reproduction import pages
from ternary_engine.reproduction.panel import Claim, Panel, Setting, Table

__all__ = ["PANELS", "Reproduction", "reproduce"]

# In the order of the page; each module has a function `panel`.
PANELS = (
    "encoding",
    "resistances",
    "correction",
    "transients",
    "reads",
    "conditions",
    "sizes",
    "cifar",
    "digits",
    "taught",
)
PAGE, TEXT, CLAIMS = "index.html", "README.md", "claims.csv"


@dataclass(frozen=True, eq=False)
class Reproduction:
    """What a reproduction found and wrote.

    Attributes:
        folder: where it lies; ``index.html`` is the page.
        panels: in the order of the page.
        files: that were written, relative to the folder.
    """

    folder: Path
    panels: tuple[Panel, ...]
    files: tuple[str, ...]

    @property
    def claims(self) -> Iterator[tuple[str, Claim]]:
        """Every claim with the title of its panel."""
        return ((one.title, claim) for one in self.panels for claim in one.claims)

    def count(self, verdict: str) -> int:
        """How many claims have a verdict."""
        return sum(claim.verdict == verdict for _, claim in self.claims)


def reproduce(
    folder: str | os.PathLike[str],
    *,
    quick: bool = False,
    seed: int = 0,
    threads: int | None = None,
    tell: Callable[[str], object] = lambda line: None,
) -> Reproduction:
    """Redraw the results of the talk and set each beside its claim.

    What is drawn afresh: encoding, devices, codes, transients, reads, and accuracy under errors of
    the shipped networks of digits. Trainings on CIFAR-10 and the accuracies of their networks
    under errors come from results that ship (docs/reproduction.md says which commands made them).

    Args:
        folder: made if need be; gets ``index.html`` (needs no other file), ``README.md`` with its
            pictures, ``claims.csv`` and ``data/``. Other files in it are left alone.
        quick: fewer points, samples and trials; defaults to False.
        seed: names the error draws; defaults to 0.
        threads: for inference; defaults to all cores.
        tell: is called with a line at the start of each panel.

    Raises:
        TernaryEngineError: matplotlib is not installed.
        OSError: the folder cannot be written.
    """
    _require_matplotlib()
    target = Path(folder)
    (target / "data").mkdir(parents=True, exist_ok=True)
    setting = Setting(quick=bool(quick), seed=check_seed(seed), threads=threads)
    panels: list[Panel] = []
    files: list[str] = []
    for number, name in enumerate(PANELS, 1):
        tell(f"{number} of {len(PANELS)}: {name.replace('_', ' ')}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PhysicsWarning)
            made = importlib.import_module(f"ternary_engine.reproduction.{name}").panel(setting)
        files += _write_panel(target, made)
        panels.append(made)
    found = Reproduction(target, tuple(panels), (*files, CLAIMS, TEXT, PAGE))
    _write(target / CLAIMS, _csv(_claim_table(found)))
    _write(target / TEXT, pages.markdown(found.panels))
    _write(target / PAGE, pages.html(found.panels, target, setting))
    return found


def _require_matplotlib() -> None:
    """Say what is missing before minutes have gone by."""
    try:
        importlib.import_module("matplotlib")
    except ImportError as error:
        raise TernaryEngineError(
            "reproduce draws figures, which needs matplotlib: pip install 'ternary-engine[plot]'"
        ) from error


def _write_panel(folder: Path, panel: Panel) -> list[str]:
    from ternary_engine.plot import save

    files = []
    for picture in panel.pictures:
        files.append(f"{picture.name}.png")
        save(picture.axes, folder / files[-1])
    for table in panel.tables:
        files.append(f"data/{table.name}.csv")
        _write(folder / files[-1], _csv(table))
    return files


def _claim_table(found: Reproduction) -> Table:
    columns = ("panel", "claim", "trust", "source", "found here", "verdict")
    rows = [
        (title, claim.text, claim.trust, claim.source, claim.found, claim.verdict)
        for title, claim in found.claims
    ]
    return Table("claims", columns, rows)


def _csv(table: Table) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return stream.getvalue()


def _write(path: Path, content: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(content, encoding="utf-8")
