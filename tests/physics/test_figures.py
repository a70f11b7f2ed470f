"""The scripts in docs/figures draw what docs/physics.md shows."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy import ndimage

from ternary_engine import spice

pytest.importorskip("matplotlib")

NEAR = 6  # pixels: another font moves the axes a little


def _script(root: Path, name: str) -> ModuleType:
    path = root / "docs" / "figures" / f"{name}.py"
    found = importlib.util.spec_from_file_location(f"figures_{name}", path)
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


DRAWN = [
    ("physics", "distributions", "physics_distributions.png"),
    ("physics", "transients", "physics_transient.png"),
    ("physics", "regions", "physics_map.png"),
    pytest.param("physics", "rates", "physics_rates.png", marks=pytest.mark.slow),
    pytest.param("physics", "resolve_times", "physics_separation.png", marks=pytest.mark.slow),
    ("codes", "rates", "codes_rates.png"),
    ("codes", "costs", "codes_trade_off.png"),
]


@pytest.mark.parametrize(("script", "function", "name"), DRAWN)
def test_figure_is_the_one_shown(
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    function: str,
    name: str,
) -> None:
    """Of the same size, its coloured lines and areas where those of the picture in the docs are."""
    from matplotlib.image import imread

    if function == "resolve_times" and not spice.available():
        pytest.skip("ngspice is not installed (Debian: apt-get install ngspice)")
    module = _script(root, script)
    monkeypatch.setattr(module, "HERE", tmp_path)
    getattr(module, function)()
    ours, shown = imread(tmp_path / name), imread(root / "docs" / "figures" / name)
    assert ours.shape == shown.shape
    coloured = [np.ptp(one[..., :3], axis=2) > 0.3 for one in (ours, shown)]
    for mine, other in (coloured, coloured[::-1]):
        assert mine.sum() > 1000
        near = ndimage.binary_dilation(other, iterations=NEAR)
        assert (mine & near).sum() > 0.95 * mine.sum()


def test_every_figure_is_drawn_by_a_script(root: Path) -> None:
    text = (root / "docs" / "physics.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\]\(figures/((?:physics|codes)_\w+\.png)\)", text))
    drawn = {getattr(one, "values", one)[2] for one in DRAWN}
    assert shown == drawn
