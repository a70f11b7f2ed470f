"""Runs cases one after another in a process of its own, so that a crash is seen and told apart.

``python -m tests.fuzz.child`` reads a JSON job from standard input and writes lines of JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

CPU_SECONDS, WALL_SECONDS = 10, 60
MEMORY = 2 << 30  # bytes above what a process needs that has run every model


def main() -> None:
    job: dict[str, Any] = json.load(sys.stdin)
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    with contextlib.suppress(OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _warm_up()
    _limit_memory()
    for family, number in job["cases"]:
        _run(job["seed"], family, number, lines, patient=job["patient"])


def _run(seed: int, family: str, number: int, lines: Any, *, patient: bool) -> None:
    from tests.fuzz import cases, command, judge

    def say(**what: Any) -> None:
        lines.write(json.dumps({"family": family, "number": number, **what}) + "\n")

    say(phase="mutation")
    case = cases.make(family.removeprefix("command: "), number, seed)
    decide = command.judge if family.startswith("command: ") else judge.judge
    for attempt in range(2 if patient else 1):  # the first time may be spent compiling
        folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
        (folder / "inside").mkdir()
        (folder / "secret.bin").write_bytes(bytes(48))
        allowed = 4 if patient and attempt == 0 else 1
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS * allowed)
        signal.setitimer(signal.ITIMER_REAL, WALL_SECONDS * allowed)
        try:
            if os.environ.get("TERNARY_ENGINE_FUZZ_CRASH") == f"{family} {number}":
                os.kill(os.getpid(), signal.SIGSEGV)  # to test what is made of a crash
            outcome = decide(case, folder, lambda name: say(phase=name))
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            shutil.rmtree(folder, ignore_errors=True)
    say(outcome=outcome)


def _warm_up() -> None:
    """Compile kernels and fill caches: a case must not pay for it."""
    from ternary_engine.converters import sessions
    from tests.fuzz import corpus, judge

    sessions.MOST_SECONDS = 0.5  # endless loops are many here
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        for name in corpus.models():
            if len(corpus.model(name)) <= corpus.SMALL:
                path = Path(folder) / "model.onnx"
                path.write_bytes(corpus.model(name))
                outcome = judge._onnx(path, lambda _: None)
                if not outcome.startswith(("right", "converted; nothing")):
                    raise AssertionError(f"{name} itself: {outcome}")
        for name in (*corpus.PACKED, corpus.EVERY_STEP):
            corpus.packed(name)


def _limit_memory() -> None:
    status = Path("/proc/self/status").read_text()
    used = next(int(line.split()[1]) << 10 for line in status.splitlines() if "VmSize" in line)
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))


if __name__ == "__main__":
    main()
