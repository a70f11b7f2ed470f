"""Runs many cases over child processes; a child that dies is replaced and its case told."""

from __future__ import annotations

import collections
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT
from tests.fuzz import cases

Job = tuple[str, int]
PRISTINE = ("reference", "interpreter")  # phases in which the fault is not ours


@dataclass(frozen=True)
class Finding:
    """An outcome that is not allowed."""

    family: str
    number: int
    origin: str
    what: str
    saved: Path

    def __str__(self) -> str:
        return (
            f"{self.family} {self.number} (a mutant of {self.origin!r}): {self.what}\n"
            f"  bytes: {self.saved}; again: "
            f"python -m tests.fuzz.again {self.family!r} {self.number}"
        )


class Campaign:
    """Many cases and what became of them.

    Attributes:
        outcomes: how often each came up. findings: those that are not allowed.
    """

    def __init__(
        self, jobs: Sequence[Job], seed: int = 0, children: int = 2, *, aloud: bool = False
    ) -> None:
        self.seed, self.aloud = seed, aloud
        self.outcomes: collections.Counter[str] = collections.Counter()
        self._found: list[tuple[Job, str]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="ternary-engine-fuzz-"))
        self._lock = threading.Lock()
        shards = [list(jobs[start::children]) for start in range(children)]
        threads = [threading.Thread(target=self._work, args=(shard,)) for shard in shards]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.findings = [self._save(*found) for found in self._found]

    def _work(self, jobs: list[Job]) -> None:
        while jobs:
            done, phase, status, text = self._child(jobs, patient=False)
            jobs = jobs[done:]
            if not jobs:
                return
            if status == 0 or phase == "":
                raise RuntimeError(f"a child stopped before it began: {text}")
            self._died(jobs[0], phase, status, text)
            jobs = jobs[1:]

    def _died(self, job: Job, phase: str, status: int, text: str) -> None:
        if phase in PRISTINE:
            self._note(job, f"{phase} died ({status})")
            return
        done, phase, again, text_again = self._child([job], patient=True)
        if done or phase in PRISTINE:
            return  # it was slow the first time only: kernels were compiled
        reasons = {-27: "took more than 10 s", -14: "hung for 60 s", -11: "segmentation fault"}
        reason = reasons.get(again, f"died with status {again} (first {status})")
        self._note(job, f"FOUND {reason} in phase {phase!r} {text_again or text}")

    def _child(self, jobs: list[Job], *, patient: bool) -> tuple[int, str, int, str]:
        """Cases done, phase of the one after them, exit status, last words."""
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz.child"]
        with (
            tempfile.TemporaryFile("w+") as errors,
            subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                text=True, env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            ) as child,
        ):  # fmt: skip
            assert child.stdin is not None
            assert child.stdout is not None
            json.dump({"seed": self.seed, "cases": jobs, "patient": patient}, child.stdin)
            child.stdin.close()
            done, phase = 0, ""
            for line in child.stdout:
                told = json.loads(line)
                phase = told.get("phase", phase)
                if "outcome" in told:
                    done += 1
                    self._note((told["family"], told["number"]), told["outcome"])
            status = child.wait()
            errors.seek(0)
            return done, phase, status, errors.read()[-2000:]

    def _note(self, job: Job, outcome: str) -> None:
        found = outcome.startswith("FOUND")
        with self._lock:
            self.outcomes[outcome.split(":")[0] if found else outcome] += 1
            if found:
                self._found.append((job, outcome.removeprefix("FOUND ")))
                if self.aloud:
                    print(*job, outcome, file=sys.stderr, flush=True)

    def _save(self, job: Job, what: str) -> Finding:
        family, number = job
        case = cases.make(family.removeprefix("command: "), number, self.seed)
        saved = self._folder / f"{family} {number}".replace(" ", "-").replace(":", "")
        saved.write_bytes(case.data)
        return Finding(family, number, case.origin, what, saved)
