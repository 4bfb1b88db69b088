"""The result of a benchmark: a measured figure with its target."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure. `asked` is its target in the same unit: an upper bound, or a lower bound with `least`."""

    what: str
    measured: float
    asked: float | None = None
    unit: str = "ms"
    note: str = ""
    least: bool = False

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row of the table."""
        asked = "-" if self.asked is None else f"{self.asked:g} {self.unit} or {'more' if self.least else 'less'}"
        good = self.asked is not None and (self.measured >= self.asked if self.least else self.measured <= self.asked)
        met = "" if self.asked is None else "yes" if good else "NO"
        digits = 2 if abs(self.measured) < 10 else 0 if abs(self.measured) >= 100 else 1
        return self.what, asked, f"{self.measured:,.{digits}f} {self.unit}", met, self.note


def took(act: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


def render(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table with aligned columns."""
    rows = [("what", "target", "measured", "met", "how"), *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {line} |" for line in (lines[0], rule, *lines[1:]))


def machine() -> str:
    """Return the CPUs and the load of this machine, on which the figures depend."""
    return f"{os.cpu_count()} CPUs, load average {os.getloadavg()[0]:.1f} ({time.strftime('%Y-%m-%d')})"
