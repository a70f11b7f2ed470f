"""What is measured in processes of its own: starting, converting, loading, memory.

Other programs stretch the clock but hardly the processor time, so processor time is what counts
(user and system, all threads), the least of some turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ternary_engine.benchmark.cases import AbsentPeerError

__all__ = ["Fact", "measure_facts"]

TURNS = 3
FILTERS, BATCH = 128, 64
NETWORK = "mlp_ternary"
WARM_UP = "warm"  # file name of the small network that loads the kernels

IMPORTS = "import numba, onnxruntime\n"
# What Numba loads before it calls anything, though the function's machine code is cached.
ONE_FUNCTION = (
    IMPORTS
    + """
@numba.njit("int64(int64)", cache=True)
def add_one(number):
    return number + 1

add_one(1)
"""
)

# Peak memory while a network is loaded and run, above what the process held before. Kernels and
# libraries are loaded by a small network of the same kind first: they are code, not data.
MEMORY = """
import sys
import numpy as np

def status(key):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(key))

def ours(path, x):
    import ternary_engine as te
    te.load(path + ".tern").run(x, threads=1)

def theirs(path, x):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    made = onnxruntime.InferenceSession(path + ".onnx", options, ["CPUExecutionProvider"])
    made.run(None, {"x": x})

run, batch = {"ours": ours, "theirs": theirs}[sys.argv[1]], int(sys.argv[4])
x = np.random.default_rng(0).normal(size=(batch, 3, 32, 32)).astype(np.float32)
run(sys.argv[2], x)
with open("/proc/self/clear_refs", "w") as peak:
    peak.write("5")
before = status("VmRSS")
run(sys.argv[3], x)
print(status("VmHWM") - before, status("VmHWM"))
"""


@dataclass(frozen=True)
class Fact:
    """One figure that is no comparison of calls.

    Attributes:
        name: what it is of. value: the figure. unit: ``"s"``, ``"ratio"``, ``"bits"`` or ``"B"``.
        goal: what it may be at most; None where nothing is asked for.
        note: how it was measured.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether it is above the goal."""
        return self.goal is not None and self.value > self.goal

    def as_dict(self) -> dict[str, Any]:
        """Give the plain values for JSON."""
        return asdict(self)


def measure_facts(tell: Callable[[str], None] = lambda _: None) -> Iterator[Fact]:
    """Measure everything, about half a minute.

    Args:
        tell: is told what is measured next.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        tell(f"converting, saving and loading VGG f={FILTERS}")
        yield from _files(place)
        tell("starting, with kernels compiled and cached before")
        yield from _warm_start(place)
        tell(f"memory of VGG f={FILTERS}, batch {BATCH}")
        try:
            yield from _memory(place)
        except AbsentPeerError as reason:
            tell(f"no figure for memory: {reason}")


def _files(place: Path) -> Iterator[Fact]:
    import ternary_engine as te
    from ternary_engine.benchmark import models

    source, packed = place / f"{FILTERS}.onnx", place / f"{FILTERS}.tern"
    source.write_bytes(models.vgg(FILTERS).SerializeToString())
    used = _least(_engine("convert", source, "-o", packed), turns=1)
    note = "processor time of `ternary-engine convert`, start included"
    yield Fact(f"convert and save VGG f={FILTERS}", used, "s", 5.0, note)

    best = float("inf")
    for _ in range(10):
        before = time.perf_counter()
        network = te.load(packed)
        best = min(best, time.perf_counter() - before)
    yield Fact(f"load packed VGG f={FILTERS}", best, "s", 0.05, "best of 10 by the clock")

    cells = sum(layer.cells for layer in network.layers)
    stored = packed.stat().st_size * 8 / cells
    note = "size of the packed file by its weights, everything else in it included"
    yield Fact(f"packed VGG f={FILTERS}", stored, "bits", 2.1, note)


def _warm_start(place: Path) -> Iterator[Fact]:
    import numpy as np

    from ternary_engine import zoo

    packed, data = place / f"{NETWORK}.tern", place / "data.npz"
    zoo.load(NETWORK).save(packed)
    x, y = zoo.data(NETWORK)
    np.savez(data, x=x, y=y)
    (place / "imports.py").write_text(IMPORTS)
    (place / "function.py").write_text(ONE_FUNCTION)
    commands = {
        "run": _engine("run", packed, data),
        "imports": [sys.executable, str(place / "imports.py")],
        "function": [sys.executable, str(place / "function.py")],
    }
    for command in commands.values():
        _processor_seconds(command)  # compiles what was not
    turns = [{n: _processor_seconds(c) for n, c in commands.items()} for _ in range(TURNS)]
    least = {name: min(turn[name] for turn in turns) for name in commands}
    for name, what, goal in (
        ("imports", "import numba and onnxruntime", 2.0),
        ("function", "the same and one cached Numba function", None),
    ):
        note = f"processor time: {least['run']:.2f} s against {least[name]:.2f} s"
        ratio = least["run"] / least[name]
        yield Fact(f"`run` on {NETWORK} / {what}", ratio, "ratio", goal, note)


def _memory(place: Path) -> Iterator[Fact]:
    import ternary_engine as te
    from ternary_engine.benchmark import models

    if not os.access("/proc/self/clear_refs", os.W_OK):
        raise AbsentPeerError("the system does not tell the peak of a process (Linux does)")
    small = models.vgg(16)
    (place / f"{WARM_UP}.onnx").write_bytes(small.SerializeToString())
    te.convert(small).save(place / f"{WARM_UP}.tern")
    peaks = {}
    for engine in ("ours", "theirs"):
        command = [sys.executable, "-c", MEMORY, engine, place / WARM_UP, place / str(FILTERS)]
        told = subprocess.run(
            [*map(str, command), str(BATCH)], capture_output=True, text=True, check=True
        )
        peaks[engine] = [int(part) for part in told.stdout.split()]
    above, whole = ([peaks[engine][i] for engine in ("ours", "theirs")] for i in (0, 1))
    if above[1] <= 0:
        raise AbsentPeerError("the network is too small to tell from the rest of the process")
    yield Fact(
        f"memory of VGG f={FILTERS} batch {BATCH} / ONNX Runtime float32",
        above[0] / above[1],
        "ratio",
        0.25,
        f"peak above an idle process: {above[0] / 2**20:.0f} against {above[1] / 2**20:.0f} MiB; "
        f"whole processes {whole[0] / 2**20:.0f} and {whole[1] / 2**20:.0f} MiB",
    )


def _engine(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ternary_engine", *map(str, arguments)]


def _least(command: Sequence[str], turns: int) -> float:
    return min(_processor_seconds(command) for _ in range(turns))


def _processor_seconds(command: Sequence[str]) -> float:
    """Run a command and give the processor time it used."""
    import resource

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    # A user's Python keeps compiled modules; one told not to would compile ours on every start.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = used()
    subprocess.run(command, capture_output=True, check=True, env=kept)
    return used() - before
