"""Markdown: a table for a step summary or a pull request, with the reasons folded below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testbed.checks.judging.report import Report
from testbed.report.verdict_table import MEANING, cells_of, reasons

if TYPE_CHECKING:
    from testbed.checks import Verdict
    from testbed.report.outcome import TestOutcome

MOST_BYTES = 900_000  # GitHub refuses a step's summary of more than 1 MiB
TITLES = ("verdict", "who, when", "check", "observed", "bound", "n", "margin")


def step_summary(tests: Sequence[TestOutcome], most_bytes: int = MOST_BYTES) -> str:
    """Return all verdicts of a pytest run, red tests first; what does not fit is left out, and counted."""
    text, left = "", 0
    for test in sorted(tests, key=lambda one: one.passed):
        part = markdown(Report(test.verdicts, test=test.test), test.notes)
        fits = len(f"{text}{part}".encode()) <= most_bytes
        text, left = (f"{text}{part}\n", left) if fits and not left else (text, left + 1)
    return text + (f"{left} more of {len(tests)} tests did not fit in here.\n" if left else "")


def markdown(report: Report, notes: Sequence[str] = ()) -> str:
    """Return the report in GitHub's Markdown, with what was found out about the services themselves above it."""
    head = [f"### {_plain(report.test or 'testbed')}", "", _plain(report.headline), ""]
    head += [*(f"- **warning**: {_plain(note)}" for note in notes), *([""] if notes else [])]
    rows = [_row(TITLES), _row(["---"] * len(TITLES)), *(_row(_cells(verdict)) for verdict in report.verdicts)]
    folded = [line for verdict in report.red for line in _folded(verdict)]
    return "\n".join([*head, *(rows if report.verdicts else []), *folded, *(["", MEANING] if report.red else []), ""])


def _cells(verdict: Verdict) -> list[str]:
    outcome = verdict.outcome if verdict.outcome == "held" else f"**{verdict.outcome}**"
    return [outcome, *map(_plain, cells_of(verdict).values())]


def _folded(verdict: Verdict) -> list[str]:
    title = f"<summary>{verdict.outcome}: {_plain(verdict.check)} ({_plain(verdict.population)})</summary>"
    facts = [f"- **{name}**: {_plain(text)}" for name, text in reasons(verdict)]
    return ["", f"<details>{title}", "", *facts, "", "</details>"]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    for special in "\\`*_[]|":
        text = text.replace(special, f"\\{special}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
