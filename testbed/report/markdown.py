"""Markdown: a table for a step summary or a pull request, with the reasons folded below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.report.table import MEANING, cells_of, reasons

if TYPE_CHECKING:
    from testbed.checks import Report, Verdict

TITLES = ("verdict", "who, when", "check", "observed", "bound", "n", "margin")


def markdown(report: Report) -> str:
    """Return the report in GitHub's Markdown."""
    head = [f"### {_plain(report.test or 'testbed')}", "", _plain(report.headline), ""]
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
