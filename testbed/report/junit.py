"""JUnit: properties for `item.user_properties`. They reach the XML file, also with xdist."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from testbed.errors import visible

if TYPE_CHECKING:
    from testbed.checks import Report, Verdict
    from testbed.report.outcome import TestOutcome


def properties_of(test: TestOutcome) -> list[tuple[str, str]]:
    """Return everything about a test: its seed, the warnings, and the properties of all reports."""
    found = [("testbed.seed", str(test.seed)), *warnings(test.notes), *judged(test)]
    return [(name, visible(text)) for name, text in found]


def judged(test: TestOutcome) -> list[tuple[str, str]]:
    """Return the properties of all reports; a claim that was violated in an earlier try makes the outcome."""
    found = properties(*(one.report for one in test.reports))
    if not test.then_held:
        return found
    return [(name, test.then_held if name == "testbed.outcome" else value) for name, value in found]


def warnings(notes: Iterable[str]) -> list[tuple[str, str]]:
    """Return pairs of names and texts: one pair for each warning about the services."""
    return [(f"testbed.warning.{n}", text) for n, text in enumerate(notes, start=1)]


def properties(*reports: Report) -> list[tuple[str, str]]:
    """Return pairs of unique names and texts: the worst outcome, the meshes, then each report and its verdicts.

    Reports and verdicts are numbered through the whole test.
    """
    if not reports:
        return []
    meshes = ", ".join(dict.fromkeys(report.mesh for report in reports if report.mesh))
    verdicts = [verdict for report in reports for verdict in report.verdicts]
    checks = [(f"testbed.check.{n}", _line(verdict)) for n, verdict in enumerate(verdicts, start=1)]
    each = [(f"testbed.report.{n}", report.headline) for n, report in enumerate(reports, start=1)]
    worst = min((report.outcome for report in reports), key=("violated", "inconclusive", "held").index)
    return [("testbed.outcome", worst), *([("testbed.mesh", meshes)] if meshes else []), *each, *checks]


def _line(verdict: Verdict) -> str:
    head = f"{verdict.outcome}: {verdict.check} ({verdict.population}, {verdict.phase})"
    observed = f"{verdict.observed or 'not judged'}; expected {verdict.bound}; n {verdict.n}"
    return "; ".join(filter(None, (f"{head}: {observed}", verdict.why)))
