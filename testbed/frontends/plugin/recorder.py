"""A pytest plugin for `testbed calibrate` and `testbed soak` alone: chooses the arm, and tells what every test did.

Both start pytest with `-p testbed.frontends.plugin.recorder` and with three variables of the environment: the arm, the
folder for histories, and the number of the pipe into which one process, never an xdist worker, writes a line a test.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from testbed.campaigns.outcomes import ARM, COLLECTED, KEPT, PIPE
from testbed.errors import Inconclusive, NotContained, TestbedError
from testbed.experiment.arm import Arm
from testbed.frontends.plugin.hooks import RECORD
from testbed.frontends.plugin.session import session_of
from testbed.runtime.interrupts import end_with_parent

if TYPE_CHECKING:
    from testbed.campaigns.outcomes import Seen, Told
    from testbed.experiment.record import Record

_pipe: pytest.StashKey[IO[str]] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the arm and the folder of the histories, open the pipe; after the plugin proper made its session."""
    session = session_of(config)
    session.arm = Arm(os.environ[ARM])
    session.kept = os.environ[KEPT]
    if not hasattr(config, "workerinput"):
        end_with_parent()
        shutil.rmtree(session.history_path("any").parent, ignore_errors=True)
        config.stash[_pipe] = os.fdopen(int(os.environ[PIPE]), "w")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say how many tests there are."""
    _say(session.config, json.dumps({COLLECTED: len(session.items)}))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    """Say it where only the workers collect."""
    _say(node.config, json.dumps({COLLECTED: len(ids)}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach what the test did to the report of its call, or of whatever went wrong around it."""
    report = yield
    if call.when == "call" or not report.passed:
        report.testbed_told = _told(item, call, report).line()  # type: ignore[attr-defined]
    return report


class _Teller:
    """Writes what the reports carry, in the one process that sees all of them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write what the test did."""
        if line := getattr(report, "testbed_told", ""):
            _say(self._config, line)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Listen to the reports: their hook does not say whose they are."""
    session.config.pluginmanager.register(_Teller(session.config), "testbed-teller")


def _say(config: pytest.Config, line: str) -> None:
    if pipe := config.stash.get(_pipe, None):
        pipe.write(line + "\n")
        pipe.flush()


def _told(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> Told:
    from testbed.campaigns.outcomes import Told

    session, test = session_of(item.config), item.stash[RECORD]
    error = call.excinfo.value if call.excinfo else None
    marker = item.get_closest_marker("control")
    kept = _keep(session.history_path(item.nodeid), test) if call.when == "call" else ""
    return Told(
        test=item.nodeid,
        outcome=_outcome(report),
        own=own(error),
        why=_first_line(error),
        seconds=report.duration,
        verdicts=tuple(_seen(test)),
        injected=tuple(test.injected),
        runs=len(test.runs),
        control=str(marker.args[0]) if marker else None,
        history=kept,
        starved=_starved(test),
    )


def _keep(path: Path, test: Record) -> str:
    from testbed.experiment.replay import write_runs

    if not test.runs:
        return ""
    write_runs(test.runs, path)
    return str(path)


def _seen(test: Record) -> Generator[Seen]:
    from testbed.campaigns.outcomes import Seen

    for number, run in enumerate(test.runs, start=1):
        for verdict in (one for report in run.reports for one in report.verdicts):
            yield Seen(
                number,
                verdict.check,
                verdict.title,
                verdict.population,
                verdict.phase,
                verdict.outcome,
                verdict.observed,
                verdict.bound,
                verdict.n,
                verdict.why,
                verdict.reaction,
            )


def _starved(test: Record) -> str:
    from testbed.checks.judging.saturation import starved

    return next(filter(None, (starved(run.history.index) for run in test.runs)), "")


def _outcome(report: pytest.TestReport) -> Any:
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return "error" if report.failed and report.when != "call" else report.outcome


def own(error: BaseException | None) -> Any:
    """What a test's own code said by the way it ended: "held", "violated", "error", or "checks" did the talking.

    A `pytest.raises` that saw nothing raised is no claim of its own: it waits for a verdict, which is recorded.
    """
    if isinstance(error, (NotContained, Inconclusive)):
        return "checks"
    if isinstance(error, TestbedError):
        return "error"
    waited = isinstance(error, pytest.fail.Exception) and str(error).startswith("DID NOT RAISE")
    return "held" if error is None or waited or isinstance(error, pytest.skip.Exception) else "violated"


def _first_line(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}" if error is not None else ""
