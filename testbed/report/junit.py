"""JUnit: properties for `item.user_properties`. They reach the XML file, also with xdist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testbed.checks import Report, Verdict
    from testbed.report.outcome import TestOutcome


def properties_of(test: TestOutcome) -> list[tuple[str, str]]:
    """Return everything about a test: its seed, the warnings, and the properties of every report."""
    judged = [pair for one in test.reports for pair in properties(one.report)]
    return [("testbed.seed", str(test.seed)), *warnings(test.notes), *judged]


def warnings(notes: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names and texts: one pair for each warning about the services."""
    return [(f"testbed.warning.{n}", text) for n, text in enumerate(notes, start=1)]


def properties(report: Report) -> list[tuple[str, str]]:
    """Return pairs of unique names and texts: the outcome, the run, and one pair for each verdict."""
    run = [("testbed.mesh", report.mesh)] if report.mesh else []
    verdicts = [(f"testbed.check.{n}", _line(verdict)) for n, verdict in enumerate(report.verdicts, start=1)]
    return [("testbed.outcome", report.outcome), *run, *verdicts]


def _line(verdict: Verdict) -> str:
    head = f"{verdict.outcome}: {verdict.check} ({verdict.population}, {verdict.phase})"
    observed = f"{verdict.observed or 'not judged'}; expected {verdict.bound}; n {verdict.n}"
    return "; ".join(filter(None, (f"{head}: {observed}", verdict.why)))
