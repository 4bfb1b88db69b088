"""`pytest -p testbed.frontends.plugin.each` prints a line instead of a dot when a test ends."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from testbed.errors import visible

if TYPE_CHECKING:
    Status = tuple[str, str, str | tuple[str, Any]]


@pytest.hookimpl(wrapper=True)
def pytest_report_teststatus(
    report: pytest.CollectReport | pytest.TestReport,
) -> Generator[None, Status, Status]:
    """Print the result of a test: `slow pricing: contained`; without a verdict, its outcome."""
    category, letter, word = yield
    return category, letter and line(report, category), word


def line(report: pytest.CollectReport | pytest.TestReport, category: str) -> str:
    """Return the line of one report."""
    from testbed.report.outcome import TestOutcome, title
    from testbed.report.summary import result

    outcome = TestOutcome.from_data(report.testbed) if hasattr(report, "testbed") else None
    return f"{visible(title(report.nodeid))}: {result(outcome) if outcome and outcome.verdicts else category}\n"
