"""Mutants of every model and packed file: each is answered rightly or refused clearly.

The numbers name the cases: ``python -m tests.fuzz.again FAMILY NUMBER`` repeats one, and with
``--seed`` and ``--count`` runs as many fresh ones as wanted.
"""

from __future__ import annotations

import random

import pytest

from tests.fuzz import cases, command, corpus, pool

DAILY = {"bytes": 60, "fields": 90, "hostile": 60, "external": 30, "packed bytes": 60,
         "packed sealed": 90, "command: fields": 12, "command: packed sealed": 12}  # fmt: skip
SLOW = {"bytes": 1100, "fields": 1400, "hostile": 700, "external": 250, "packed bytes": 900,
        "packed sealed": 900, "command: fields": 60, "command: hostile": 60, "command: bytes": 30,
        "command: packed sealed": 60, "command: packed bytes": 40}  # fmt: skip
FIRST_SLOW = 10_000


def run(counts: dict[str, int], first: int) -> pool.Campaign:
    jobs = [(family, first + i) for family, count in counts.items() for i in range(count)]
    random.Random(0).shuffle(jobs)  # the children get equal shares of every family
    campaign = pool.Campaign(jobs)
    assert sum(campaign.outcomes.values()) == len(jobs)
    return campaign


def judge(campaign: pool.Campaign) -> None:
    assert not campaign.findings, "\n".join(map(str, campaign.findings))
    right = sum(n for outcome, n in campaign.outcomes.items() if outcome.startswith("right"))
    refused = sum(n for outcome, n in campaign.outcomes.items() if "refused" in outcome)
    total = sum(campaign.outcomes.values())
    assert right > total / 10, campaign.outcomes  # a fuzzer that only breaks files tests little
    assert refused > total / 10, campaign.outcomes


def test_some_mutants() -> None:
    judge(run(DAILY, 0))


@pytest.mark.slow
def test_thousands_of_mutants() -> None:
    assert sum(SLOW.values()) >= 5000
    judge(run(SLOW, FIRST_SLOW))


@pytest.mark.parametrize("family", cases.FAMILIES)
def test_a_number_names_a_case(family: str) -> None:
    again = [cases.make(family, number) for number in (3, 4, 3)]
    assert again[0] == again[2]
    assert again[0] != again[1]
    assert cases.make(family, 3, seed=1) != again[0]


def test_what_must_not_happen_is_found(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge of commands sees tracebacks, faults, and files left behind."""
    (tmp_path / "inside").mkdir()
    case = cases.Case("bytes", 0, "mlp ternary", corpus.model("mlp ternary"))
    endings = {
        "exit status 1": lambda _: 1,
        "not one clear line": lambda _: 2,
        "it wrote nothing": lambda _: 0,
        "files": lambda arguments: (tmp_path / "left behind").touch() or 0,
    }
    for problem, ending in endings.items():
        monkeypatch.setattr(command, "main", ending)
        outcome = command.judge(case, tmp_path, lambda _: None)
        assert outcome.startswith("FOUND"), problem
        assert problem in outcome


def test_a_crash_is_told_with_its_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERNARY_ENGINE_FUZZ_CRASH", "external 2")
    campaign = pool.Campaign([("external", n) for n in range(4)], children=1)
    (finding,) = campaign.findings
    assert (finding.family, finding.number) == ("external", 2)
    assert "segmentation fault" in finding.what
    assert finding.saved.read_bytes() == cases.make("external", 2).data
    assert sum(campaign.outcomes.values()) == 4
