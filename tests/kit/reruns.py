"""Runs a test again where the machine was too late for it, and says at the end how often; a part of the root conftest.

Three kinds of tests: those marked `lateness`, where a bare thread or process was late meanwhile; those on a real mesh
that end as inconclusive because the testbed was saturated, which it measures by itself; and, once, those of the corpus
of verdicts, until it has been repeated beside other load. The rerun itself is pytest-rerunfailures'. In CI too many of
them fail the run, so that they hide no real slowness.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import pytest

from testbed.checks import SATURATED
from testbed.errors import Inconclusive
from tests.kit import ROOT
from tests.kit.lateness import Lateness, Meter

RERUNS = 2
MOST_IN_CI = 5  # reruns of one session, on an idle machine: more than that is a slowness of ours
KEY = pytest.StashKey[Lateness]()
MESHES, CORPUS = ROOT / "examples", ROOT / "tests/e2e/truth"


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "lateness: fails by being late; runs again where the machine itself was late")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let pytest-rerunfailures ask about the machine before it runs a test again."""
    for item in items:
        if item.get_closest_marker("lateness"):
            item.add_marker(pytest.mark.flaky(reruns=RERUNS, condition=partial(was_late, item)))
        elif item.path.is_relative_to(MESHES):
            item.add_marker(pytest.mark.flaky(reruns=RERUNS, condition=is_saturated))
        elif item.path.is_relative_to(CORPUS):
            item.add_marker(pytest.mark.flaky(reruns=1))


def was_late(item: pytest.Item) -> bool:
    """Whether the machine was late during the last run of this test."""
    found = item.stash.get(KEY, None)
    return found is not None and found.is_large


def is_saturated(error: BaseException | None) -> bool:
    """Whether a test ended with a verdict that a saturated testbed could not tell."""
    return isinstance(error, Inconclusive) and SATURATED in " ".join(str(error).split())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure beside the test, if it is one of lateness, and say in its report what was measured."""
    if item.get_closest_marker("lateness") is None:
        return (yield)
    meter = Meter()
    try:
        return (yield)
    finally:
        item.stash[KEY] = found = meter.end()
        item.add_report_section("call", "lateness", f"{found}; from 30 ms on the test runs again\n")


def too_many(count: int) -> bool:
    """Whether so many reruns fail the session: in CI, above the stated number."""
    return bool(os.environ.get("CI")) and count > MOST_IN_CI


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session in CI with too many reruns."""
    if too_many(_count(session.config)) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print how many tests of lateness ran again."""
    count = _count(config)
    if count:
        over = f"; more than {MOST_IN_CI} fail a run in CI" if too_many(count) else ""
        terminalreporter.write_line(f"{count} reruns, as the machine was late{over}")


def _count(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return len(reporter.stats.get("rerun", ())) if reporter else 0
