"""What a red report raises: its headline and its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from testbed.checks.judging.report import Report
from testbed.errors import Inconclusive, NotContained
from testbed.report.verdict_table import table


def raise_if_red(report: Report) -> None:
    """Raise `NotContained` if a check is violated, else `Inconclusive` if one is inconclusive or there is none."""
    if report.outcome != "held":
        _raise(report)


def raise_if_overlooked(reports: Sequence[Report]) -> None:
    """Raise the first of these red reports, violated ones first: the test never looked at them."""
    for report in sorted(reports, key=lambda one: one.outcome != "violated"):
        _raise(report, "the test never looked at this report: use run.check(...), or assert run.judge(...). ")


def raise_if_swallowed(reports: Sequence[Report]) -> None:
    """Raise the first of these inconclusive reports, which the test caught as if it were a violated one."""
    for report in reports:
        _raise(report, f"the test caught this, and does not name it: {_NAME_IT}. ")


_NAME_IT = "write pytest.raises(NotContained) for a violation, pytest.raises(Inconclusive) if this is meant"


def _raise(report: Report, note: str = "") -> NoReturn:
    message = f"{report.headline}\n\n{table(report)}" if report.verdicts else report.headline
    raise (NotContained if report.outcome == "violated" else Inconclusive)(note + message)
