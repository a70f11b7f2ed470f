"""House rules that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("ternary_engine", "converters", "kernels")
MOST_LINES = 500
COMPILERS = {"jit", "njit", "vectorize", "guvectorize", "cfunc", "stencil", "generated_jit"}


def _files(*rooms: str) -> list[Path]:
    """Python files of some rooms; the links from ternary_engine to the others are not followed."""
    found = []
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            parents = [ROOT / room, *(p for p in path.parents if ROOT / room in p.parents)]
            if not any(parent.is_symlink() for parent in parents):
                found.append(path)
    return found


def _ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


SOURCES = _files(*ROOMS)
EVERYTHING = _files(*ROOMS, "tests", "bench")
source = pytest.mark.parametrize("path", SOURCES, ids=_ids)
everything = pytest.mark.parametrize("path", EVERYTHING, ids=_ids)


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_ids(path)}:{node.lineno}: relative import"
            names.add(node.module or "")
    return names


def test_something_is_checked() -> None:
    assert {path.name for path in SOURCES} >= {"compile.py", "layer.py", "__init__.py"}


@source
def test_numba_is_reached_through_the_one_decorator(path: Path) -> None:
    if path.name == "compile.py" and path.parent.name == "kernels":
        return
    for node in ast.walk(_tree(path)):
        name = getattr(node, "attr", None) or getattr(node, "id", None)
        assert name not in COMPILERS, (
            f"{_ids(path)}:{getattr(node, 'lineno', 0)}: {name}; take kernels.compile.kernel"
        )
        if isinstance(node, ast.ImportFrom) and node.module == "numba":
            bad = COMPILERS & {alias.name for alias in node.names}
            assert not bad, f"{_ids(path)}:{node.lineno}: {bad}; take kernels.compile.kernel"


@pytest.mark.parametrize("path", _files("kernels"), ids=_ids)
def test_kernels_know_no_files_no_onnx_no_policy(path: Path) -> None:
    for name in _imported(path):
        assert name.split(".")[0] not in ("onnx", "onnxruntime", "safetensors"), _ids(path)
        assert not name.startswith("ternary_engine.converters"), _ids(path)
        assert not re.match(r"ternary_engine\.(network|runtime|storage|cli)", name), _ids(path)


@pytest.mark.parametrize("path", _files("ternary_engine", "converters"), ids=_ids)
def test_numba_stays_in_the_kernels(path: Path) -> None:
    assert not any(name.split(".")[0] in ("numba", "llvmlite") for name in _imported(path))


@source
def test_nothing_prints(path: Path) -> None:
    """The command line writes through cli/screen.py; nothing else writes at all."""
    calls = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)]
    lines = [c.lineno for c in calls if isinstance(c.func, ast.Name) and c.func.id == "print"]
    assert not lines, f"{_ids(path)}: print in lines {lines}"


@source
def test_public_things_are_documented(path: Path) -> None:
    tree = _tree(path)
    assert ast.get_docstring(tree) or not tree.body, f"{_ids(path)} has no docstring"
    bare = [
        f"{name} (line {node.lineno})"
        for name, node in _public(tree.body, "")
        if not ast.get_docstring(node)
    ]
    assert not bare, f"{_ids(path)}: no docstring: {', '.join(bare)}"


Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _public(body: list[ast.stmt], prefix: str) -> list[tuple[str, Definition]]:
    found: list[tuple[str, Definition]] = []
    for node in body:
        if isinstance(node, Definition) and not node.name.startswith("_"):
            found.append((prefix + node.name, node))
            if isinstance(node, ast.ClassDef):
                found += _public(node.body, f"{prefix}{node.name}.")
    return found


@everything
def test_files_are_short(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MOST_LINES, f"{_ids(path)} has {lines} lines; {MOST_LINES} are the most"


@everything
def test_nothing_is_left_for_later(path: Path) -> None:
    words = "|".join(word[::-1] for word in ("ODOT", "EMXIF"))
    marks = re.compile(rf"\b({words})\b")
    text = path.read_text(encoding="utf-8")
    assert not marks.search(text), f"{_ids(path)}: {marks.search(text)}"
