"""Files that are whole or absent: written beside, then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def replace(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file beside ``path``, then rename it."""
    beside = path.with_name(f".{path.name}.new")
    write(beside)
    os.replace(beside, path)


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint."""
    replace(path, lambda beside: torch.save(state, beside))


def load_state(path: Path) -> dict[str, Any]:
    """Read a checkpoint (tensors and plain values only)."""
    state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    return state


def save_json(path: Path, value: object) -> None:
    """Write JSON."""
    text = json.dumps(value, indent=1) + "\n"
    replace(path, lambda beside: beside.write_text(text, encoding="utf-8"))
