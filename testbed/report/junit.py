"""JUnit: properties for `item.user_properties`, which reach the XML file and survive xdist."""

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
    """Return pairs of names and texts: what was found out about the services themselves, one pair a warning."""
    return [(f"testbed.warning.{n}", text) for n, text in enumerate(notes, start=1)]


def properties(report: Report) -> list[tuple[str, str]]:
    """Return pairs of names, each different, and texts: the outcome, the run, and one a verdict."""
    run = [("testbed.mesh", report.mesh)] if report.mesh else []
    verdicts = [(f"testbed.check.{n}", _line(verdict)) for n, verdict in enumerate(report.verdicts, start=1)]
    return [("testbed.outcome", report.outcome), *run, *verdicts]


def _line(verdict: Verdict) -> str:
    head = f"{verdict.outcome}: {verdict.check} ({verdict.population}, {verdict.phase})"
    observed = f"{verdict.observed or 'not judged'}; bound {verdict.bound}; n {verdict.n}"
    return "; ".join(filter(None, (f"{head}: {observed}", verdict.why)))
