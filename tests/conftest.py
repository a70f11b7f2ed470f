"""What all tests share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
SEED_KEY = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seed", type=int, default=None, help="repeat statistics tests with this entropy"
    )


@pytest.fixture
def root() -> Path:
    """Folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with third-party models and data, which lies beside the repository where it is."""
    if not SHARED.is_dir():
        pytest.skip(f"no third-party models and data: {SHARED} is absent")
    return SHARED


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Fresh entropy, so that a fluke is seen and not frozen in; a failing test prints it."""
    given = request.config.getoption("--seed")
    drawn = secrets.randbelow(2**32) if given is None else int(given)
    request.node.stash[SEED_KEY] = drawn
    return drawn


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.failed and SEED_KEY in item.stash:
        drawn = item.stash[SEED_KEY]
        report.sections.append(("entropy", f"repeat with: pytest --seed {drawn} {item.nodeid!r}"))
    return report
