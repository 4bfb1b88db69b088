"""Attaches the outcome of a test to its pytest report: as data, JUnit properties, a section, and a saved history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.errors import TestbedError
from testbed.experiment.replay import write_runs
from testbed.frontends.plugin.outcome import outcome_of
from testbed.frontends.plugin.reruns import then_held
from testbed.report.junit import properties_of

if TYPE_CHECKING:
    import pytest

    from testbed.experiment.record import Record
    from testbed.frontends.plugin.session import Session


def attach_to_report(
    report: pytest.TestReport, item: pytest.Item, error: BaseException | None, record: Record, session: Session
) -> None:
    """Add the outcome. For a test with a run, add JUnit properties, and save its history if required."""
    ran = report.when == "call" and bool(record.runs)
    history = _keep(report, item, record, session) if ran else ""
    outcome = outcome_of(item, report, error, record, history)
    report.testbed = outcome.as_data()  # type: ignore[attr-defined]
    report.testbed_lost, session.lost = session.lost, []  # type: ignore[attr-defined]
    if ran:
        earlier = [pair for pair in item.user_properties if not pair[0].startswith("testbed.")]  # of no earlier try
        item.user_properties[:] = [*earlier, *properties_of(outcome)]


def _keep(report: pytest.TestReport, item: pytest.Item, record: Record, session: Session) -> str:
    """Save the history of a failed test, or of any test on request. Return its path, "" if it is not saved.

    A later try that held does not replace the history of a violated one. A history that cannot be written is a warning
    of the session: it changes no verdict.
    """
    if session.replay is not None or then_held(item) or not (report.failed or session.keep or session.in_campaign):
        return ""
    try:
        path = session.history_path(item.nodeid)
        write_runs(record.runs, path)
    except TestbedError as error:
        session.lost.append(f"the recorded run is not saved: {error}")
        return ""
    where = path.relative_to(session.rootdir)
    text = f"recorded run: {where}\nre-evaluate with: pytest {item.nodeid!r} --testbed-replay={where}"
    report.sections.append(("testbed", text))
    return str(path)
