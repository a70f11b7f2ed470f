"""Pages and files of the reproduction."""

from __future__ import annotations

import csv
import html.parser
import json
import re
from pathlib import Path

import pytest

from ternary_engine.cli import main
from ternary_engine.exceptions import TernaryEngineError
from ternary_engine.reproduction import build, pages, reproduce
from ternary_engine.reproduction.panel import TRUST, VERDICTS, Claim, Panel, Setting, Table

pytest.importorskip("matplotlib", reason="figures need the extra 'plot'")

HOSTILE = '<script>alert("&")</script> | a'


class _Parsed(html.parser.HTMLParser):
    """Counts tags and remembers where anything is loaded from."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def _hostile_panel() -> Panel:
    claim = Claim(HOSTILE, "deck", "talk", HOSTILE, "holds")
    return Panel("x", HOSTILE, HOSTILE, (claim,), (), (Table("t", ("a", "b"), [(HOSTILE, 1)]),))


def test_html_escapes_what_panels_say(tmp_path: Path) -> None:
    page = pages.html([_hostile_panel()], tmp_path, Setting())
    assert "<script" not in page
    assert "script" not in _Parsed(page).tags
    assert page.count("&lt;script&gt;") >= 4


def test_markdown_tables_keep_their_columns() -> None:
    text = pages.markdown([_hostile_panel()])
    rows = [line for line in text.splitlines() if line.startswith("|") and "script" in line]
    assert rows
    for line in rows:
        assert len(re.findall(r"(?<!\\)\|", line)) in (3, 5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reproduction of the panels that take no time."""
    target = tmp_path_factory.mktemp("talk") / "inner" / "talk"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "PANELS", ("encoding", "resistances"))
        found = reproduce(target, quick=True)
    assert sorted(found.files) == sorted(
        path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()
    )
    return target


def test_page_needs_no_other_file(folder: Path) -> None:
    parsed = _Parsed((folder / "index.html").read_text(encoding="utf-8"))
    assert "img" in parsed.tags
    assert all(source.startswith(("data:image/png", "#")) for source in parsed.sources)


def test_pictures_of_the_markdown_exist(folder: Path) -> None:
    names = re.findall(r"!\[[^]]*\]\(([^)]*)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert names
    for name in names:
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_claims_carry_known_labels(folder: Path) -> None:
    with (folder / "claims.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) >= 7
    assert {row["trust"] for row in rows} <= set(TRUST)
    assert {row["verdict"] for row in rows} <= set(VERDICTS)
    assert all(row["found here"] for row in rows)


def test_encoding_is_read_back(folder: Path) -> None:
    with (folder / "data" / "encoding.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["BL"], row["BLb"], row["bits"], row["read"]) for row in rows] == [
        ("LRS", "HRS", "01", "+1"),
        ("HRS", "HRS", "00", "0"),
        ("HRS", "LRS", "10", "−1"),
    ]


def test_command_tells_what_it_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(build, "PANELS", ("encoding",))
    assert main(["reproduce", "--quick", "--json", "-o", str(tmp_path / "talk")]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert {one["verdict"] for one in told["claims"]} == {"holds"}
    assert all((tmp_path / "talk" / name).is_file() for name in told["files"])
    assert "encoding" in captured.err


@pytest.mark.parametrize("bad", ["file", "parent"])
def test_folder_that_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    """A file in the place of the folder, or of one above it."""
    taken = tmp_path / "taken"
    taken.write_text("mine")
    target = taken if bad == "file" else taken / "talk"
    assert main(["reproduce", "--quick", "-o", str(target)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert str(taken) in captured.err
    assert taken.read_text() == "mine"


@pytest.mark.parametrize("arguments", [["--seed", "-1"], ["--threads", "0"]])
def test_bad_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["reproduce", "-o", str(tmp_path / "talk"), *arguments]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "talk").exists()


def test_missing_matplotlib_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(build.importlib, "import_module", gone)
    with pytest.raises(TernaryEngineError, match=r"pip install 'ternary-engine\[plot\]'"):
        reproduce(tmp_path / "talk")
    assert not (tmp_path / "talk").exists()
