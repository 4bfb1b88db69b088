"""Attach a test's verdicts to its pytest report: as plain data, as JUnit properties, as a section, as a kept file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from testbed.experiment.replay import write_runs

if TYPE_CHECKING:
    import pytest

    from testbed.experiment.record import Record
    from testbed.frontends.plugin.session import Session


def attach(report: pytest.TestReport, item: pytest.Item, record: Record, session: Session) -> None:
    """Add rows for the terminal summary and properties for JUnit; keep the history of a failed test, or if asked."""
    from testbed.report.junit import properties, warnings
    from testbed.report.narrative import story

    told = [
        (story(run.history, {verdict.phase for verdict in one.verdicts}), one)
        for run in record.runs
        for one in run.reports
    ]
    judged = [one for _, one in told]
    report.testbed = [  # type: ignore[attr-defined]
        {"test": item.nodeid, "passed": report.passed, **about, **row} for about, one in told for row in one.rows()
    ]
    notes = dict.fromkeys(text for about, _ in told for text in about["notes"])
    item.user_properties += [("testbed.seed", str(record.seed)), *warnings(notes)]
    item.user_properties += [pair for one in judged for pair in properties(one)]
    if session.replay is None and (report.failed or session.keep):
        path = session.history_path(item.nodeid)
        write_runs(record.runs, path)
        where = path.relative_to(session.rootdir)
        report.sections.append(
            ("testbed", f"history: {where}\njudge it again: pytest {item.nodeid!r} --testbed-replay={where}")
        )
