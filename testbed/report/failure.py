"""What a red report raises: its headline and its table."""

from __future__ import annotations

from testbed.checks.judging.report import Report
from testbed.errors import Inconclusive, NotContained
from testbed.report.verdict_table import table


def raise_if_red(report: Report) -> None:
    """Raise `NotContained` if a check is violated, else `Inconclusive` if one is inconclusive or there is none."""
    if report.outcome == "held":
        return
    message = f"{report.headline}\n\n{table(report)}" if report.verdicts else report.headline
    raise (NotContained if report.outcome == "violated" else Inconclusive)(message)
