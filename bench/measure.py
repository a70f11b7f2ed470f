"""Measures every case and writes it down: ``python -m bench.measure``, from the root.

The result is what ``ternary-engine bench --json`` writes, with more cases in it; it goes to
``bench/results/DATE-CPU.json``. ``python -m bench.tables`` makes the tables of README from it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from bench import start, suites
from ternary_engine.benchmark import machine, regression, roofline, startup
from ternary_engine.benchmark.cases import AbsentPeerError, Row, measure
from ternary_engine.benchmark.suites import SUITES

RESULTS = Path(__file__).parent / "results"
NAMES = (*SUITES, *suites.SUITES)


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _rows(names: list[str], roofs: dict[str, float], seconds: float) -> list[Row]:
    rows = []
    for name, setup in suites.setups(names):
        try:
            rows.append(measure(setup(), roofs, seconds))
        except AbsentPeerError as reason:
            _tell(f"{name}: left out, {reason}")
            continue
        figures = ", ".join(f"{key} {value:.2f}" for key, value in rows[-1].figures.items())
        _tell(f"{name}: {figures}")
    return rows


def run(names: list[str], seconds: float) -> dict[str, Any]:
    """Measure some suites; limits before and after, since other work only ever lowers them."""
    roofs = roofline.measure()
    rows = _rows(names, roofs, seconds)
    again = roofline.measure()
    best = {name: max(rate, again.get(name, rate)) for name, rate in roofs.items()}
    facts = [fact.as_dict() for fact in startup.measure_facts(_tell)] if "start" in names else []
    if "start" in names:
        for kind, spent in start.cold_start().items():
            name = f"{kind} start of `run` on {start.NETWORK}, processor time"
            facts.append(startup.Fact(name, spent, "s").as_dict())
    return {
        "format": "ternary-engine bench",
        "version": regression.VERSION,
        "date": datetime.datetime.now(tz=datetime.UTC).isoformat(timespec="minutes"),
        "machine": machine(),
        "load average": os.getloadavg()[0],
        "roofline": best,
        "results": [Row(row.case, row.timings, best).as_dict() for row in rows],
        "facts": facts,
    }


def added(earlier: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """An earlier result with the suites of a new one in place of its own.

    Limits are the higher of both, and so every fraction of a limit is worked out anew.
    """
    suites_now = {row["suite"] for row in found["results"]}
    kept = [row for row in earlier["results"] if row["suite"] not in suites_now]
    old, new = earlier["roofline"], found["roofline"]
    best = {name: max(rate, old.get(name, rate)) for name, rate in new.items()}
    rows = [
        row | {"of_roof": row["of_roof"] * before[row["roof"]] / best[row["roof"]]}
        if row["of_roof"] is not None
        else row
        for rows, before in ((kept, old), (found["results"], new))
        for row in rows
    ]
    rows.sort(key=lambda row: NAMES.index(row["suite"]))
    facts = found["facts"] or earlier["facts"]
    return found | {"roofline": best, "results": rows, "facts": facts}


def main() -> None:
    """Measure, and write the result beside the others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.5, help="on each engine of a case")
    parser.add_argument("--suites", nargs="+", default=list(NAMES), choices=NAMES)
    parser.add_argument("--out", type=Path, help="file for the result")
    parser.add_argument("--add", action="store_true", help="keep the file's other suites")
    given = parser.parse_args()
    found = run(given.suites, given.seconds)
    name = re.sub(r"\W+", "-", f"{found['date'][:10]} {found['machine']['cpu']}").strip("-").lower()
    path = given.out or RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    if given.add and path.exists():
        found = added(regression.read(path), found)
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
