"""All long checks before a release, one after the other, with one summary: `make nightly`.

Each step is a target of the Makefile. A failed step does not stop the others. The summary and the logs are in
`.testbed/nightly/`; `STEPS="soak bench"` selects steps.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import machine

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".testbed" / "nightly"
STEPS = {
    "install-matrix": "installed from a checkout, a wheel, an sdist and git, with each installed Python",
    "fuzz": "readers and constructors meet 20,000 examples each of anything: an answer or one error of ours",
    "stability": "the whole suite many times in a row",
    "calibrate": "every scenario in examples/ is sensitive to its fault and its policies",
    "soak": "no verdict changes in 50 rounds of the demo and 10 of the corpus; no process remains after kill -9",
    "bench": "the measured figures with their targets",
}
TAIL = 12  # lines of each step in the summary


@dataclass(frozen=True)
class Step:
    """One step that has ended: its exit code, its duration, and its last output lines."""

    name: str
    code: int
    seconds: float
    end: str

    @property
    def line(self) -> str:
        """Its row in the table of the summary."""
        state = "ok" if self.code == 0 else f"FAILED (exit code {self.code})"
        return f"| {self.name} | {state} | {self.seconds / 60:.1f} min | {STEPS[self.name]} |"


def summary(steps: Sequence[Step]) -> str:
    """Return the summary as Markdown: a table, then the last output lines of each step."""
    head = ["# Nightly", "", machine(), "", "| step | result | duration | checks |", "| --- | --- | --- | --- |"]
    ends = [f"\n## {step.name}\n\n```text\n{step.end}\n```" for step in steps]
    return "\n".join([*head, *(step.line for step in steps), *ends]) + "\n"


def run(name: str, folder: Path) -> Step:
    """Run one target of the Makefile, with its output in a file."""
    log, begin = folder / f"{name}.log", time.monotonic()
    with log.open("w") as file:
        code = subprocess.run(
            ["make", "--no-print-directory", name], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=file, stderr=file
        ).returncode
    end = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
    return Step(name, code, time.monotonic() - begin, end)


def main() -> int:
    """Run the steps. The summary is rewritten after each step, so that an interrupted run has one too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", default=list(STEPS), metavar=f"{{{','.join(STEPS)}}}")
    chosen = parser.parse_args().steps
    if unknown := [name for name in chosen if name not in STEPS]:
        parser.error(f"unknown step {', '.join(unknown)} (valid: {', '.join(STEPS)})")
    FOLDER.mkdir(parents=True, exist_ok=True)
    ended: list[Step] = []
    for name in chosen:
        print(f"{name}: {STEPS[name]} ...", flush=True)
        ended.append(run(name, FOLDER))
        (FOLDER / "summary.md").write_text(summary(ended))
        print(ended[-1].line, flush=True)
    print(f"summary: {(FOLDER / 'summary.md').relative_to(ROOT)}")
    return max(min(step.code, 1) for step in ended)


if __name__ == "__main__":
    sys.exit(main())
