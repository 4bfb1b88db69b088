"""Runs the corpus of verdicts, `tests/e2e/truth`, many times: `make truth RUNS=10 UNDER=idle`.

A test of the corpus begins with its arm: `planted` (a bug that must be found, at the right place and for the right
reason), `fixed` (the same system without the bug: green), `steady` (nothing is broken: green), `wrong` (a test that
proves nothing: refused or inconclusive). The table counts the tests of each arm that ended so, over all runs.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stability import ASKED, ROOT, condition

CORPUS = "tests/e2e/truth"
ARMS = {
    "planted": "planted bugs that are found",
    "fixed": "fixed twins that are green",
    "steady": "steady states that are green",
    "wrong": "wrong tests that are caught",
}
NAME = re.compile(r"test_([a-z]+)")


@dataclass(frozen=True)
class Case:
    """One test of the corpus in one run."""

    name: str
    right: bool  # whether it ended as it must

    @property
    def arm(self) -> str:
        """Which arm it belongs to; "other" for a test of something else."""
        found = NAME.match(self.name)
        return found[1] if found and found[1] in ARMS else "other"


def cases(junit: str) -> Iterator[Case]:
    """Yield the tests of a run from its JUnit file, without skipped ones."""
    for test in ET.fromstring(junit).iter("testcase"):
        ends = {child.tag for child in test}
        if "skipped" not in ends:
            yield Case(test.attrib["name"], not ends & {"failure", "error"})


def changed(runs: Iterable[Iterable[Case]]) -> dict[str, int]:
    """Return the tests that did not end as they must in every run, with how often they did not."""
    return dict(Counter(case.name for run in runs for case in run if not case.right))


def table(runs: Iterable[Iterable[Case]]) -> str:
    """Return a Markdown table with a row for each arm."""
    every = [case for run in runs for case in run]
    lines = ["| arm | right | of |", "| --- | --- | --- |"]
    for arm, said in {**ARMS, "other": "other tests that pass"}.items():
        those = [case for case in every if case.arm == arm]
        lines.append(f"| {said} | {sum(case.right for case in those)} | {len(those)} |")
    return "\n".join(lines)


def run_once(under: str, folder: Path, number: int) -> list[Case]:
    """Run the corpus once under a background load."""
    junit = folder / f"truth-{under}-{number}.xml"
    words = [sys.executable, "-m", "pytest", CORPUS, "-q", "-n", "4", "--dist", "worksteal", f"--junitxml={junit}"]
    with junit.with_suffix(".log").open("w") as log, condition(under):
        subprocess.run(words, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    return list(cases(junit.read_text()))


def main() -> int:
    """Run, and print the table. Return 1 if a test did not end as it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--under", choices=sorted(ASKED), default="idle")
    args = parser.parse_args()
    folder = ROOT / ".testbed" / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    runs = []
    for number in range(1, args.runs + 1):
        runs.append(run_once(args.under, folder, number))
        print(f"{number}/{args.runs} {args.under}: {sum(one.right for one in runs[-1])} of {len(runs[-1])}", flush=True)
    print(f"\n{table(runs)}\n")
    for name, times in changed(runs).items():
        print(f"{name}: wrong {times} of {len(runs)} times")
    return 1 if changed(runs) else 0


if __name__ == "__main__":
    sys.exit(main())
