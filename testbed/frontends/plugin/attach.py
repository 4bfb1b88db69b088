"""Attach what a test did to its pytest report: as plain data, as JUnit properties, as a section, as a kept file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.experiment.replay import write_runs
from testbed.frontends.plugin.outcome import outcome_of
from testbed.report.junit import properties_of

if TYPE_CHECKING:
    import pytest

    from testbed.experiment.record import Record
    from testbed.frontends.plugin.session import Session


def attach_to_report(
    report: pytest.TestReport, item: pytest.Item, error: BaseException | None, record: Record, session: Session
) -> None:
    """Add the outcome, and for a test with a run the properties for JUnit and its history, if that is to be kept."""
    ran = report.when == "call" and bool(record.runs)
    history = _keep(report, item, record, session) if ran else ""
    outcome = outcome_of(item, report, error, record, history)
    report.testbed = outcome.as_data()  # type: ignore[attr-defined]
    if ran:
        item.user_properties += properties_of(outcome)


def _keep(report: pytest.TestReport, item: pytest.Item, record: Record, session: Session) -> str:
    """Keep the history of a failed test, or if asked; return its path, "" if it is not kept."""
    if session.replay is not None or not (report.failed or session.keep or session.in_campaign):
        return ""
    path = session.history_path(item.nodeid)
    write_runs(record.runs, path)
    where = path.relative_to(session.rootdir)
    again = f"history: {where}\njudge it again: pytest {item.nodeid!r} --testbed-replay={where}"
    report.sections.append(("testbed", again))
    return str(path)
