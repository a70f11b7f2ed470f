"""What the import of a large network costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from tests import networks

SCRIPT = """
import resource, sys
import ternary_engine as te
te.ConversionError, te.convert
network = te.convert(sys.argv[1])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print({layer.placement for layer in network.layers})
"""


@pytest.mark.slow
def test_vgg_of_the_papers(tmp_path: Path) -> None:
    """8.8 million weights, well under 1 GiB; `ternary-engine bench start` measures the time."""
    path = tmp_path / "vgg.onnx"
    onnx.save(networks.vgg(128), path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], check=True, capture_output=True, text=True
    )
    mebibytes, placed = done.stdout.splitlines()
    assert placed == "{'crossbar'}"
    assert float(mebibytes) < 800
