"""The table in the terminal and in failure messages: checks, observations, bounds, and what to look at next."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from testbed.checks.judging.base import PRINTED
from testbed.report.console import in_memory, plain, text_of

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from testbed.checks import Report, Verdict

WIDE = 90  # columns; a narrower table has no margin
NARROW = 72  # columns; in a narrower table each verdict is one sentence
LEAST = 40  # columns; the minimum
COLOURS = {"held": "green", "violated": "bold red", "inconclusive": "yellow"}
COUNTED = {"load": "every request", "inlet": "every arrival"}  # what an exact verdict counts
MEANING = "PASS: proved. FAIL: refuted. INCONCLUSIVE: too little evidence; counts as red."


def table(report: Report, *, width: int | None = None, colour: bool = False) -> str:
    """Return the report as text: one row for each verdict, and below the reasons for the red ones.

    `width` in columns (default: the environment's COLUMNS, else 100); `colour` adds ANSI colours.
    """
    columns = max(LEAST, width or _columns())
    console = in_memory(columns, colour=colour)
    _print(console, report, columns)
    return text_of(console).strip("\n")


def _columns() -> int:
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) else 100


def _print(console: Console, report: Report, columns: int) -> None:
    console.print(_rows(report, columns))
    said: dict[str, str] = {}
    for verdict in report.red:
        console.print(_reasons(verdict, said))
        said = dict(reasons(verdict))
    if report.red:
        console.print(plain(MEANING, "dim"))


def _rows(report: Report, columns: int) -> RenderableType:
    from rich import box
    from rich.table import Table

    narrow = columns < NARROW
    titles = ["who, when", "check", "observed", "expected", "n", *(["margin"] if columns >= WIDE else [])]
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_header=not narrow)
    grid.add_column("verdict", no_wrap=True)
    for title in ["what"] if narrow else titles:
        number = title == "n"
        grid.add_column(title, overflow="fold", no_wrap=number, justify="right" if number else "left")
    for verdict in report.verdicts:
        cells = cells_of(verdict)
        texts = [_sentence(cells)] if narrow else [cells[title] for title in titles]
        grid.add_row(plain(PRINTED[verdict.outcome], COLOURS[verdict.outcome]), *map(plain, texts))
    return grid


def cells_of(verdict: Verdict) -> dict[str, str]:
    """Return the texts of a row by the titles of their columns."""
    return {
        "who, when": f"{verdict.population}, {verdict.phase}",
        "check": verdict.title,
        "observed": verdict.observed or "not judged",
        "expected": verdict.bound,
        "n": f"{verdict.n:,}",
        "margin": verdict.margin or "-",
    }


def _sentence(cells: Mapping[str, str]) -> str:
    seen = f"{cells['observed']}, expected {cells['expected']}, n {cells['n']}"
    return f"{cells['check']} ({cells['who, when']}): {seen}"


def _reasons(verdict: Verdict, said: Mapping[str, str]) -> RenderableType:
    """Return the reason of a red verdict, its edge, its policy, and the next thing to look at.

    A policy or a next step that is equal to the one before is not repeated.
    """
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table

    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in reasons(verdict):
        again = name in ("policy", "next") and said.get(name) == text
        facts.add_row(name, plain("as above" if again else text))
    title = plain(
        f"{PRINTED[verdict.outcome]}: {verdict.check} ({verdict.population}, {verdict.phase})", COLOURS[verdict.outcome]
    )
    return Padding(Group(title, Padding(facts, (0, 0, 0, 2))), (0, 0, 1, 0))


def reasons(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what a reader of a red verdict needs, as pairs of label and text."""
    pairs = [("why", verdict.why), ("edge", verdict.edge), ("policy", verdict.policy), ("source", _source(verdict))]
    return [(name, text) for name, text in [*pairs, ("next", verdict.next)] if text]


def _source(verdict: Verdict) -> str:
    """Return `load generator, every request` or `load generator, 95 % confidence`."""
    if not verdict.source:
        return ""
    counted = COUNTED.get(verdict.source, "every event")
    how = counted if verdict.confidence == "exact" else f"{verdict.confidence} confidence"
    return f"{'load generator' if verdict.source == 'load' else verdict.source}, {how}"
