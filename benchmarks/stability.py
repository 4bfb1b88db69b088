"""Runs the whole suite many times under a background load and records each run: `make stability RUNS=10 UNDER=idle`.

Background loads: `idle`; `loops` (two busy loops per core); `memory` (stress-ng holds and writes 60 % of the memory).
The tally continues over several calls and counts green runs in a row. `TEST=... RUNS=100` repeats one test instead.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
TALLY = ROOT / "benchmarks" / "stability.jsonl"
ASKED = {"idle": 10, "loops": 5, "memory": 5}  # green runs in a row of the whole suite
ASKED_OF_A_TEST = 100
BUSY = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"  # ends with its parent
CLOSING = re.compile(r"^=+ (?:.*\b(\d+) (?:passed|failed|error|skipped)\b.*) in [\d.]+s.*=+$")
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|rerun)\b")
RED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """One run: the suite or test, the background load, and the result."""

    what: str
    under: str
    commit: str
    date: str
    seconds: float
    load: float
    code: int
    passed: int = 0
    skipped: int = 0
    rerun: int = 0
    red: tuple[str, ...] = ()

    @property
    def is_green(self) -> bool:
        """Whether the command succeeded and no test failed."""
        return self.code == 0 and not self.red


def outcome(text: str) -> dict[str, int | tuple[str, ...]]:
    """Return the sums of the summary lines of all pytest sessions in an output, and the names of failed tests."""
    total = {"passed": 0, "skipped": 0, "rerun": 0}
    for line in filter(CLOSING.match, text.splitlines()):
        for number, word in COUNT.findall(line):
            total[word] = total.get(word, 0) + int(number)
    return {**{key: total[key] for key in ("passed", "skipped", "rerun")}, "red": tuple(sorted(set(RED.findall(text))))}


def in_a_row(runs: Sequence[Run]) -> int:
    """Return how many runs at the end of the sequence are green."""
    reds = [number for number, run in enumerate(runs, start=1) if not run.is_green]
    return len(runs) - (reds[-1] if reds else 0)


def table(runs: Iterable[Run]) -> str:
    """Return a Markdown table with a row for each suite or test and background load."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.what, run.under), []).append(run)
    lines = ["| what | under | runs | green in a row | target | last | skipped | reruns | failed tests |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *(_line(what, under, group) for (what, under), group in sorted(groups.items()))])


def _line(what: str, under: str, group: Sequence[Run]) -> str:
    asked = ASKED.get(under, 0) if what == "suite" else ASKED_OF_A_TEST
    reds = sorted({name for run in group for name in run.red}) or ["none"]
    last, reruns = group[-1], sum(run.rerun for run in group)
    cells = (what, under, len(group), in_a_row(group), asked, f"{last.seconds:.0f} s", last.skipped, reruns)
    return f"| {' | '.join(map(str, cells))} | {', '.join(reds)} |"


def read(path: Path) -> list[Run]:
    """Return the runs of a tally, oldest first; none if the file does not exist."""
    if not path.exists():
        return []
    return [Run(**{**row, "red": tuple(row["red"])}) for row in map(json.loads, path.read_text().splitlines())]


@contextmanager
def condition(under: str) -> Iterator[None]:
    """Keep the machine busy with a background load. It ends the processes that it has started."""
    started = [subprocess.Popen(words) for words in _companions(under)]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait()


def _companions(under: str) -> list[list[str]]:
    if under == "loops":
        return [[sys.executable, "-I", "-S", "-c", BUSY]] * (2 * (os.cpu_count() or 1))
    if under == "memory":
        if shutil.which("stress-ng") is None:
            sys.exit("UNDER=memory needs stress-ng, which is not installed: make tools")
        return [["stress-ng", "--quiet", "--vm", "1", "--vm-bytes", "60%", "--vm-keep"]]
    return []


def run_once(words: Sequence[str], what: str, under: str, log: Path) -> Run:
    """Run a command under a background load, write its output to a log, and return the result."""
    begin = time.monotonic()
    with log.open("w") as file, condition(under):
        code = subprocess.run(
            words, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        ).returncode
    seconds = time.monotonic() - begin
    found = outcome(log.read_text(errors="replace"))
    stamp = time.strftime("%Y-%m-%d %H:%M")
    return Run(what, under, _commit(), stamp, round(seconds, 1), round(os.getloadavg()[0], 1), code, **found)  # type: ignore[arg-type]


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"


def main() -> int:
    """Run, append each run to the tally, and print the table. Return 1 if a run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--under", choices=sorted(ASKED), default="idle")
    parser.add_argument("--test", default="", help="repeat this test instead of the suite")
    parser.add_argument("--tally", type=Path, default=TALLY)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    what, words = args.test or "suite", ["make", "test"]
    if args.test:
        words = [sys.executable, "-m", "pytest", "-q", "-ra", *args.test.split()]
    logs = ROOT / ".testbed" / "stability"
    logs.mkdir(parents=True, exist_ok=True)
    green = True
    for number in range(1, args.runs + 1):
        log = logs / f"{args.under}-{time.strftime('%H%M%S')}.log"
        run = run_once(words, what, args.under, log)
        with args.tally.open("a") as file:
            file.write(json.dumps(asdict(run)) + "\n")
        state = "green" if run.is_green else f"FAILED ({log}): {', '.join(run.red) or f'exit code {run.code}'}"
        print(f"{number}/{args.runs} {args.under}: {run.passed} passed in {run.seconds:.0f} s, {state}", flush=True)
        green &= run.is_green
    print(f"\n{table(read(args.tally))}")
    return 0 if green else 1


if __name__ == "__main__":
    sys.exit(main())
