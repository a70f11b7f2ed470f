"""Machine code of the products: full vectors, fused logic, no accumulator in memory.

Compiled in a fresh process with an empty cache (code from a cache cannot be inspected) for the
machine at hand, and from the same source for a 64-bit ARM.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import numba as nb
import pytest

from ternary_engine.kernels.nibbles import pay_here

pytestmark = pytest.mark.skipif(
    bool(nb.config.DISABLE_JIT), reason="no machine code with the JIT off"
)

COMPILE = """
import json, sys
from numba import types as t
from ternary_engine.kernels import convolution, int8_product, nibble_product
u64, i64 = t.Array(t.uint64, 1, "C"), t.Array(t.int64, 1, "C")
u8, u16, i32 = t.Array(t.uint8, 1, "C"), t.Array(t.uint16, 1, "C"), t.Array(t.int32, 1, "C")
n, i64_2 = t.int64, t.Array(t.int64, 2, "C")
end = n, n, u64, u16, i64, u16, i32
kernel, types = {
    "gated": (convolution.convolve_gated, (u64, u64, i64, i64, n, i64, *end)),
    "masked": (convolution.convolve_masked, (u64, u64, i64, i64, n, i64, i64, i32, u64, *end)),
    "plain": (convolution.convolve_plain, (u64, u64, i64, i64, n, i64, i32, u64, *end)),
    "nibbles": (
        nibble_product.convolve_nibbles,
        (u8, u64, i64, i64_2, n, u64, u64, n, n, n, n, u64, u64, i64, u16, i32),
    ),
    "int8": (
        int8_product.convolve_int8,
        (u8, u64, i64, i64_2, n, i64, u64, n, u64, u16, i64, u16, i32),
    ),
}[sys.argv[1]]
kernel.compile(types)
(asm,), (ir,) = kernel.inspect_asm().values(), kernel.inspect_llvm().values()
print(json.dumps({"asm": asm, "ir": ir}))
"""


def _compiled(kernel: str, cache: str, **processor: str) -> dict[str, str]:
    """Assembly and LLVM IR of a kernel."""
    made = subprocess.run(
        [sys.executable, "-c", COMPILE, kernel],
        env=os.environ | {"NUMBA_CACHE_DIR": cache} | processor,
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    code: dict[str, str] = json.loads(made.stdout)
    return code


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Assembly and LLVM IR of `convolve_gated`."""
    return _compiled("gated", str(tmp_path_factory.mktemp("cache")))


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
    loops = _loops(_assembly_for(gated["ir"], "aarch64-linux-gnu", "neoverse-n1"), r"cnt\s+v")
    tile = max(loops, key=lambda body: _count(body, r"^cnt\s+v"))
    assert _count(tile, r"^cnt\s+v\d+\.16b") == 64  # 16 words of 4 registers
    assert _count(tile, r"^eor\s+v\d+\.16b") >= 16
    assert _count(tile, r"^and\s+v\d+\.16b") >= 32
    assert _count(tile, r"^u(adalp|addlp)\s+v") >= 64  # bytes to 64-bit lanes
    assert _count(tile, r"^cnt\s+[wx]|^fmov\s+[wx]") == 0  # nothing counted one lane at a time


@pytest.mark.parametrize(("kernel", "logic"), [("masked", "eor|bif|bit|bsl|and"), ("plain", "eor")])
def test_the_other_loops_on_arm(kernel: str, logic: str, tmp_path: Path) -> None:
    code = _compiled(kernel, str(tmp_path))
    loops = _loops(_assembly_for(code["ir"], "aarch64-linux-gnu", "neoverse-n1"), r"cnt\s+v")
    tile = max(loops, key=lambda body: _count(body, r"^cnt\s+v"))
    assert _count(tile, r"^cnt\s+v\d+\.16b") == 32  # 8 words of 4 registers
    assert _count(tile, rf"^({logic})\s+v\d+\.16b") >= 32
    assert _count(tile, r"^cnt\s+[wx]|^fmov\s+[wx]") == 0


@pytest.mark.skipif(not pay_here(), reason="this processor has no AVX2, or counts bits of vectors")
def test_look_ups_on_avx2(tmp_path: Path) -> None:
    """Both inner loops: all in registers, and hardly anything but look-ups, sums and loads."""
    code = _compiled("nibbles", str(tmp_path))
    loops = [body for body in _loops(code["asm"], "vpshufb") if _count(body, "^vpshufb") == 16]
    assert len(loops) == 2, "four windows by 64 outputs, eight windows by 32"
    for body in loops:
        assert _count(body, r"^vpaddb\s.*ymm") == 16
        assert _count(body, r"^vbroadcast\w*128\s") in (8, 16)  # a table for each window and step
        assert _count(body, r"%rsp") == 0, "something of the loop is in memory"
        assert len(body) <= 85


@pytest.mark.skipif(not pay_here(), reason="this processor has no AVX2, or counts bits of vectors")
def test_int8_products_on_avx2(tmp_path: Path) -> None:
    """The inner loop of four windows: two instructions for 32 products, all in registers."""
    _check_int8(_compiled("int8", str(tmp_path))["asm"], "ymm", registers=2)


@pytest.mark.skipif(not pay_here(), reason="this processor has no AVX2, or counts bits of vectors")
def test_int8_products_on_avx512(tmp_path: Path) -> None:
    """Compiled for, not run on: whole words."""
    processor = {"NUMBA_CPU_NAME": "znver4", "NUMBA_CPU_FEATURES": "+avx512bw"}
    _check_int8(_compiled("int8", str(tmp_path), **processor)["asm"], "zmm", registers=1)


def _check_int8(assembly: str, register: str, registers: int) -> None:
    def products(body: list[str]) -> int:
        return _count(body, rf"^vpmaddubsw\s.*{register}")

    tiles = [body for body in _loops(assembly, "vpmaddubsw") if _count(body, "^vpbroadcastd") >= 4]
    tile = max(tiles, key=products)
    steps = products(tile) // (4 * registers)
    assert steps >= 1
    assert products(tile) == steps * 4 * registers
    assert _count(tile, rf"^vpaddw\s.*{register}") == steps * 4 * registers
    assert _count(tile, r"^vpbroadcastd\s.*\(") == steps * 4  # four bytes of each window
    assert _count(tile, r"%rsp") == 0, "something of the loop is in memory"
    assert len(tile) <= steps * (8 * registers + 4 + registers + 3) + 3


def _assembly_for(ir: str, triple: str, processor: str) -> str:
    """A kernel's source compiled for another processor."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=processor, opt=3)
    source = re.sub('target triple = ".*"', f'target triple = "{triple}"', _kernel_alone(ir))
    layout = f'target datalayout = "{machine.target_data}"'
    module = llvm.parse_assembly(re.sub('target datalayout = ".*"', layout, source))
    module.verify()
    return str(machine.emit_assembly(module))


def _kernel_alone(ir: str) -> str:
    """The module without Numba's glue to Python, which holds x86 instructions."""
    parts = re.split(r"(?m)^(?=define )", ir)
    kept = parts[:1]
    for part in parts[1:]:
        name = re.search(r"@(\S+?)\(", part)
        glue = name is None or not name[1].startswith("_ZN14ternary_engine")
        kept.append(re.sub(r"(?sm)\Adefine .*?^}\n", "", part) if glue else part)
    return "".join(kept)
