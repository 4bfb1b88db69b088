"""The pytest hooks: four flags, a reset of meshes between tests, verdicts in every report. Imports are few."""

from __future__ import annotations

import random
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from testbed.errors import visible
from testbed.frontends.plugin.session import KEY, Session, session_of
from testbed.history.folder import NAME
from testbed.runtime.interrupts import Interrupts, ask_to_end, end_with_parent

INTERRUPTS: pytest.StashKey[Interrupts] = pytest.StashKey()
RECORD: pytest.StashKey[Any] = pytest.StashKey()
SEED = "testbed_seed"
CONTROL = "control(reason): no policy affects this scenario, with the reason; `testbed calibrate` then expects that"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the four flags. Everything else is configured in fixtures."""
    group = parser.getgroup("testbed", "chaos and fault injection for meshed services")
    group.addoption("--testbed-runtime", default="process", metavar="NAME", help="where meshes run (default: process)")
    group.addoption("--testbed-seed", type=int, metavar="N", help="the seed of all random choices (default: a new one)")
    group.addoption("--testbed-keep", action="store_true", help=f"keep all histories and logs in {NAME}/")
    group.addoption("--testbed-replay", metavar="PATH", help="start nothing: re-evaluate the recorded runs in PATH")


def pytest_configure(config: pytest.Config) -> None:
    """Read the flags. xdist workers share the seed of the controller."""
    given = config.getoption("--testbed-seed")
    shared = getattr(config, "workerinput", {}).get(SEED)
    seed = next((s for s in (given, shared) if s is not None), random.SystemRandom().randrange(10**6))
    replay = config.getoption("--testbed-replay")
    config.stash[KEY] = Session(
        rootdir=config.rootpath,
        seed=seed,
        runtime=config.getoption("--testbed-runtime"),
        keep=config.getoption("--testbed-keep"),
        replay=Path(replay) if replay else None,
    )
    config.addinivalue_line("markers", CONTROL)
    config.stash[INTERRUPTS] = Interrupts()
    config.stash[INTERRUPTS].take()
    if hasattr(config, "workerinput"):
        end_with_parent()
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(_Xdist(seed), "testbed-xdist")


class _Xdist:
    """The hooks of pytest-xdist: each worker gets the seed, and a signal when the controller is interrupted."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._workers: dict[Any, int] = {}  # workers on this machine, with their pids

    def pytest_configure_node(self, node: Any) -> None:
        """Give the seed to a new worker."""
        node.workerinput[SEED] = self._seed

    def pytest_testnodeready(self, node: Any) -> None:
        """Record a worker with its pid, which xdist does not publish."""
        if node.gateway.spec.popen:
            self._workers[node] = node.gateway._rinfo().pid

    def pytest_testnodedown(self, node: Any) -> None:
        """Forget a worker."""
        self._workers.pop(node, None)

    def pytest_keyboard_interrupt(self) -> None:
        """Stop running tests: xdist itself would wait five seconds for them."""
        for pid in self._workers.values():
            ask_to_end(pid)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Open the terminal for progress, if there is one, before output is captured."""
    from testbed.frontends.plugin.progress import progress_of

    session_of(session.config).progress = progress_of(session.config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release the terminal and the signal handlers."""
    config.stash[INTERRUPTS].release()
    progress = session_of(config).progress
    if progress is not None:
        progress.close()


def pytest_enter_pdb(config: pytest.Config) -> None:
    """Leave the terminal to the debugger."""
    session_of(config).quiet()


def pytest_report_header(config: pytest.Config) -> str | None:
    """Print settings that differ from the defaults."""
    session = session_of(config)
    if session.replay:
        return f"testbed: replaying {session.replay}, nothing is started"
    given = config.getoption("--testbed-seed") is not None
    return f"testbed: seed {session.seed}" if given else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Raise an error for a `control` mark without a reason."""
    for mark in item.iter_markers("control"):
        if len(mark.args) != 1 or not isinstance(mark.args[0], str) or not mark.args[0] or mark.kwargs:
            raise pytest.UsageError(f"{item.nodeid}: write @pytest.mark.control('why no policy matters')")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Give each test its own record. After the test it is forgotten, with the histories of its runs."""
    from testbed.experiment.record import running

    record = item.stash[RECORD] = session_of(item.config).begin(item.nodeid)
    with running(record):
        try:
            return (yield)
        finally:
            del item.stash[RECORD]
            record.begin_again()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin each try of a test anew: a plugin may run it again."""
    from testbed.frontends.plugin.reruns import begin_try

    item.stash[RECORD].begin_again()
    begin_try(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that sent load and proves nothing by it (see `ending.refuse_unproved`): it could never fail.

    Skip a test that needs something that this kernel, user or runtime cannot do, with the reason.
    """
    try:
        result = yield
    except Exception as error:
        from testbed.errors import Unsupported

        if isinstance(error, Unsupported):
            raise pytest.skip.Exception(str(error)) from error
        raise
    if item.stash[RECORD].runs:
        from testbed.frontends.plugin.ending import refuse_unproved

        refuse_unproved(item.stash[RECORD])
    from testbed.frontends.plugin.reruns import refuse_then_held

    refuse_then_held(item, item.stash[RECORD])
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Reset every mesh before the next test, also after a fixture that failed to tear down."""
    try:
        return (yield)
    finally:
        session_of(item.config).clean()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the outcome of the test to its report, as plain data that xdist can send."""
    if call.excinfo is not None and not item.config.getoption("fulltrace"):
        from testbed.frontends.plugin.tracebacks import shorten

        shorten(call.excinfo)
    report = yield
    session, record = session_of(item.config), item.stash.get(RECORD, None)
    session.quiet()
    if record is not None and call.when == "call":
        from testbed.frontends.plugin.reruns import note_try

        note_try(item, record, call.excinfo.value if call.excinfo else None)
    if record is not None and session.tells(report, record):
        from testbed.frontends.plugin.attach import attach_to_report

        attach_to_report(report, item, call.excinfo.value if call.excinfo else None, record, session)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print one table of all verdicts."""
    reports = [r for kind in ("passed", "failed", "xfailed", "xpassed") for r in terminalreporter.getreports(kind)]
    reports.sort(key=lambda report: report.start)
    outcomes = [report.testbed for report in reports if hasattr(report, "testbed")]
    lost = [text for report in reports for text in getattr(report, "testbed_lost", ())]
    for text in dict.fromkeys(lost):
        terminalreporter.write_line(f"warning: {visible(text)}", yellow=True)
    if outcomes:
        from testbed.report.summary import read_judged, write_summary

        if judged := read_judged(outcomes):
            write_summary(terminalreporter, judged, session_of(config).seed)


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Show a fault or a check in the id of a parametrised test as in the source."""
    homes = {kind.__module__.partition(".")[0] for kind in type(val).__mro__}
    return str(val) if "testbed" in homes and hasattr(val, "__dataclass_fields__") else None
