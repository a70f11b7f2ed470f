"""Repeats cases, or runs many fresh ones.

``python -m tests.fuzz.again FAMILY NUMBER [--seed S] [--count N] [--children C]``
"""

from __future__ import annotations

import argparse
import time

from tests.fuzz import cases, pool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("family", help="all, or one of " + ", ".join(cases.FAMILIES))
    parser.add_argument("number", type=int, nargs="?", default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--children", type=int, default=1)
    given = parser.parse_args()
    families = cases.FAMILIES if given.family == "all" else (given.family,)
    numbers = range(given.number, given.number + given.count)
    started = time.perf_counter()
    run = pool.Campaign(
        [(f, n) for n in numbers for f in families], given.seed, given.children, aloud=True
    )
    for outcome, count in run.outcomes.most_common():
        print(f"{count:7} {outcome}")
    for finding in run.findings:
        print(f"\n{finding}")
    print(f"\n{time.perf_counter() - started:.0f} s, {len(run.findings)} findings")


if __name__ == "__main__":
    main()
