"""What is installed is what stands here, and importing it is cheap."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import ternary_engine as te

HEAVY = ("numba", "llvmlite", "onnx", "onnxruntime", "scipy", "torch", "matplotlib")


@pytest.fixture
def pyproject(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


def test_every_folder_is_a_listed_package(root: Path, pyproject: dict[str, Any]) -> None:
    mapped = pyproject["tool"]["setuptools"]["package-dir"]
    found = set()
    for package, folder in mapped.items():
        for path in (root / folder).rglob("*.py"):
            inner = path.parent.relative_to(root / folder)
            if not any((root / folder / part).is_symlink() for part in (inner, *inner.parents)):
                found.add(".".join([package, *inner.parts]))
    assert found == set(pyproject["tool"]["setuptools"]["packages"])


def test_every_package_has_an_init(root: Path, pyproject: dict[str, Any]) -> None:
    mapped = pyproject["tool"]["setuptools"]["package-dir"]
    for package in pyproject["tool"]["setuptools"]["packages"]:
        home = next(
            root / mapped[parent] / package.removeprefix(parent).strip(".").replace(".", "/")
            for parent in sorted(mapped, key=len, reverse=True)
            if package == parent or package.startswith(parent + ".")
        )
        assert (home / "__init__.py").is_file(), f"{package} has no __init__.py in {home}"


@pytest.mark.parametrize("room", ["kernels", "converters"])
def test_links_lead_to_the_rooms(root: Path, room: str) -> None:
    """Without them, type checkers and ``python -m`` from the root miss half the package."""
    link = root / "ternary_engine" / room
    assert link.is_symlink() or link.read_text() == f"../{room}"  # a checkout without links
    if link.is_symlink():
        assert link.readlink() == Path("..") / room
        assert link.resolve() == root / room


@pytest.mark.parametrize("room", ["kernels", "converters"])
def test_rooms_refuse_a_second_import(root: Path, room: str) -> None:
    """From the root, a plain ``import kernels`` would make a second copy of every class."""
    done = subprocess.run(
        [sys.executable, "-c", f"import {room}"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"ternary_engine.{room}" in done.stderr.splitlines()[-1]


def test_typed_marker_is_shipped(root: Path, pyproject: dict[str, Any]) -> None:
    assert (root / "ternary_engine" / "py.typed").is_file()
    assert "py.typed" in pyproject["tool"]["setuptools"]["package-data"]["ternary_engine"]


def test_every_data_file_is_shipped(root: Path, pyproject: dict[str, Any]) -> None:
    shipped = pyproject["tool"]["setuptools"]["package-data"]["ternary_engine.zoo"]
    files = [path for path in (root / "ternary_engine" / "zoo").iterdir() if path.is_file()]
    lost = [f.name for f in files if f.suffix != ".py" and not any(map(f.match, shipped))]
    assert files
    assert not lost


def test_version_is_the_same_everywhere(root: Path, pyproject: dict[str, Any]) -> None:
    assert pyproject["project"]["version"] == te.__version__
    assert f"## [{te.__version__}]" in (root / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", te.__all__)
def test_public_names_resolve(name: str) -> None:
    assert getattr(te, name) is not None
    assert name in dir(te)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        te.nonsense  # noqa: B018


def test_all_is_sorted_and_complete() -> None:
    assert sorted(te.__all__) == te.__all__
    assert set(importlib.import_module("ternary_engine.exceptions").__all__) <= set(te.__all__)


@pytest.mark.parametrize(
    "module", ["ternary_engine", "ternary_engine.cli", "ternary_engine.network"]
)
def test_light_modules_import_nothing_heavy(module: str) -> None:
    script = f"import sys, json, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(json.loads(done.stdout))


def test_every_module_imports(pyproject: dict[str, Any]) -> None:
    for package in pyproject["tool"]["setuptools"]["packages"]:
        assert importlib.import_module(package).__name__ == package
