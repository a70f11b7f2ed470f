"""What the import of a large network costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from tests import networks

SCRIPT = """
import re, sys
from pathlib import Path
import ternary_engine as te
te.ConversionError, te.convert
network = te.convert(sys.argv[1])
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024)
print({layer.placement for layer in network.layers})
"""


# Not ru_maxrss: that of a child begins at what its parent, the test process, held when it forked.
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
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
