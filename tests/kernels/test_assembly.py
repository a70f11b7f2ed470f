"""Machine code of the ternary product: full vectors, fused logic, no accumulator in memory.

Compiled in a fresh process with an empty cache (code from a cache cannot be inspected) for the
machine at hand, and from the same source for a 64-bit ARM.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import llvmlite.binding as llvm
import numba as nb
import pytest

pytestmark = pytest.mark.skipif(
    bool(nb.config.DISABLE_JIT), reason="no machine code with the JIT off"
)

COMPILE = """
import json
from numba import types as t
from ternary_engine.kernels import convolution
u64, i64 = t.Array(t.uint64, 1, "C"), t.Array(t.int64, 1, "C")
u16, i32 = t.Array(t.uint16, 1, "C"), t.Array(t.int32, 1, "C")
n = t.int64
gated = convolution.convolve_gated
gated.compile((u64, u64, i64, i64, n, i64, n, n, u64, u16, i64, u16, i32))
(asm,), (ir,) = gated.inspect_asm().values(), gated.inspect_llvm().values()
print(json.dumps({"asm": asm, "ir": ir}))
"""


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Assembly and LLVM IR of `convolve_gated`."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
    made = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    code: dict[str, str] = json.loads(made.stdout)
    return code


def _loops(assembly: str, instruction: str) -> list[list[str]]:
    """Bodies of the innermost loops that hold an instruction: a label up to its own jump."""
    lines = [line.strip() for line in assembly.splitlines()]
    starts = {line[:-1]: i for i, line in enumerate(lines) if re.fullmatch(r"\.?L\w+:", line)}
    loops = []
    for i, line in enumerate(lines):
        jump = re.match(r"(?:j\w+|b\.?\w*|cbn?z|tbn?z)\s.*?(\.?LBB\w+)$", line)
        first = starts.get(jump[1], i) if jump else i
        body = lines[first:i]
        if first < i and not any(inner.endswith(":") for inner in body[1:]):
            loops.append(body)
    return [body for body in loops if any(re.match(instruction, line) for line in body)]


def _count(body: list[str], pattern: str) -> int:
    return sum(bool(re.search(pattern, line)) for line in body)


def test_the_loop_on_avx512(gated: dict[str, str]) -> None:
    features: Any = llvm.get_host_cpu_features()
    if not features.get("avx512vpopcntdq"):
        pytest.skip("this processor has no AVX-512 VPOPCNTDQ")
    if os.environ.get("NUMBA_CPU_NAME") or os.environ.get("NUMBA_CPU_FEATURES"):
        pytest.skip("NUMBA_CPU_NAME or NUMBA_CPU_FEATURES asks for another processor")
    loops = _loops(gated["asm"], r"vpopcntq\s.*zmm")
    tile = max(loops, key=lambda body: _count(body, "vpopcntq"))
    assert _count(tile, r"vpopcntq\s.*zmm") == 16  # 4 rows, 2 words, 2 counts
    assert _count(tile, r"vpternlogq\s.*zmm") == 8  # nz & (s ^ y) in one
    assert _count(tile, r"vpandq\s.*zmm") == 8
    assert _count(tile, r"vpaddq\s.*zmm") == 16
    assert _count(tile, r"vpbroadcastq\s.*zmm") == 8  # straight from memory
    assert _count(tile, r"vmovdq\w+\s.*zmm") == 4  # the weights
    assert _count(tile, r"zmm.*\(%rsp\)|\(%rsp\).*zmm") == 0
    assert len(tile) <= 75, "what is left must hide behind 48 vector operations"


def test_nothing_of_the_kernel_is_spilt(gated: dict[str, str]) -> None:
    """Also outside the loop a 512-bit register hardly ever goes to memory."""
    if not re.search(r"vpopcntq\s.*zmm", gated["asm"]):
        pytest.skip("this processor has no AVX-512 VPOPCNTDQ")
    assert _count(gated["asm"].splitlines(), r"zmm.*\(%rsp\)|\(%rsp\).*zmm") <= 8


def test_the_loop_on_arm(gated: dict[str, str]) -> None:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple("aarch64-linux-gnu").create_target_machine(
        cpu="neoverse-n1", opt=3
    )
    source = _kernel_alone(gated["ir"])
    source = re.sub('target triple = ".*"', 'target triple = "aarch64-linux-gnu"', source)
    layout = f'target datalayout = "{machine.target_data}"'
    source = re.sub('target datalayout = ".*"', layout, source)
    module = llvm.parse_assembly(source)
    module.verify()
    loops = _loops(machine.emit_assembly(module), r"cnt\s+v")
    tile = max(loops, key=lambda body: _count(body, r"^cnt\s+v"))
    assert _count(tile, r"^cnt\s+v\d+\.16b") == 64  # 16 words of 4 registers
    assert _count(tile, r"^eor\s+v\d+\.16b") >= 16
    assert _count(tile, r"^and\s+v\d+\.16b") >= 32
    assert _count(tile, r"^u(adalp|addlp)\s+v") >= 64  # bytes to 64-bit lanes
    assert _count(tile, r"^cnt\s+[wx]|^fmov\s+[wx]") == 0  # nothing counted one lane at a time


def _kernel_alone(ir: str) -> str:
    """The module without Numba's glue to Python, which holds x86 instructions."""
    parts = re.split(r"(?m)^(?=define )", ir)
    kept = parts[:1]
    for part in parts[1:]:
        name = re.search(r"@(\S+?)\(", part)
        glue = name is None or not name[1].startswith("_ZN14ternary_engine")
        kept.append(re.sub(r"(?sm)\Adefine .*?^}\n", "", part) if glue else part)
    return "".join(kept)
