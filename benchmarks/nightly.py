"""What a maintainer runs before a release: every long proof, one after the other, and one summary: `make nightly`.

Each step is a target of the Makefile. A red step does not stop the others. The summary and the logs are in
`.testbed/nightly/`; `STEPS="soak bench"` runs only some.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._table import machine

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".testbed" / "nightly"
STEPS = {
    "install-matrix": "installed from a checkout, a wheel, an sdist and git, on each Python that is here",
    "stability": "the whole suite in a row",
    "calibrate": "every scenario in examples/ tells the difference",
    "soak": "50 rounds of the demo, no verdict changes; then kill -9 at random moments leaves nothing",
    "bench": "the measured figures beside the ones asked for",
}
TAIL = 12  # lines of each step in the summary


@dataclass(frozen=True)
class Step:
    """One step that has ended: its exit code, how long it took, and the end of what it printed."""

    name: str
    code: int
    seconds: float
    end: str

    @property
    def line(self) -> str:
        """Its row of the summary's table."""
        state = "ok" if self.code == 0 else f"RED (exit code {self.code})"
        return f"| {self.name} | {state} | {self.seconds / 60:.1f} min | {STEPS[self.name]} |"


def summary(steps: Sequence[Step]) -> str:
    """Return the summary as Markdown: a table, then the end of each step's output."""
    head = ["# Nightly", "", machine(), "", "| step | result | took | what it shows |", "| --- | --- | --- | --- |"]
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
    """Run the steps; the summary is written anew after each, so that a night that ends early is told as well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("steps", nargs="*", default=list(STEPS), metavar=f"{{{','.join(STEPS)}}}")
    told = parser.parse_args().steps
    if unknown := [name for name in told if name not in STEPS]:
        parser.error(f"no step called {', '.join(unknown)}; there are {', '.join(STEPS)}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    ended: list[Step] = []
    for name in told:
        print(f"{name}: {STEPS[name]} ...", flush=True)
        ended.append(run(name, FOLDER))
        (FOLDER / "summary.md").write_text(summary(ended))
        print(ended[-1].line, flush=True)
    print(f"summary: {(FOLDER / 'summary.md').relative_to(ROOT)}")
    return max(min(step.code, 1) for step in ended)


if __name__ == "__main__":
    sys.exit(main())
