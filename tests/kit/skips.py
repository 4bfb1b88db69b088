"""The pytest plugin of this suite: `@pytest.mark.needs`, and a run in which nothing is skipped that could be there.

With TESTBED_TOOLS=required (as .ci/run has it) a run fails if a test was skipped for any reason but those listed as
`machine` in testbed/runtime/tools/tools.toml. TESTBED_TOOLS_EXCEPT names what else this machine cannot have.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Generator

import pytest

from testbed.runtime.tools import inventory
from tests.kit.needs import need

VARIABLE, EXCEPT, REQUIRED = "TESTBED_TOOLS", "TESTBED_TOOLS_EXCEPT", "required"
TITLE = "skipped, though an install step could have prevented it"


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark; where everything is required, the controller counts."""
    config.addinivalue_line(
        "markers", "needs(*names): skip where one of these is not here, see testbed/runtime/tools/tools.toml"
    )
    wanted = os.environ.get(VARIABLE, "")
    if wanted not in ("", REQUIRED):
        raise pytest.UsageError(f"{VARIABLE}={wanted}: it can only be {REQUIRED!r}")
    if wanted and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Required({*inventory.machine(), *os.environ.get(EXCEPT, "").split()}))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip before any fixture is made."""
    for mark in item.iter_markers("needs"):
        need(*mark.args)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put into the report what is lacking, as plain data that survives xdist."""
    report = yield
    if report.skipped and call.excinfo is not None:
        error = call.excinfo.value
        report.lacks = getattr(error, "lacks", "") or getattr(error.__cause__, "lacks", "")  # type: ignore[attr-defined]
    return report


class Required:
    """Fails the run if a test was skipped for a reason that is not accepted."""

    def __init__(self, accepted: Collection[str]) -> None:
        self._accepted = accepted
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Look at a test."""
        if report.skipped and not hasattr(report, "wasxfail"):
            self._look(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Look at a module."""
        if report.skipped:
            self._look(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Make a good end a bad one."""
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Name the tests and the reasons."""
        if self._skipped:
            terminalreporter.section(TITLE, red=True)
            terminalreporter.line("\n".join(self._skipped))

    def _look(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if getattr(report, "lacks", "") not in self._accepted:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self._skipped.append(f"{report.nodeid}: {reason.removeprefix('Skipped: ')}")
