"""Builds the outcome of a test from its record and its pytest report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from testbed.checks.judging.saturation import starved
from testbed.errors import Inconclusive, NotContained, TestbedError
from testbed.frontends.plugin.reruns import then_held
from testbed.history.unused_links import links_used
from testbed.masking.known import KNOWN
from testbed.report.narrative import narrative
from testbed.report.outcome import Asserts, Ended, ReportOutcome, RunOutcome, TestOutcome

if TYPE_CHECKING:
    from testbed.experiment.record import Record
    from testbed.experiment.run import Run


def outcome_of(
    item: pytest.Item, report: pytest.TestReport, error: BaseException | None, record: Record, history: str = ""
) -> TestOutcome:
    """Return the outcome of a test; `error` is its exception, `history` the path of its saved history."""
    marker = item.get_closest_marker("control")
    return TestOutcome(
        test=item.nodeid,
        outcome=_ended(report),
        asserts=asserts_of(error),
        why=_first_line(error),
        seconds=report.duration,
        seed=record.seed,
        runs=tuple(map(_run, record.runs)),
        injected=tuple(record.injected),
        control=str(marker.args[0]) if marker else None,
        history=history,
        then_held=then_held(item) if report.when == "call" else "",
    )


def _run(run: Run) -> RunOutcome:
    history = run.history
    reports = (
        ReportOutcome(one, narrative(history, {verdict.phase for verdict in one.verdicts})) for one in run.judged
    )
    index = history.index
    mesh = str(index.run.topology.get("name", "")) if index.run else ""
    links = {f"{mesh}: {edge}": said for edge, said in links_used(index).items()}
    return RunOutcome(tuple(reports), starved(index), links)


def _ended(report: pytest.TestReport) -> Ended:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return "error" if report.failed and report.when != "call" else report.outcome


def asserts_of(error: BaseException | None) -> Asserts:
    """Return what the asserts of a test found: "held", "violated", "error", or "checks" if a verdict decided.

    A failed `pytest.raises` counts as held: it waits for a verdict, which is recorded separately.
    """
    if isinstance(error, (NotContained, Inconclusive)):
        return "checks"
    if isinstance(error, TestbedError):
        return "error"
    waited = isinstance(error, pytest.fail.Exception) and str(error).startswith("DID NOT RAISE")
    return "held" if error is None or waited or isinstance(error, pytest.skip.Exception) else "violated"


def _first_line(error: BaseException | None) -> str:
    if error is None:
        return ""
    try:
        return KNOWN.in_message(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    except Exception:  # str() of a user's exception may fail, which must not end pytest
        return type(error).__name__
