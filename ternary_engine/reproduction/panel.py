"""What a panel of the reproduction is made of: claims beside findings, tables, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TRUST", "VERDICTS", "Claim", "Panel", "Picture", "Setting", "Table", "Trust", "Verdict"]

Trust = Literal["deck", "quoted", "recalled", "derived"]
Verdict = Literal["holds", "holds in part", "does not hold", "set so", "not tested"]

TRUST: dict[Trust, str] = {
    "deck": "the talk that started this project",
    "quoted": "an abstract or published text of a paper",
    "recalled": "a figure of a paper that could not be read again: a soft target",
    "derived": "arithmetic from the above",
}
VERDICTS: dict[Verdict, str] = {
    "holds": "found here, in a run that could have found otherwise",
    "holds in part": "found under some conditions only, or within the spread",
    "does not hold": "found otherwise",
    "set so": "a parameter of the model was chosen to give this, so it tests nothing",
    "not tested": "nothing here can tell",
}


@dataclass(frozen=True)
class Setting:
    """How thorough a reproduction is.

    Attributes:
        quick: fewer points, samples and trials.
        seed: names the error draws.
        threads: for inference; None for as many as there are cores.
    """

    quick: bool = False
    seed: int = 0
    threads: int | None = None


@dataclass(frozen=True)
class Claim:
    """Something the talk or a paper behind it says, and what is found here.

    Attributes:
        text: what is said.
        trust: how sure it is that it was said.
        source: the paper or talk, in a word; empty for arithmetic.
        found: our figure, in words.
        verdict: whether it holds here.
    """

    text: str
    trust: Trust
    source: str
    found: str
    verdict: Verdict

    @property
    def origin(self) -> str:
        """Trust and source together: ``quoted, Laborieux 2021``."""
        return f"{self.trust}, {self.source}" if self.source else self.trust


@dataclass(frozen=True)
class Table:
    """Figures; also written as ``data/NAME.csv``.

    Attributes:
        name: of the file.
        columns: titles.
        rows: cells, text or numbers.
        shown: whether the page shows it; long ones are only written.
        note: a line below.
    """

    name: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    shown: bool = True
    note: str = ""


@dataclass(frozen=True, eq=False)
class Picture:
    """A figure, written as ``NAME.png``.

    Attributes:
        name: of the file.
        axes: of a matplotlib figure.
        caption: what it shows and where it comes from.
        wide: whether it takes the width of the page.
    """

    name: str
    axes: Axes
    caption: str
    wide: bool = False


@dataclass(frozen=True, eq=False)
class Panel:
    """One result of the talk, redrawn.

    Attributes:
        name: anchor.
        title: heading.
        text: a paragraph.
        claims, pictures, tables: see there.
    """

    name: str
    title: str
    text: str
    claims: tuple[Claim, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
