"""Installs a small distribution into a folder as pip does: a module, and a dist-info with its entry points."""

from pathlib import Path
from textwrap import dedent

FAULT = """
from dataclasses import dataclass
from testbed.faults import latency

@dataclass(frozen=True, kw_only=True)
class crawl(latency):
    "A latency by another name."
"""
CHECK = """
from dataclasses import dataclass
from testbed.checks import Check

@dataclass(frozen=True)
class sent_enough(Check):
    "At least so many requests."

    at_least: int

    @property
    def bound(self):
        return f"at least {self.at_least} requests"

    def judge(self, view):
        n = len(view.requests)
        outcome = "held" if n >= self.at_least else "violated"
        return self.verdict(view, outcome, f"{n} requests", n, why="" if outcome == "held" else "too few")
"""


def install(folder: Path, name: str, source: str, version: str = "1.0", **groups: dict[str, str]) -> None:
    """Install a distribution of one module of the same name; `faults` and `checks` map names to objects in it."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        line
        for group, points in groups.items()
        for line in (f"[testbed.{group}]", *(f"{point} = {name}:{value}" for point, value in points.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.py").write_text(dedent(source))
