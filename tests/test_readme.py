"""What README says is what happens."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

import ternary_engine as te


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def _block(readme: str, marker: str) -> str:
    found = re.search(rf"<!-- {marker} -->\n```\w+\n(.*?)\n```", readme, re.DOTALL)
    assert found, f"README has no block after <!-- {marker} -->"
    return found[1]


def test_python_block_runs(readme: str) -> None:
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    test = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "README", None, 0)
    assert len(test.examples) >= 5
    assert doctest.DocTestRunner().run(test).failed == 0


def test_table_is_the_real_output(readme: str) -> None:
    summary = te.zoo.load("cnn_ternary").summary()
    shown = _block(readme, "output: inspect cnn_ternary")
    assert shown == summary, f"README's block must be:\n{summary}"


def test_zoo_table_agrees_with_the_zoo(readme: str) -> None:
    for name in te.zoo.names():
        entry = te.zoo.describe(name)
        row = next(line for line in readme.splitlines() if line.startswith(f"| {name} |"))
        for part in (entry.title, f"{entry.accuracy:.2%}", f"{entry.float32_accuracy:.2%}"):
            assert part in row


@pytest.mark.slow
def test_error_table_is_what_the_seed_gives(readme: str) -> None:
    """It changes with the generator; what a seed draws may do so between versions only."""
    found = re.search(r"<!-- table: accuracy by ber -->\n((?:\|.*\n)+)", readme)
    assert found
    head, _, *rows = [line.strip("| ").split(" | ") for line in found[1].splitlines()]
    net, (x, labels) = te.zoo.load("cnn_ternary"), te.zoo.data("cnn_ternary")
    for per, _, *shares in rows:
        for ber, share in zip(head[2:], shares, strict=True):
            errors = te.SenseErrors.from_ber(float(ber), per=per.strip("`"))
            right = net.run(x, errors=errors, seed=7).argmax(axis=1) == labels
            assert f"{right.mean():.2%}" == share, f"{per} at {ber}"


@pytest.mark.parametrize(
    ("marker", "parts"),
    [
        ("command: demo", ["python3 -m venv .venv", "pip install .", "ternary-engine demo"]),
        ("command: test", ["python3 -m venv .venv", "pip install -e '.[test]'", "-m pytest"]),
    ],
)
def test_the_two_commands_are_one_line_each(readme: str, marker: str, parts: list[str]) -> None:
    line = _block(readme, marker)
    assert "\n" not in line
    for part in parts:
        assert part in line


def test_ci_runs_the_same_line(root: Path, readme: str) -> None:
    """.ci/run takes the line from README by its marker rather than repeating it."""
    script = (root / ".ci" / "run").read_text()
    assert "readme_command test" in script
    assert "<!-- command: $1 -->" in script


def test_every_command_is_listed(readme: str) -> None:
    for name in ("demo", "convert", "inspect", "run", "bench"):
        assert f"`ternary-engine {name}" in readme


def test_links_lead_somewhere(root: Path, readme: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        if not target.startswith("http"):
            assert (root / target).exists(), target
