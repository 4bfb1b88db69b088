"""A session keeps no history of a test that has ended, whatever became of it."""

from pathlib import Path

HERE = Path(__file__).parents[4]

COUNTS = """
import gc, weakref
import pytest
from testbed.history.file import History

born, alive = weakref.WeakSet(), []
made = History.__init__

def noted(self, *given):
    made(self, *given)
    born.add(self)

History.__init__ = noted

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    result = yield
    gc.collect()
    alive.append(len(born))
    return result

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"alive {alive}")
"""
TESTS = """
import pytest
from testbed import p99, statuses
from testbed.experiment.record import of_running_test
from testbed.experiment.run import Run
from tests.kit.story import faulty

def ran():
    run = Run(faulty().history)
    of_running_test().runs.append(run)
    return run

@pytest.mark.parametrize("n", range(3))
def test_holds(n):
    ran().check(all=[statuses(200)])

@pytest.mark.parametrize("n", range(3))
def test_is_violated(n):
    ran().check(all=[statuses(404)])

@pytest.mark.parametrize("n", range(3))
def test_is_not_judged(n):
    ran()

@pytest.mark.parametrize("n", range(3))
def test_breaks(n):
    run = ran()
    assert run is None
"""


def without(*plugins):
    return [word for plugin in plugins for word in ("-p", f"no:{plugin}")]


def test_a_test_that_has_ended_leaves_no_history_in_memory(pytester, monkeypatch):
    """In a process of its own, without plugins that keep every error, with its frames: pytester, rerunfailures."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    pytester.makeconftest(COUNTS)
    pytester.makepyfile(TESTS)
    told = pytester.runpytest_subprocess("-q", *without("randomly", "rerunfailures"), timeout=100)
    told.assert_outcomes(passed=3, failed=9)
    (line,) = [line for line in told.outlines if line.startswith("alive ")]
    found = [int(word) for word in line.removeprefix("alive ").strip("[]").split(", ")]
    assert len(found) == 12
    assert max(found) <= 1  # Python itself keeps the last error
