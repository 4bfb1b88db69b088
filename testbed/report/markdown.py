"""Markdown: a table for a step summary or a pull request, with the reasons folded below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from testbed.checks.judging.base import PRINTED
from testbed.checks.judging.report import Report
from testbed.errors import visible
from testbed.report.outcome import never_used
from testbed.report.verdict_table import MEANING, cells_of, reasons

if TYPE_CHECKING:
    from testbed.checks import Verdict
    from testbed.report.outcome import TestOutcome

MOST_BYTES = 900_000  # GitHub refuses a step's summary of more than 1 MiB
TITLES = ("verdict", "who, when", "check", "observed", "expected", "n", "margin")


def step_summary(tests: Sequence[TestOutcome], most_bytes: int = MOST_BYTES) -> str:
    """Return all verdicts of a pytest run, red tests first. If the text is too long, tests are left out and counted."""
    text, left = "".join(f"- **warning**: {_plain(one)}\n" for one in never_used(tests)), 0
    for test in sorted(tests, key=lambda one: one.passed):
        part = markdown(test.report, test.notes)
        fits = len(f"{text}{part}".encode()) <= most_bytes
        text, left = (f"{text}{part}\n", left) if fits and not left else (text, left + 1)
    return text + (f"{left} of {len(tests)} tests are left out: the summary is too long.\n" if left else "")


def markdown(report: Report, notes: Sequence[str] = ()) -> str:
    """Return the report in GitHub's Markdown, with the warnings about the services above it."""
    head = [f"### {_plain(report.test or 'testbed')}", "", _plain(report.headline), ""]
    head += [*(f"- **warning**: {_plain(note)}" for note in notes), *([""] if notes else [])]
    rows = [_row(TITLES), _row(["---"] * len(TITLES)), *(_row(_cells(verdict)) for verdict in report.verdicts)]
    folded = [line for verdict in report.red for line in _folded(verdict)]
    return "\n".join([*head, *(rows if report.verdicts else []), *folded, *(["", MEANING] if report.red else []), ""])


def _cells(verdict: Verdict) -> list[str]:
    word = PRINTED[verdict.outcome]
    outcome = word if verdict.outcome == "held" else f"**{word}**"
    return [outcome, *map(_plain, cells_of(verdict).values())]


def _folded(verdict: Verdict) -> list[str]:
    title = f"<summary>{PRINTED[verdict.outcome]}: {_plain(verdict.check)} ({_plain(verdict.population)})</summary>"
    facts = [f"- **{name}**: {_plain(text)}" for name, text in reasons(verdict)]
    return ["", f"<details>{title}", "", *facts, "", "</details>"]


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Return text that Markdown shows unchanged, on one line."""
    text = visible(text)
    for special in "\\`*_[]|~$":
        text = text.replace(special, f"\\{special}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>")
