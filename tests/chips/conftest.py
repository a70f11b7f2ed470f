"""The way to call the command is that of the tests of the command line."""

from __future__ import annotations

from tests.cli.conftest import command

__all__ = ["command"]
