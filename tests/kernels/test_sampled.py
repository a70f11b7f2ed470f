"""Kernels that draw errors give the same bits compiled and as the Python they are written in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.kernels.operands import JIT
from tests.kernels.sampled import CASES, digest


def test_compiled_and_not() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1" if JIT else "0"}
    told = subprocess.run(
        [sys.executable, "-m", "tests.kernels.sampled"],
        capture_output=True, text=True, timeout=300, env=environment,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {name: digest(case()) for name, case in CASES.items()}
